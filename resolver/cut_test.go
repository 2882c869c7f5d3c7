package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// anchorOf is the trust anchor of a lab's zone, as a line.
func (l *lab) anchorOf(name string) string { return l.zones[name].DS(dns.SHA256)[0].String() }

func (l *lab) anchors(t *testing.T, lines ...string) func(*Config) {
	a, err := dnssec.ParseAnchors(lines)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Anchors = &a }
}

// TestPhoenix: a zone whose delegation was taken away cannot live on in cuts
// below it that are learnt just before the one above dies (CVE-2022-30698/9).
func TestPhoenix(t *testing.T) {
	at := []string{otherAt}
	deep := site{name: "ghost.example.", at: at, records: "jwk.cnf 1 TLSA 255 255 255 " + key}
	bubble(t, tree(deep,
		site{name: "a.ghost.example.", at: at, records: "jwk.cnf 1 TLSA 255 255 255 " + key},
		site{name: "b.a.ghost.example.", at: at, records: "jwk.cnf 1 TLSA 255 255 255 " + key},
		site{name: "c.b.a.ghost.example.", at: at, records: "jwk.cnf 1 TLSA 255 255 255 " + key},
	), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		refer := func(_ string, q, r *dns.Msg) *dns.Msg { return r }
		l.lie(refer, otherAt)
		// Each zone is asked for on a server of its own, so that it is referred to.
		for i, apex := range []string{"a.ghost.example.", "b.a.ghost.example.", "c.b.a.ghost.example."} {
			addr := []string{"192.0.2.71", "192.0.2.72", "192.0.2.73"}[i]
			l.on[mustAddr(addr)] = map[string]*zone.Zone{apex: l.zones[apex]}
			up := dnssec.Parent(apex)
			if err := l.zones[up].Replace(parse(t, ".", "ns1."+apex+" 3600 A "+addr)...); err != nil {
				t.Fatal(err)
			}
			if err := l.zones[apex].Replace(parse(t, ".", "ns1."+apex+" 3600 A "+addr)...); err != nil {
				t.Fatal(err)
			}
		}
		l.on[mustAddr(otherAt)] = map[string]*zone.Zone{"ghost.example.": l.zones["ghost.example."]}
		const step = time.Hour - 30*time.Second
		if a := ask(t, r, "jwk.cnf.ghost.example.", dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		// The registry takes the name away.
		for _, rrtype := range []uint16{dns.TypeNS, dns.TypeDS} {
			if err := l.zones["example."].Remove("ghost.example.", rrtype); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.zones["example."].Remove("ns1.ghost.example.", dns.TypeA); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"jwk.cnf.a.ghost.example.", "jwk.cnf.b.a.ghost.example.", "jwk.cnf.c.b.a.ghost.example."} {
			time.Sleep(step)
			ask(t, r, name, dns.TypeTLSA)
		}
		time.Sleep(time.Minute)
		if a := ask(t, r, "jwk.cnf.c.b.a.ghost.example.", dns.TypeTLSA); a.Kind == dnssec.Positive {
			t.Errorf("three hours after its domain was taken away a name is %s", a.Security)
		}
	})
}

// TestCutDiesWithItsDS: a zone is not trusted for longer than its parent vouches
// for it, whatever TTL its own keys have.
func TestCutDiesWithItsDS(t *testing.T) {
	brief := site{name: "brief.example.", at: []string{otherAt}, records: "a 300 TXT a\nb 300 TXT b\nc 300 TXT c\n", ds: func(ds []dns.RR) []dns.RR {
		ds[0].Header().Ttl = 60
		return ds
	}}
	bubble(t, tree(brief), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, "a.brief.example.", dns.TypeTXT)
		time.Sleep(59 * time.Second)
		l.count()
		ask(t, r, "b.brief.example.", dns.TypeTXT)
		if n := l.count(); n != 1 {
			t.Errorf("%d messages while the DS holds", n)
		}
		time.Sleep(time.Second)
		ask(t, r, "c.brief.example.", dns.TypeTXT)
		if !l.asked(exampleAt) {
			t.Error("the parent was not asked again when its DS had expired")
		}
	})
}

