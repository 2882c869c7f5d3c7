package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

const (
	example2At = "192.0.2.12"
	thirdAt    = "192.0.2.33"
)

// doubled is the tree with two servers of example., and a third address that has what vendor.example.'s servers have.
func doubled(tb testing.TB) *lab {
	tb.Helper()
	sites := tree()
	sites[1].at = []string{exampleAt, example2At}
	l := newLab(tb, sites...)
	l.on[mustAddr(thirdAt)] = l.on[mustAddr(vendorAt)]
	return l
}

// delegates gives a server of example. a copy in which edit has changed the delegation.
func (l *lab) delegates(tb testing.TB, at string, edit func(sites []site)) {
	tb.Helper()
	sites := tree()
	sites[1].at = []string{exampleAt, example2At}
	edit(sites)
	l.on[mustAddr(at)]["example."] = newLab(tb, sites...).zones["example."]
}

// referred is how the servers of the zone above delegate, in short.
func referred(h *dnssec.Hop) string {
	var out []string
	for _, p := range h.Parents {
		said := strings.Join(p.NS, " ") + fmt.Sprintf(", %d DS", len(p.DS))
		if p.Trouble.Text != "" {
			said = p.Trouble.Text
		}
		if !p.Heard {
			said = "nothing, " + said
		}
		out = append(out, p.Address.String()+": "+said)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

const asEver = "ns1.vendor.example. ns2.vendor.example., 1 DS"

// TestParentsThatDiffer: a verifier elsewhere may hear the other of the parent's servers. Each row is first all right,
// then one thing is turned at one of them: whichever is heard first, it is seen.
func TestParentsThatDiffer(t *testing.T) {
	onWire := func(f func(q, r *dns.Msg)) func(*testing.T, *lab, string) {
		return func(_ *testing.T, l *lab, at string) {
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if dns.CanonicalName(q.Question[0].Name) == "vendor.example." {
					f(q, r)
				}
				return r
			}, at)
		}
	}
	copied := func(edit func([]site)) func(*testing.T, *lab, string) {
		return func(t *testing.T, l *lab, at string) { l.delegates(t, at, edit) }
	}
	another := func(ds []dns.RR) dns.RR {
		rr := dns.Copy(ds[0]).(*dns.DS)
		rr.KeyTag, rr.Digest = 4711, strings.Repeat("00", 32)
		return rr
	}
	for _, c := range []struct {
		claim string
		turn  func(t *testing.T, l *lab, at string)
		want  string
	}{
		{"it has an old delegation", copied(func(s []site) {
			s[3].ns = []string{"ns1.vendor.example.", "ns9.vendor.example."}
		}), "ns1.vendor.example. ns9.vendor.example., 1 DS"},
		{"it has a server more", copied(func(s []site) {
			s[3].at = []string{vendorAt, vendor2At, thirdAt}
		}), "ns1.vendor.example. ns2.vendor.example. ns3.vendor.example., 1 DS"},
		{"it has an old DS", copied(func(s []site) {
			s[3].ds = func(ds []dns.RR) []dns.RR { return []dns.RR{another(ds)} }
		}), asEver},
		{"it has a DS more", copied(func(s []site) {
			s[3].ds = func(ds []dns.RR) []dns.RR { return append(ds, another(ds)) }
		}), "ns1.vendor.example. ns2.vendor.example., 2 DS"},
		{"it proves that there is no DS", copied(func(s []site) {
			s[3].ds = func([]dns.RR) []dns.RR { return nil }
		}), "ns1.vendor.example. ns2.vendor.example., 0 DS"},
		{"it proves that there is no such zone", copied(func(s []site) { s[3].name = "other.example." }), "does not delegate vendor.example."},
		{"it has lost its signatures", onWire(func(_, r *dns.Msg) { drop(r, dns.TypeRRSIG) }), "vendor.example. DS has no signature"},
		{"a bit of the DS is another", onWire(func(_, r *dns.Msg) {
			for _, rr := range slices.Concat(r.Answer, r.Ns) {
				if ds, ok := rr.(*dns.DS); ok {
					ds.KeyTag ^= 1
				}
			}
		}), "DS"},
	} {
		for _, at := range []string{exampleAt, example2At} {
			t.Run(c.claim+" at "+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := doubled(t)
					r := l.resolver(t)
					e := rollOf(t, r, owner)
					if h := &e.Hops[0]; e.Differ || h.Parted || len(e.Answer.Data) != 1 || h.Above != "example." || referred(h) != example2At+": "+asEver+"\n"+exampleAt+": "+asEver {
						t.Fatalf("before: %+v\n%s", e, referred(h))
					}
					c.turn(t, l, at)
					e = rollOf(t, r, owner)
					h := &e.Hops[0]
					if !e.Differ || !h.Parted || e.Answer.Security == dnssec.Secure || e.Answer.Data != nil {
						t.Errorf("they differ: %t, %t; %+v\n%s\n%s", e.Differ, h.Parted, e.Answer, referred(h), heard(h))
					}
					for line := range strings.SplitSeq(referred(h), "\n") {
						if want := map[bool]string{true: c.want, false: asEver}[strings.HasPrefix(line, at+": ")]; !strings.Contains(line, want) {
							t.Errorf("%s, want %s", line, want)
						}
					}
					if a := ask(t, l.resolver(t), owner, dnssec.TypeTLSA); a.Security == dnssec.Secure && len(a.Data) > 1 {
						t.Errorf("%+v", a)
					}
					l.lie(nil, at)
					l.delegates(t, at, func([]site) {})
					if e = rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
						t.Errorf("in step again: %+v\n%s", e.Answer, referred(&e.Hops[0]))
					}
				})
			})
		}
	}
}

