package dnssec

import (
	"slices"
	"testing"
)

// TestOrderKey: the octets of the keys sort as the names do (RFC 4034 §6.1).
func TestOrderKey(t *testing.T) {
	names := []string{"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`, `\000.z.example.`, `\000\000.z.example.`, `a\.b.example.`, "."}
	for _, a := range names {
		for _, b := range names {
			a, b := Canonical(a), Canonical(b)
			if got := orderKey(a) < orderKey(b); got != less(a, b) {
				t.Errorf("%s before %s: %v by key, %v by name", a, b, got, less(a, b))
			}
		}
	}
	if !slices.IsSortedFunc([]string{"example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "zabc.a.example.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`}, func(a, b string) int {
		if orderKey(a) < orderKey(b) {
			return -1
		}
		return 1
	}) {
		t.Error("the order of RFC 4034 §6.1 is not kept")
	}
}
