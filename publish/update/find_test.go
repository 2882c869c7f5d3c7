package update

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"

	"github.com/miekg/dns"
)

func primaryAt(apex string, servers ...string) func(context.Context, string) (string, []netip.AddrPort, error) {
	return func(context.Context, string) (string, []netip.AddrPort, error) {
		var out []netip.AddrPort
		for _, s := range servers {
			out = append(out, netip.MustParseAddrPort(s))
		}
		return apex, out, nil
	}
}

// world answers from what it is given by "name TYPE".
type world map[string]*dnssec.Answer

func (w world) LookupEach(context.Context, dnssec.Question) (*dnssec.Each, error) {
	return nil, errors.New("not asked for here")
}

func (w world) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	if a := w[q.Name.String()+" "+dns.TypeToString[q.Type]]; a != nil {
		return a, false, nil
	}
	return &dnssec.Answer{Kind: dnssec.NoData, Security: dnssec.Secure}, false, nil
}

func answer(t testing.TB, security dnssec.Security, section string, lines ...string) *dnssec.Answer {
	t.Helper()
	var rrs []dns.RR
	for _, l := range lines {
		rrs = append(rrs, rr(t, l))
	}
	a := &dnssec.Answer{Security: security, Kind: dnssec.Positive}
	if section == "authority" {
		a.Kind, a.AuthoritySection = dnssec.NoData, dnssec.PackRecords(rrs)
		return a
	}
	a.AnswerSection = dnssec.PackRecords(rrs)
	a.Data = a.AnswerSection.RDATA(rrs[len(rrs)-1].Header().Rrtype)
	return a
}