// TestAnchors: where trust begins.
func TestAnchors(t *testing.T) {
	forged := "jwk.cnf 300 TLSA 255 255 255 00\n"
	sites := tree(
		site{name: "bare.", at: []string{otherAt}, bare: true},
		site{name: "corp.bare.", at: []string{vendorAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "same.bare.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "deep.corp.bare.", at: []string{vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
	)
	const deep = "jwk.cnf.deep.corp.bare."
	refer := func(t *testing.T) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
		// Its parent's parent refers past the zone with the anchor, to a forger.
		return func(_ string, q, r *dns.Msg) *dns.Msg {
			if !strings.HasSuffix(q.Question[0].Name, "deep.corp.bare.") && !strings.HasSuffix(q.Question[0].Name, "corp.bare.") {
				return r
			}
			u := new(dns.Msg).SetReply(q)
			u.Ns = parse(t, ".", "deep.corp.bare. 300 NS ns1.deep.corp.bare.")
			u.Extra = parse(t, ".", "ns1.deep.corp.bare. 300 A "+evilAt)
			return u
		}
	}
	for _, c := range []struct {
		claim   string
		name    string
		anchors []string // of zones; "-" for none
		edit    func(*Config)
		lie     bool
		want    dnssec.Security
	}{
		{claim: "the root's alone", name: owner, anchors: []string{"."}, want: dnssec.Secure},
		{claim: "none", name: owner, anchors: nil, want: dnssec.Indeterminate},
		{claim: "a top-level domain's alone", name: owner, anchors: []string{"example."}, want: dnssec.Secure},
		{claim: "another top-level domain's alone", name: owner, anchors: []string{"test."}, want: dnssec.Indeterminate},
		{claim: "the zone's alone", name: owner, anchors: []string{"vendor.example."}, want: dnssec.Secure},
		{claim: "an island below an unsigned zone", name: "jwk.cnf.corp.bare.", anchors: []string{".", "corp.bare."}, want: dnssec.Secure},
		{claim: "the island without its anchor", name: "jwk.cnf.corp.bare.", anchors: []string{"."}, want: dnssec.Insecure},
		{claim: "an island on its parent's servers", name: "jwk.cnf.same.bare.", anchors: []string{".", "same.bare."}, want: dnssec.Secure},
		{claim: "a zone below an island", name: deep, anchors: []string{".", "corp.bare."}, want: dnssec.Secure},
		{claim: "a referral past the island does not open what is below", name: deep, anchors: []string{".", "corp.bare."}, lie: true, want: dnssec.Bogus},
		{claim: "a negative anchor at the zone", name: owner, anchors: []string{"."}, edit: func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "Vendor.Example"}} }, want: dnssec.Insecure},
		{claim: "a negative anchor above the zone", name: owner, anchors: []string{"."}, edit: func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "example."}} }, want: dnssec.Insecure},
		{claim: "a negative anchor within the zone", name: owner, anchors: []string{"."}, edit: func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "cnf.vendor.example."}} }, want: dnssec.Insecure},
		{claim: "a negative anchor elsewhere", name: owner, anchors: []string{"."}, edit: func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "test."}} }, want: dnssec.Secure},
		{claim: "an anchor that is not the zone's key", name: owner, anchors: []string{".=test."}, want: dnssec.Bogus},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, sites, func(t *testing.T, l *lab) {
				var lines []string
				for _, n := range c.anchors {
					at, of, other := strings.Cut(n, "=")
					if !other {
						of = at
					}
					line := l.anchorOf(of)
					if other {
						line = strings.Replace(line, of, at, 1)
					}
					lines = append(lines, line)
				}
				r := l.resolver(t, l.anchors(t, lines...), func(x *Config) {
					if c.edit != nil {
						c.edit(x)
					}
				})
				if c.lie {
					l.lie(refer(t), otherAt)
					fake := newLab(t, site{name: "deep.corp.bare.", at: []string{evilAt}, bare: true, records: forged})
					l.on[mustAddr(evilAt)] = fake.on[mustAddr(evilAt)]
				}
				a := ask(t, r, c.name, dns.TypeTLSA)
				forgery := len(a.Data) > 0 && len(a.Data[0]) == 4
				if a.Security != c.want && !(c.lie && a.Security == dnssec.Indeterminate && a.Kind == dnssec.NoAnswer) || forgery {
					t.Errorf("%s, kind %d: %+v\n%s", a.Security, a.Kind, a.Trouble, strings.Join(l.log(), "\n"))
				}
			})
		})
	}
}

