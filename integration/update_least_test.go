package integration

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

// These are the grants of docs/publish.md, for a key called lab; TestUpdateLeast holds that they stand there.
const (
	leastBIND = `        grant lab name jwk.cnf.vendor.example. TLSA;
        grant lab name 1.8.vendor.example. TLSA;
`
	leastKnot = `    key: lab
    action: update
    update-type: TLSA
    update-owner: name
    update-owner-match: equal
    update-owner-name: [jwk.cnf.vendor.example., 1.8.vendor.example.]
`
)

type leastOfBIND struct{ bind }

func (b leastOfBIND) configure(t testing.TB, h *host) {
	t.Helper()
	b.bind.configure(t, h)
	edited(t, h.path("named.conf"), "allow-transfer { none; }", "allow-transfer { any; }")
	edited(t, h.path("named.conf"), "grant lab zonesub any;", leastBIND)
}

type leastOfKnot struct{ updateKnot }

func (k leastOfKnot) configure(t testing.TB, h *host) {
	t.Helper()
	k.updateKnot.configure(t, h)
	edited(t, h.path("knot.conf"), "    key: lab\n    action: update\n", leastKnot)
}

// TestUpdateLeast: a key that may write TLSA at the names of two methods does so, reads every other name, and can write
// at none.
func TestUpdateLeast(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/publish.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{leastBIND, leastKnot} {
		if !strings.Contains(strings.ReplaceAll(string(doc), "cnfd", "lab"), want) {
			t.Errorf("docs/publish.md has not\n%s", want)
		}
	}
	for i, server := range []software{leastOfBIND{}, leastOfKnot{}} {
		w, _ := updateHosts(t, 139+i, server, updateBIND{}, nil)
		z := w.target(t, nil)
		ours := tlsaOf(t, updateOurs)[0]
		for _, label := range []string{"jwk.cnf.", "1.8."} {
			name := label + w.zone
			others := w.others(t, name)
			before := readSet(t, z, name)
			after := before.With(ours, 5*time.Minute)
			writeSet(t, z, before, after)
			if got := readSet(t, z, name); !got.Same(after) {
				t.Errorf("%T: %v", server, got)
			}
			writeSet(t, z, after, before)
			if got := w.others(t, name); got != others {
				t.Errorf("%T: others' records are now\n%s\nand were\n%s", server, got, others)
			}
		}
		all := strings.Join(w.all(t), "\n")
		for _, label := range []string{"5.8.", "cnf.", "neighbour."} {
			before := readSet(t, z, label+w.zone)
			err := z.Write(t.Context(), publish.Change{Name: before.Name, Before: before, After: before.With(ours, 5*time.Minute)})
			var e *publish.Error
			if !errors.As(err, &e) || e.Kind != publish.Refused && e.Kind != publish.BadKey {
				t.Errorf("%T: %s: %v", server, label, err)
			}
		}
		if got := strings.Join(w.all(t), "\n"); got != all {
			t.Errorf("%T: the zone is now\n%s\nand was\n%s", server, got, all)
		}
	}
}
