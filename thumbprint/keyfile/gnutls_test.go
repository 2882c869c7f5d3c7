package keyfile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"testing"

	"cnfd/thumbprint"
)

// ecFile writes a private key as RFC 5915 has it, but for the octets of its number.
func ecFile(t *testing.T, secret []byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Version int
		Secret  []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	}{1, secret, asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// TestPrivateKeysOfAnyLength: GnuTLS, and so uacme, writes a private key on a curve as an INTEGER.
func TestPrivateKeysOfAnyLength(t *testing.T) {
	for _, first := range []byte{0x00, 0x01, 0x7f, 0x80, 0xfe} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		secret[0] = first
		want := thumbprintOf(t, ecFile(t, secret))
		for claim, octets := range map[string][]byte{
			"a zero before":          append([]byte{0}, secret...),
			"no zeros before":        bytes.TrimLeft(secret, "\x00"),
			"many zeros before them": append(make([]byte, 40), secret...),
		} {
			if got := thumbprintOf(t, ecFile(t, octets)); got != want {
				t.Errorf("%s: %s, want %s", claim, got, want)
			}
		}
	}
	for claim, octets := range map[string][]byte{
		"nothing": nil, "zero": make([]byte, 32), "the order and more": slices.Repeat([]byte{0xff}, 32), "too many": slices.Repeat([]byte{1}, 33),
	} {
		if entries, err := Parse(ecFile(t, octets)); err == nil && entries[0].Err == nil {
			t.Errorf("%s was taken for a key", claim)
		}
	}
}

func thumbprintOf(t *testing.T, file []byte) string {
	t.Helper()
	entries, err := Parse(file)
	if err != nil || len(entries) != 1 || entries[0].Err != nil {
		t.Fatalf("%v %v", entries, err)
	}
	return entries[0].Key.JKT(thumbprint.SHA256).Hex()
}
