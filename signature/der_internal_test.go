package signature

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"math/rand/v2"
	"testing"
)

// Signatures are handed to the library in the DER that encoding/asn1 writes.
func TestAppendDER(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, half := range []int{32, 48, 66} {
		for range 2000 {
			sig := make([]byte, 2*half)
			for i := range sig {
				sig[i] = byte(random.Uint32())
			}
			// Leading zero octets, to all of a half, and first bits that are set and not.
			clear(sig[:random.IntN(half+1)])
			clear(sig[half:][:random.IntN(8)*random.IntN(half+1)/7])
			r, s := new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])
			got := appendDER(make([]byte, 0, maxDER), sig)
			if r.Sign() == 0 || s.Sign() == 0 {
				if got != nil {
					t.Fatalf("%x: zero, and yet %x", sig, got)
				}
				continue
			}
			want, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
			if err != nil || !bytes.Equal(got, want) || cap(got) != maxDER {
				t.Fatalf("%x: %x, want %x, %v", sig, got, want, err)
			}
		}
	}
}