func TestFindPrimary(t *testing.T) {
	const soa = "vendor.example. 300 SOA ns.vendor.example. h. 1 1 1 1 1"
	honest := func() world {
		return world{
			name + " SOA":             answer(t, dnssec.Secure, "authority", soa),
			"ns.vendor.example. A":    answer(t, dnssec.Secure, "answer", "ns.vendor.example. 300 A 192.0.2.53"),
			"ns.vendor.example. AAAA": answer(t, dnssec.Secure, "answer", "ns.vendor.example. 300 AAAA 2001:db8::53"),
		}
	}
	spoilt := func(w world) {
		a := w[name+" SOA"]
		a.Security, a.Trouble.Text = dnssec.Bogus, "signatures have expired"
		for _, at := range []string{"ns.vendor.example. A", "ns.vendor.example. AAAA"} {
			w[at].Security, w[at].Data = dnssec.Bogus, nil
		}
	}
	const both = "vendor.example. [2001:db8::53]:53 192.0.2.53:53"
	for _, c := range []struct {
		claim string
		spoil func(w world)
		want  string
		kind  publish.Kind
		words string
		bogus bool
	}{
		{"the SOA that denies names it", nil, both, 0, "", false},
		{"an unsigned zone's too", func(w world) { w[name+" SOA"].Security = dnssec.Insecure }, both, 0, "", false},
		{"an alias at the name leads to nobody else's zone", func(w world) {
			w[name+" SOA"] = answer(t, dnssec.Secure, "answer", name+" 300 CNAME other.example.", "other.example. 300 SOA ns.other.example. h. 1 1 1 1 1")
			w["cnf.vendor.example. SOA"] = answer(t, dnssec.Secure, "authority", soa)
		}, both, 0, "", false},
		{"nor to a zone above its own", func(w world) {
			w[name+" SOA"] = answer(t, dnssec.Secure, "answer", name+" 300 CNAME example.", "example. 300 SOA ns.example. h. 1 1 1 1 1")
			w["cnf.vendor.example. SOA"] = answer(t, dnssec.Secure, "authority", soa)
		}, both, 0, "", false},
		{"a forwarder that says less: names above are asked", func(w world) {
			w[name+" SOA"] = answer(t, dnssec.Insecure, "authority")
			w["vendor.example. SOA"] = answer(t, dnssec.Insecure, "answer", soa)
		}, both, 0, "", false},
		{"an SOA of another zone is not taken", func(w world) {
			w[name+" SOA"] = answer(t, dnssec.Secure, "authority", "other.example. 300 SOA ns.other.example. h. 1 1 1 1 1")
		}, "", publish.Unreachable, "no zone found that holds it: set publish.server", false},
		{"a bogus SOA is not taken", spoilt, "", publish.Unreachable,
			name + ": the zone's SOA, by which its primary is found, is bogus: signatures have expired: mend that, which cnfd resolve jwk.cnf.vendor.example shows; until then set publish.server", false},
		{"it is where something else proves whom one talks to, and so are addresses", spoilt, both, 0, "", true},
		{"no answer", func(w world) {
			w[name+" SOA"] = &dnssec.Answer{Trouble: dnssec.Trouble{Text: "nobody answers"}}
		}, "", publish.Unreachable, "was not heard: indeterminate: nobody answers: see whether this machine reaches name servers on port 53 (on private addresses: resolver.allow_local_servers), or set publish.server", false},
		{"no answer is none, whatever is taken", func(w world) {
			w[name+" SOA"] = &dnssec.Answer{Security: dnssec.Bogus, Trouble: dnssec.Trouble{Text: "nobody answers"}}
		}, "", publish.Unreachable, "was not heard: bogus: nobody answers", true},
		{"a hidden primary", func(w world) { delete(w, "ns.vendor.example. A"); delete(w, "ns.vendor.example. AAAA") }, "", publish.Unreachable,
			"vendor.example.: its SOA names ns.vendor.example. as the primary, which has no address: set publish.server to where the zone's updates go", false},
		{"no primary at all", func(w world) {
			w[name+" SOA"] = answer(t, dnssec.Secure, "authority", "vendor.example. 300 SOA . h. 1 1 1 1 1")
		}, "", publish.Unreachable, "names . as the primary", false},
		{"bogus addresses are not taken", func(w world) {
			w["ns.vendor.example. A"].Security, w["ns.vendor.example. AAAA"].Security = dnssec.Bogus, dnssec.Bogus
		}, "", publish.Unreachable, "set publish.server", false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w := honest()
			if c.spoil != nil {
				c.spoil(w)
			}
			apex, servers, err := FindPrimary(context.Background(), w, name, 53, c.bogus)
			got := apex
			for _, s := range servers {
				got += " " + s.String()
			}
			if strings.TrimSpace(got) != c.want {
				t.Errorf("%q, %v", got, err)
			}
			var e *publish.Error
			if c.words != "" && (!errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words)) {
				t.Errorf("%v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var e *publish.Error
	if _, _, err := FindPrimary(ctx, honest(), name, 53, false); !errors.As(err, &e) || e.Kind != publish.Stopped {
		t.Errorf("stopped: %v", err)
	}
}

func TestNew(t *testing.T) {
	clock := func() time.Time { return noon }
	nobody := primaryAt("", "192.0.2.1:53")
	k := key(t, keyName, labSecret)
	for _, c := range []struct {
		claim string
		c     Config
		name  string
		words string
	}{
		{"an address", Config{Server: "192.0.2.1"}, "rfc2136 at 192.0.2.1:53", ""},
		{"an address of six", Config{Server: "2001:db8::1"}, "rfc2136 at [2001:db8::1]:53", ""},
		{"a port of one's own", Config{Server: "[2001:db8::1]:5353"}, "rfc2136 at [2001:db8::1]:5353", ""},
		{"a host", Config{Server: "ns.vendor.example", Key: k, Now: clock}, "rfc2136 at ns.vendor.example:53", ""},
		{"found by the SOA", Config{Primary: nobody}, "rfc2136", ""},
		{"nothing to go by", Config{}, "", "no server"},
		{"no server is one", Config{Server: ":53"}, "", "want an address"},
		{"nor is a port of letters", Config{Server: "ns.vendor.example:abc"}, "", "want a port from 1 to 65535"},
		{"nor is port 0", Config{Server: "192.0.2.1:0"}, "", "want a port from 1 to 65535"},
		{"nor is one over 65535", Config{Server: "192.0.2.1:65536"}, "", "want a port from 1 to 65535"},
		{"nor is a word", Config{Server: "a b:c:d"}, "", "want an address"},
		{"a key without a clock", Config{Server: "192.0.2.1", Key: k}, "", "no clock"},
		{"a key and Kerberos", Config{Server: "192.0.2.1", Key: k, Now: clock, GSS: true}, "", "give one"},
		{"a zone that is none", Config{Server: "192.0.2.1", Zone: "a..b"}, "", "not a domain name"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			target, err := New(c.c)
			if target.Name != c.name || (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("%q, %v", target.Name, err)
			}
			if (target.Zone == nil) != (err != nil) {
				t.Error("a zone and an error, or neither")
			}
		})
	}
}

func TestPrimaryThatCannotBeFound(t *testing.T) {
	for _, c := range []struct {
		claim string
		err   error
		kind  publish.Kind
	}{
		{"its own error is kept", &publish.Error{Kind: publish.NameTooLong}, publish.NameTooLong},
		{"any other says what to set", errors.New("no idea"), publish.Unreachable},
	} {
		t.Run(c.claim, func(t *testing.T) {
			target, err := New(Config{Primary: func(context.Context, string) (string, []netip.AddrPort, error) { return "", nil, c.err }})
			if err != nil {
				t.Fatal(err)
			}
			var e *publish.Error
			if _, err = target.Zone.Read(context.Background(), name); !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("%v", err)
			}
			change := publish.Change{Name: name, After: publish.Set{Name: name}.With(record(t, ours), time.Minute)}
			if err = target.Zone.Write(context.Background(), change); !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestNobodyAboveIsAsked: of a domain that is mistyped the nearest zone is the root's or a top-level domain, whose
// servers are sent nothing unless that zone is meant.
func TestNobodyAboveIsAsked(t *testing.T) {
	for _, c := range []struct {
		claim, apex, zone string
		says              string
	}{
		{"a zone of one's own is", "vendor.example.", "", ""},
		{"the root is not", ".", "", "vendor.example.: no such zone: the nearest is .: is the domain spelled right?"},
		{"a top-level domain is not", "example.", "", "vendor.example.: no such zone: the nearest is example.: is the domain"},
		{"nor is it for a zone that is told and is not there", "example.", "vendor.example.", "the nearest is example.:"},
		{"one that is told is", "example.", "example.", "jwk.cnf.vendor.example. is in the zone vendor.example. there"}, // by the server, which was asked
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			z := s.target(t, func(f *Config) { f.Server, f.Zone, f.Primary = "", c.zone, primaryAt(c.apex, "192.0.2.53:53") })
			_, err := z.Read(t.Context(), name)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			werr := z.Write(t.Context(), publish.Change{Name: name, Before: publish.Set{Name: name}, After: publish.Set{Name: name}.With(record(t, ours), time.Minute)})
			if (werr == nil) != (err == nil) {
				t.Errorf("read %v, written %v", err, werr)
			}
			if asked := len(s.asked) > 0; asked != (c.apex == "vendor.example." || c.zone == c.apex) {
				t.Errorf("asked: %t", asked)
			}
		})
	}
}

// TestReadIsHeldToTheZone: what a dry run shows is what the real run may do.
func TestReadIsHeldToTheZone(t *testing.T) {
	for zone, says := range map[string]string{"": "", apex: "", "example.": "is in the zone vendor.example. there, not in example.", "other.example.": "name is not in the zone other.example."} {
		s := newServer(t)
		_, err := s.target(t, func(c *Config) { c.Zone = zone }).Read(t.Context(), name)
		var e *publish.Error
		if (err == nil) != (says == "") || err != nil && (!errors.As(err, &e) || e.Kind != publish.WrongZone || !strings.Contains(err.Error(), says)) {
			t.Errorf("zone %q: %v", zone, err)
		}
	}
	s := newServer(t)
	s.edit = func(_, r *dns.Msg) {
		for _, rr := range append(r.Answer, r.Ns...) {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Hdr.Name = "example."
			}
		}
	}
	if _, err := s.target(t, nil).Read(t.Context(), name); err == nil || !strings.Contains(err.Error(), "the nearest is example.:") {
		t.Errorf("a server of a top-level domain: %v", err)
	}
}

// TestWhereItIsWrittenIsTold: the zone and the address, once each, before anything is changed there.
func TestWhereItIsWrittenIsTold(t *testing.T) {
	s := newServer(t)
	var told []string
	z := s.target(t, func(c *Config) {
		c.Told = func(apex, server string) {
			if s.updates() > 0 {
				t.Error("told after the writing")
			}
			told = append(told, apex+" "+server)
		}
	})
	if err := z.Write(t.Context(), publishChange(t, publish.Set{Name: name})); err != nil {
		t.Fatal(err)
	}
	read(t, z, name)
	if len(told) != 1 || told[0] != "vendor.example. 192.0.2.53:53" {
		t.Errorf("%q", told)
	}
}
