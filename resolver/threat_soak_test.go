//go:build soak

package resolver

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// tape keeps in wire form what a lab said, so that it can be said again at the cost of
// reading it alone.
type tape struct {
	*lab
	mu   sync.Mutex // guards said
	said map[string][]byte
}

func (x *tape) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	m, err := x.lab.Exchange(ctx, server, network, q)
	if err != nil {
		return m, err
	}
	wire, err := m.Pack()
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, key := range keysOnTape(server, network, q) {
		x.said[key] = wire
	}
	return m, nil
}

// keysOnTape are the places of a reply: its server's, and anybody's.
func keysOnTape(server netip.AddrPort, network string, q *dns.Msg) [2]string {
	what := fmt.Sprintf("%s %s %d", network, q.Question[0].Name, q.Question[0].Qtype)
	return [2]string{server.Addr().String() + " " + what, what}
}

// replay is an Exchanger that plays a tape. What is not on it is silence, cut short.
type replay struct{ said map[string][]byte }

func (x replay) Exchange(_ context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	for _, key := range keysOnTape(server, network, q) {
		if wire, ok := x.said[key]; ok {
			m := new(dns.Msg)
			return m, m.Unpack(wire)
		}
	}
	return nil, context.DeadlineExceeded
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// costliest are questions made to cost as much computing as the bounds on messages,
// octets, checks and hashes allow, all at once.
func costliest(t testing.TB) []threat {
	p384 := func() *zone.Policy {
		k, err := zone.NewKey(dns.ECDSAP384SHA384, 257, nil)
		if err != nil {
			t.Fatal(err)
		}
		return &zone.Policy{Keys: []*zone.Key{k}}
	}
	// Twelve zones, a wildcard's alias in each, the dearest signatures that there are, a
	// few denials that nobody needs; at the end NSEC3 in eight salts of 255 octets, at
	// the most iterations that are looked at, for a name of a hundred labels.
	wild, at := relay(12, true)
	for i := range wild {
		wild[i].policy = p384()
	}
	deep := "jwk.cnf." + strings.Repeat("a.", 90) + "s11.example."
	wild[10].records = strings.Replace(wild[10].records, "CNAME jwk.cnf.s11.example.", "CNAME "+deep, 1)
	salted := func(t testing.TB, l *lab) {
		l.lie(padded(t, l), at[:2]...)
		l.lie(edit(dns.TypeTLSA, func(r *dns.Msg) {
			r.Rcode, r.Answer, r.Ns = dns.RcodeNameError, nil, nil
			for i := range 8 {
				salt := strings.Repeat(fmt.Sprintf("%02X", i), 255)
				n := &dns.NSEC3{
					Hdr:  dns.RR_Header{Name: dns.HashName("s11.example.", dns.SHA1, 0, salt) + ".s11.example.", Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 300},
					Hash: dns.SHA1, Iterations: 150, SaltLength: 255, Salt: salt, HashLength: 20, NextDomain: strings.Repeat("0", 32), TypeBitMap: []uint16{dns.TypeTXT},
				}
				r.Ns = append(r.Ns, n, signedBy(t, wild[11].policy.Keys[0], "s11.example.", n))
			}
		}), at[11])
	}

	// A set of a thousand records, signed eight times over by keys of one tag.
	records := ""
	for i := range 1000 {
		records += fmt.Sprintf("jwk.cnf 300 TLSA 255 255 255 %064X\n", i)
	}
	large := site{name: "large.example.", at: []string{otherAt}, policy: &zone.Policy{Keys: alike(t, 4)}, records: records}
	// Five hundred keys in one set, genuine all of them, of which one signs.
	keys := site{name: "keys.example.", at: []string{otherAt}, policy: p384(), records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}
	hoard := func(t testing.TB, l *lab) {
		own := keys.policy.Keys[0]
		set := []dns.RR{dnskeyOf(t, keys.name, own)}
		for range 500 {
			set = append(set, dnskeyOf(t, keys.name, p384().Keys[0]))
		}
		signed := append(set, signedBy(t, own, keys.name, set...))
		l.lie(edit(dns.TypeDNSKEY, func(r *dns.Msg) { r.Answer = signed }), otherAt)
	}

	return []threat{
		{claim: "checks and hashes, both as many as there may be", sites: wild, name: "jwk.cnf.s0.example.", flip: salted},
		{claim: "checks alone", sites: wild, name: "jwk.cnf.s0.example.", flip: func(t testing.TB, l *lab) { l.lie(padded(t, l), at[:11]...) }},
		{claim: "a thousand records and eight signatures that do not hold, by four keys each", sites: []site{large}, name: "jwk.cnf.large.example.", flip: func(t testing.TB, l *lab) { l.lie(edit(dns.TypeTLSA, spoiled(8, false)), otherAt) }},
		{claim: "five hundred keys", sites: []site{keys}, name: "jwk.cnf.keys.example.", flip: hoard},
	}
}

// dnskeyOf is the record of a P-384 key.
func dnskeyOf(t testing.TB, apex string, k *zone.Key) *dns.DNSKEY {
	pub, err := k.Private().Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: apex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: k.Flags, Protocol: 3, Algorithm: k.Algorithm, PublicKey: base64.StdEncoding.EncodeToString(pub[1:]),
	}
}

// signedBy is a signature that holds, over a set that no honest zone has.
func signedBy(t testing.TB, k *zone.Key, apex string, set ...dns.RR) *dns.RRSIG {
	sig := &dns.RRSIG{
		Hdr: dns.RR_Header{Ttl: set[0].Header().Ttl}, Algorithm: k.Algorithm, KeyTag: dnskeyOf(t, apex, k).KeyTag(), SignerName: apex,
		Inception: uint32(time.Now().Add(-time.Hour).Unix()), Expiration: uint32(time.Now().Add(time.Hour).Unix()),
	}
	if err := sig.Sign(k.Private(), set); err != nil {
		t.Fatal(err)
	}
	return sig
}

// TestSoakHostileCPU: no question takes more than 100 ms of processor time, whatever
// those who are asked say: every set-up of the other tests, and those made to cost most.
func TestSoakHostileCPU(t *testing.T) {
	const limit = 100 * time.Millisecond
	for _, c := range append(append(costliest(t), amplifications()...), proofThreats(t)...) {
		t.Run(c.claim, func(t *testing.T) {
			x := &tape{said: map[string][]byte{}}
			var began time.Time
			var edits []func(*Config)
			name, rrtype := c.name, c.rrtype
			if name == "" {
				name = owner
			}
			if rrtype == 0 {
				rrtype = dns.TypeTLSA
			}
			synctest.Test(t, func(t *testing.T) {
				x.lab = newLab(t, tree(c.sites...)...)
				c.flip(t, x.lab)
				began = time.Now()
				edits = []func(*Config){func(cfg *Config) {
					cfg.Exchanger = x
					if c.config != nil {
						c.config(cfg)
					}
				}}
				ask(t, x.lab.resolver(t, edits...), name, rrtype)
			})
			least := time.Hour
			var said *dnssec.Answer
			for range 7 {
				r := x.lab.resolver(t, append(edits, func(cfg *Config) {
					cfg.Exchanger = replay{x.said}
					cfg.Now = func() time.Time { return began }
				})...)
				before := cpu()
				said = ask(t, r, name, rrtype)
				least = min(least, cpu()-before)
			}
			t.Logf("%s: %s %s", least.Round(time.Millisecond/10), said.Security, said.Trouble.Text)
			if least > limit {
				t.Errorf("%s of processor time", least)
			}
		})
	}
}