// TestHiddenCuts: zones on the servers of their parents are never referred to.
func TestHiddenCuts(t *testing.T) {
	here := []string{vendorAt}
	sites := tree(
		site{name: "p.example.", at: here, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "signed.p.example.", at: here, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "deep.signed.p.example.", at: here, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "bare.p.example.", at: here, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "below.bare.p.example.", at: here, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "cnf.p.example.", at: here, records: "x 300 TLSA 255 255 255 " + key},
		site{name: "away.deep.signed.p.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "away.bare.p.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "baredeep.deep.signed.p.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
	)
	for _, c := range []struct {
		name string
		want dnssec.Security
		zone string
	}{
		{"jwk.cnf.signed.p.example.", dnssec.Secure, "signed.p.example."},
		{"absent.signed.p.example.", dnssec.Secure, "signed.p.example."},
		{"jwk.cnf.deep.signed.p.example.", dnssec.Secure, "deep.signed.p.example."},
		{"absent.deep.signed.p.example.", dnssec.Secure, "deep.signed.p.example."},
		{"jwk.cnf.bare.p.example.", dnssec.Insecure, "bare.p.example."},
		{"absent.bare.p.example.", dnssec.Insecure, "bare.p.example."},
		{"jwk.cnf.below.bare.p.example.", dnssec.Insecure, ""},
		{"jwk.cnf.away.deep.signed.p.example.", dnssec.Secure, "away.deep.signed.p.example."},
		{"jwk.cnf.away.bare.p.example.", dnssec.Insecure, "away.bare.p.example."},
		{"jwk.cnf.baredeep.deep.signed.p.example.", dnssec.Insecure, "baredeep.deep.signed.p.example."},
		{"x.cnf.p.example.", dnssec.Secure, "cnf.p.example."},
		{"jwk.cnf.p.example.", dnssec.Secure, "cnf.p.example."}, // and absent: the delegation hides the record above it
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, whole := range []bool{false, true} {
				bubble(t, sites, func(t *testing.T, l *lab) {
					r := l.resolver(t, func(x *Config) { x.WholeNames = whole })
					a := ask(t, r, c.name, dns.TypeTLSA)
					if a.Security != c.want || c.zone != "" && a.Zone != c.zone {
						t.Errorf("%s in %s (whole names %v): %+v\n%s", a.Security, a.Zone, whole, a.Trouble, strings.Join(l.log(), "\n"))
					}
					if present := !strings.HasPrefix(c.name, "absent") && c.name != "jwk.cnf.p.example."; (a.Kind == dnssec.Positive) != present {
						t.Errorf("kind %d", a.Kind)
					}
				})
			}
		})
	}
	t.Run("no forgery hides behind one", func(t *testing.T) {
		bubble(t, sites, func(t *testing.T, l *lab) {
			r := l.resolver(t)
			l.lie(edit(dns.TypeTLSA, func(r *dns.Msg) { stripSignatures(r); flipBit(r) }), vendorAt)
			for _, name := range []string{"jwk.cnf.signed.p.example.", "jwk.cnf.deep.signed.p.example.", "x.cnf.p.example."} {
				if a := ask(t, r, name, dns.TypeTLSA); a.Security != dnssec.Bogus || len(a.Data) > 0 {
					t.Errorf("%s: %s %+v", name, a.Security, a.Trouble)
				}
			}
		})
	})
}

// TestDSIsTheParents: DS records are asked of the parent, whoever serves both.
func TestDSIsTheParents(t *testing.T) {
	bubble(t, tree(site{name: "sub.vendor.example.", at: []string{vendorAt, vendor2At}}), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, "jwk.cnf.sub.vendor.example.", dns.TypeTLSA) // all cuts are known
		for name, zone := range map[string]string{"vendor.example.": "example.", "sub.vendor.example.": "vendor.example.", "example.": "."} {
			if a := ask(t, r, name, dns.TypeDS); a.Security != dnssec.Secure || a.Kind != dnssec.Positive || a.Zone != zone {
				t.Errorf("%s: %s, kind %d, in %s: %+v", name, a.Security, a.Kind, a.Zone, a.Trouble)
			}
		}
		if a := ask(t, r, ".", dns.TypeDS); a.Security != dnssec.Secure || a.Kind != dnssec.NoData {
			t.Errorf("the root: %s, kind %d: %+v", a.Security, a.Kind, a.Trouble)
		}
	})
}

