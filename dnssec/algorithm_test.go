package dnssec

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"testing"
)

// TestASN1Signature: whatever the octets of r and s, their form is the one that
// the standard library gives the numbers.
func TestASN1Signature(t *testing.T) {
	octets := func(size int, first ...byte) []byte { return append(first, make([]byte, size-len(first))...) }
	last := func(b []byte, c byte) []byte { b[len(b)-1] = c; return b }
	for _, size := range []int{32, 48} {
		numbers := [][]byte{
			octets(size), last(octets(size), 1), last(octets(size), 0x80), last(octets(size), 0xff), octets(size, 0x7f), octets(size, 0x80),
			octets(size, 0, 0x7f), octets(size, 0, 0x80), octets(size, 0, 0, 1), bytes.Repeat([]byte{0xff}, size),
		}
		for _, r := range numbers {
			for _, s := range numbers {
				want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
				if err != nil {
					t.Fatal(err)
				}
				if got := asn1Signature(append(bytes.Clone(r), s...)); !bytes.Equal(got, want) {
					t.Errorf("%x %x: %x, want %x", r, s, got, want)
				}
			}
		}
	}
}