// TestParentsAlike: the way in which the parent's servers say it is no difference, nor is one of them that says nothing:
// it sends nobody anywhere.
func TestParentsAlike(t *testing.T) {
	for _, c := range []struct {
		claim string
		lie   func(string, *dns.Msg, *dns.Msg) *dns.Msg
		want  string
	}{
		{"the order of the servers, and the TTL", func(_ string, _, r *dns.Msg) *dns.Msg {
			slices.Reverse(r.Ns)
			for _, rr := range r.Ns {
				rr.Header().Ttl /= 2
			}
			return r
		}, asEver},
		{"without the addresses", func(_ string, _, r *dns.Msg) *dns.Msg {
			r.Extra = slices.DeleteFunc(r.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeA })
			return r
		}, asEver},
		{"the DS only where it is asked for", func(_ string, q, r *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype != dns.TypeDS {
				r.Ns = slices.DeleteFunc(r.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeNS })
			}
			return r
		}, asEver},
		{"a server twice", func(_ string, _, r *dns.Msg) *dns.Msg {
			r.Ns = append(r.Ns, r.Ns...)
			return r
		}, asEver},
		{"without DS, and silent when asked for them", func(_ string, q, r *dns.Msg) *dns.Msg {
			r.Ns = slices.DeleteFunc(r.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeNS })
			if q.Question[0].Qtype == dns.TypeDS {
				return nil
			}
			return r
		}, "nothing, context deadline exceeded"},
		{"silent", silent, "nothing, context deadline exceeded"},
		{"it refuses", func(_ string, _, r *dns.Msg) *dns.Msg {
			r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil
			return r
		}, "nothing, says REFUSED"},
		{"it is a cache", func(_ string, _, r *dns.Msg) *dns.Msg {
			r.Authoritative, r.RecursionAvailable = false, true
			r.Answer, r.Ns = nil, nil
			return r
		}, "nothing, recurses instead of having authority"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := doubled(t)
				r := l.resolver(t)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Fatalf("before: %+v", e)
				}
				l.lie(c.lie, example2At)
				e := rollOf(t, r, owner)
				if h := &e.Hops[0]; e.Differ || h.Parted || len(e.Answer.Data) != 1 || referred(h) != example2At+": "+c.want+"\n"+exampleAt+": "+asEver {
					t.Errorf("%+v\n%s", e, referred(h))
				}
			})
		})
	}
}
