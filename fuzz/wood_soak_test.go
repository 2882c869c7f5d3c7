//go:build soak

package fuzz

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// wood is a signed tree with a truth to each question, and an attacker with zones of his own in it and beside it.
type wood struct {
	tree
	vendor, stranger key
	evil             *zone.Zone // vendor.example. as somebody else would have it
	honestOf         sync.Map   // question → wire form of the right reply
	replies          []*dns.Msg // the right replies to all that an honest walk asks
	truths           []truth
}

// truth is what may be proven of a name and type; Insecure: nothing.
type truth struct {
	name     string
	rrtype   uint16
	security dnssec.Security
	kind     dnssec.Kind
	data     string // hex, "" where it is not compared
	wildcard bool
}

var evilAddr = netip.MustParseAddr("192.0.2.66")

func newWood(tb testing.TB) *wood {
	w := &wood{tree: tree{zones: map[netip.Addr]*zone.Zone{}}, vendor: newKey(tb, "vendor"), stranger: newKey(tb, "stranger")}
	vendor := w.add(tb, "vendor.example.", "192.0.2.3", signed(tb, zone.NSEC), append(w.vendor.records("vendor.example."),
		"*.wild.vendor.example. 300 IN TLSA 255 255 255 "+w.vendor.jkt(), "www.vendor.example. 300 IN TXT x"))
	empty := w.add(tb, "empty.example.", "192.0.2.4", signed(tb, zone.NSEC3), nil)
	alias := w.add(tb, "alias.example.", "192.0.2.5", signed(tb, zone.NSEC3), []string{"jwk.cnf.alias.example. 300 IN CNAME jwk.cnf.vendor.example."})
	plain := w.add(tb, "plain.example.", "192.0.2.6", zone.Policy{}, w.stranger.records("plain.example."))
	attacker := w.add(tb, "attacker.example.", "192.0.2.7", signed(tb, zone.NSEC), append(w.stranger.records("attacker.example."),
		"ns.vendor.example.attacker.example. 300 IN A 192.0.2.66"))
	w.plant(tb, w.add(tb, "example.", "192.0.2.2", signed(tb, zone.NSEC3), nil, vendor, empty, alias, plain, attacker))
	w.evil = w.add(tb, "vendor.example.", evilAddr.String(), signed(tb, zone.NSEC), w.stranger.records("vendor.example."))
	jkt, ckt := "ffffff"+w.vendor.jkt(), "ffffff"+w.vendor.ckt()
	w.truths = []truth{
		{"jwk.cnf.vendor.example.", dns.TypeTLSA, dnssec.Secure, dnssec.Positive, jkt, false},
		{"1.8.vendor.example.", dns.TypeTLSA, dnssec.Secure, dnssec.Positive, ckt, false},
		{"jkt.cnf.vendor.example.", dns.TypeTLSA, dnssec.Secure, dnssec.NoName, "", false},
		{"cnf.vendor.example.", dns.TypeTLSA, dnssec.Secure, dnssec.NoData, "", false},
		{"jwk.cnf.empty.example.", dns.TypeTLSA, dnssec.Secure, dnssec.NoName, "", false},
		{"empty.example.", dns.TypeTLSA, dnssec.Secure, dnssec.NoData, "", false},
		{"jwk.cnf.alias.example.", dns.TypeTLSA, dnssec.Secure, dnssec.Positive, jkt, false},
		{"jwk.cnf.any.wild.vendor.example.", dns.TypeTLSA, dnssec.Secure, dnssec.Positive, jkt, true},
		{"jwk.cnf.plain.example.", dns.TypeTLSA, dnssec.Insecure, dnssec.NoAnswer, "", false},
		{"jwk.cnf.nobody.example.", dns.TypeTLSA, dnssec.Secure, dnssec.NoName, "", false},
		{"plain.example.", dns.TypeDS, dnssec.Secure, dnssec.NoData, "", false},
		{"jwk.cnf.attacker.example.", dns.TypeTLSA, dnssec.Secure, dnssec.Positive, "ffffff" + w.stranger.jkt(), false},
	}
	return w
}

// honest shows that the tree with nothing changed gives every truth, and remembers its replies.
func (w *wood) honest(t *testing.T) {
	h := w.newHaunted(t, 0)
	defer h.close(t)
	for _, u := range w.truths {
		a := h.ask(t, u)
		if a.Security != u.security || a.Security == dnssec.Secure && u.differs(a) != "" {
			t.Fatalf("with nothing changed %s %s is %s: %s", u.name, dns.TypeToString[u.rrtype], a.Security, a.Trouble.Text)
		}
	}
	w.honestOf.Range(func(_, wire any) bool {
		m := new(dns.Msg)
		if err := m.Unpack(wire.([]byte)); err != nil {
			t.Fatal(err)
		}
		w.replies = append(w.replies, m)
		return true
	})
	slices.SortFunc(w.replies, func(a, b *dns.Msg) int { return strings.Compare(a.Question[0].String(), b.Question[0].String()) })
}

// differs says how a Secure answer is not the truth; "" where it is.
func (u truth) differs(a *dnssec.Answer) string {
	switch {
	case u.security != dnssec.Secure:
		return "nothing about it can be proven"
	case a.Kind != u.kind:
		return fmt.Sprintf("kind %d is proven, it is %d", a.Kind, u.kind)
	case a.Wildcard != u.wildcard:
		return fmt.Sprintf("by a wildcard: %t", a.Wildcard)
	case u.data != "" && (len(a.Data) == 0 || slices.ContainsFunc(a.Data, func(b []byte) bool { return hex.EncodeToString(b) != u.data })):
		return fmt.Sprintf("data %x are proven", a.Data) // the same record twice is no other record
	}
	return ""
}

// reply is what a server truly says, in wire form. Signing takes long: each is made once.
func (w *wood) reply(server netip.Addr, q dns.Question) ([]byte, error) {
	key := server.String() + " " + q.String()
	if wire, ok := w.honestOf.Load(key); ok {
		return wire.([]byte), nil
	}
	z := w.zones[server]
	if z == nil {
		return nil, errors.New("no such host")
	}
	r := &dns.Msg{Question: []dns.Question{q}}
	r.Response, r.Compress, r.Rcode = true, true, dns.RcodeRefused
	if z.Contains(q.Name) {
		a := z.Answer(q.Name, q.Qtype, true, now)
		r.Rcode, r.Authoritative, r.Answer, r.Ns, r.Extra = a.Rcode, a.Authoritative, a.Answer, a.Authority, a.Additional
	}
	wire, err := r.Pack()
	if err == nil {
		w.honestOf.Store(key, wire)
	}
	return wire, err
}
