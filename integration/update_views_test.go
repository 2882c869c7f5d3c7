package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cnfd/publish"
	rfc2136 "cnfd/publish/update"

	"github.com/miekg/dns"
)

// viewsBIND shows one zone to who has the key lab, and another of the same name to all others.
type viewsBIND struct{ bind }

func (b viewsBIND) configure(t testing.TB, h *host) {
	t.Helper()
	views := ""
	for _, view := range []struct{ name, clients string }{{"inside", `key "lab";`}, {"outside", "any;"}} {
		write(t, h.path(view.name+".zone"), h.zones[0].file()+"view."+h.zones[0].name+" 300 IN TXT "+view.name+"\n")
		views += fmt.Sprintf("view %q { match-clients { %s }; zone %q { type primary; file %q; allow-update { any; }; }; };\n", view.name, view.clients, h.zones[0].name, view.name+".zone")
	}
	write(t, h.path("named.conf"), fmt.Sprintf(`%s
options { directory %q; pid-file none; session-keyfile none; listen-on port 53 { %s; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; allow-transfer { any; }; };
controls { };
%s`, labKey, h.dir, h.addr, views))
}

// TestUpdateInAView holds that questions are signed too: without the key, another zone is read than is written.
func TestUpdateInAView(t *testing.T) {
	t.Parallel()
	lab(t)
	h := newHost(t, viewsBIND{}, "127.138.0.1")
	z := newZone(t, "vendor.example.", h.addr, dns.ECDSAP256SHA256)
	z.unsigned = true
	h.zones = []*zone{z}
	anew(t, h.dir)
	h.start(t)
	w := &writable{server: h.addr + ":53", zone: z.name, key: labKey}
	name := "jwk.cnf." + z.name
	inside, outside := w.target(t, nil), w.target(t, func(c *rfc2136.Config) { c.Key = rfc2136.Key{} })
	rest := w.all(t) // of who has no key
	before := readSet(t, inside, name)
	after := before.With(tlsaOf(t, updateOurs)[0], time.Minute)
	writeSet(t, inside, before, after)
	if now := readSet(t, inside, name); !now.Same(after) {
		t.Errorf("inside: %v", now)
	}
	if now := readSet(t, outside, name); !now.Same(publish.Set{Name: name}) || !slices.Equal(w.all(t), rest) {
		t.Errorf("outside: %v", now)
	}
	w.refused(t, outside.Write(t.Context(), publish.Change{Name: name, Before: after, After: before}), expected{publish.Conflict, "NXRRSET"})
	if now := readSet(t, inside, name); !now.Same(after) {
		t.Errorf("inside: %v", now)
	}
}