func TestStubs(t *testing.T) {
	sites := tree(
		site{name: "corp.example.", at: []string{vendorAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		site{name: "bare.example.", at: []string{vendorAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
	)
	stub := func(zone, at string) func(*Config) {
		return func(c *Config) { c.Stubs = []Stub{{Zone: zone, Addresses: []netip.Addr{mustAddr(at)}}} }
	}
	for _, c := range []struct {
		claim string
		name  string
		edit  func(*Config)
		dead  []string
		want  dnssec.Security
		text  string
	}{
		{claim: "a stub whose parent vouches for it", name: "jwk.cnf.corp.example.", edit: stub("Corp.Example", vendorAt), want: dnssec.Secure},
		{claim: "a stub that its parent says is unsigned", name: "jwk.cnf.bare.example.", edit: stub("bare.example.", vendorAt), want: dnssec.Insecure},
		{claim: "a stub that its parent denies", name: "jwk.cnf.gone.example.", edit: stub("gone.example.", vendorAt), want: dnssec.Bogus},
		{claim: "a stub whose parent cannot be reached", name: "jwk.cnf.corp.example.", edit: stub("corp.example.", vendorAt), dead: []string{exampleAt}, want: dnssec.Indeterminate, text: "no server of example."},
		{claim: "a stub that is silent", name: "jwk.cnf.corp.example.", edit: stub("corp.example.", otherAt), dead: []string{otherAt}, want: dnssec.Indeterminate, text: "no server of corp.example."},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, sites, func(t *testing.T, l *lab) {
				r := l.resolver(t, c.edit)
				l.lie(silent, c.dead...)
				a := ask(t, r, c.name, dns.TypeTLSA)
				if a.Security != c.want || !strings.Contains(a.Trouble.Text, c.text) {
					t.Errorf("%s: %+v\n%s", a.Security, a.Trouble, strings.Join(l.log(), "\n"))
				}
			})
		})
	}
	bubble(t, sites, func(t *testing.T, l *lab) {
		r := l.resolver(t, stub("corp.example.", vendorAt), func(c *Config) {
			a, err := dnssec.ParseAnchors([]string{l.anchorOf("corp.example.")})
			if err != nil {
				t.Fatal(err)
			}
			c.Anchors = &a
		})
		if a := ask(t, r, "jwk.cnf.corp.example.", dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("a stub with its own anchor: %s %+v", a.Security, a.Trouble)
		}
		if slices.ContainsFunc(l.log(), func(s string) bool { return !strings.HasPrefix(s, vendorAt) }) {
			t.Error("others were asked about a stub with its own anchor")
		}
	})
	if _, err := New(Config{Now: time.Now, Stubs: []Stub{{Zone: "corp."}}}); err == nil {
		t.Error("a stub without addresses is taken")
	}
}

// TestLocalServers: learnt addresses of this machine and its networks are not asked.
func TestLocalServers(t *testing.T) {
	for _, c := range []struct {
		addr        string
		always, may bool // without and with AllowLocalServers
	}{
		{"192.0.2.1", true, true}, {"2001:db8::1", true, true},
		{"127.0.0.1", false, true}, {"10.1.1.1", false, true}, {"172.16.0.1", false, true}, {"192.168.0.1", false, true}, {"169.254.169.254", false, true},
		{"::1", false, true}, {"fe80::1", false, true}, {"fd00::1", false, true}, {"::ffff:127.0.0.1", false, true}, {"::ffff:10.0.0.1", false, true},
		{"0.0.0.0", false, false}, {"0.1.2.3", false, false}, {"224.0.0.1", false, false}, {"255.255.255.255", false, false}, {"240.0.0.1", false, false},
		{"::", false, false}, {"ff02::1", false, false}, {"::ffff:0.0.0.0", false, false}, {"::ffff:224.0.0.1", false, false},
	} {
		a := mustAddr(c.addr).Unmap()
		if got := (&Resolver{}).mayAsk(a); got != c.always {
			t.Errorf("%s: %v", c.addr, got)
		}
		if got := (&Resolver{cfg: Config{AllowLocalServers: true}}).mayAsk(a); got != c.may {
			t.Errorf("%s where local ones are allowed: %v", c.addr, got)
		}
		rr := dns.RR(&dns.AAAA{AAAA: mustAddr(c.addr).AsSlice()})
		if mustAddr(c.addr).Is4() {
			rr = &dns.A{A: mustAddr(c.addr).AsSlice()}
		}
		if got := len((&Resolver{}).addressIn(rr)) == 1; got != c.always {
			t.Errorf("%s in a record: %v", c.addr, got)
		}
	}
	if (&Resolver{}).addressIn(&dns.A{}) != nil || (&Resolver{}).addressIn(&dns.AAAA{}) != nil || (&Resolver{}).addressIn(&dns.TXT{}) != nil {
		t.Error("an address out of nothing")
	}
}

// TestStubNameDoesNotLeave: a name in a stub is shown to nobody else.
func TestStubNameDoesNotLeave(t *testing.T) {
	corp := site{name: "corp.example.", at: []string{otherAt}, records: "secret 300 TLSA 255 255 255 " + key}
	for _, whole := range []bool{true, false} {
		sub(t, fmt.Sprint("whole=", whole), tree(corp), func(t *testing.T, l *lab) {
			r := l.resolver(t, func(c *Config) {
				c.WholeNames = whole
				c.Stubs = []Stub{{Zone: "corp.example.", Addresses: []netip.Addr{mustAddr(otherAt)}}}
			})
			a := ask(t, r, "secret.corp.example.", dnssec.TypeTLSA)
			log := l.log()
			if a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			for _, s := range log {
				if strings.Contains(s, "secret") && !strings.HasPrefix(s, otherAt) {
					t.Errorf("whole=%v: %s", whole, s)
				}
			}
		})
	}
}
