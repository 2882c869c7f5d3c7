package signature

import (
	"crypto/ed25519"
	"testing"

	"filippo.io/edwards25519"
)

// The points of small order are those that eight times give the identity, and
// there are eight of them: each stands in the list once.
func TestSmallOrder(t *testing.T) {
	seen := map[[32]byte]bool{}
	for _, encoding := range smallOrder {
		point, err := new(edwards25519.Point).SetBytes(encoding[:])
		if err != nil || string(point.Bytes()) != string(encoding[:]) {
			t.Fatalf("%x: %v", encoding, err)
		}
		if point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) != 1 {
			t.Errorf("%x: of a larger order", encoding)
		}
		seen[encoding] = true
		if !weak(ed25519.PublicKey(encoding[:])) {
			t.Errorf("%x is not weak", encoding)
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d points, want 8", len(seen))
	}
	if base := edwards25519.NewGeneratorPoint().Bytes(); weak(ed25519.PublicKey(base)) {
		t.Error("the base point is weak")
	}
}
