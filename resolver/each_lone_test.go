package resolver

import (
	"fmt"
	"testing"
	"testing/synctest"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestParentsGoneAstray: one of the parent's servers has a delegation that leads to nobody any more. Whichever is
// heard first, it is seen, and what the right servers say beside it.
func TestParentsGoneAstray(t *testing.T) {
	for _, at := range []string{exampleAt, example2At} {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s fresh=%t", at, fresh), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := doubled(t)
					r := l.resolver(t)
					if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
						t.Fatalf("before: %+v", e)
					}
					l.delegates(t, at, func(s []site) {
						s[3].ns, s[3].at = []string{"ns8.vendor.example.", "ns9.vendor.example."}, []string{"192.0.2.88", "192.0.2.89"}
					})
					for range 5 { // who is asked first is chance
						if fresh {
							r = l.resolver(t)
						}
						e := rollOf(t, r, owner)
						if h := &e.Hops[0]; !e.Differ || !h.Parted || e.Answer.Security == dnssec.Secure || len(h.Servers) != 4 {
							t.Errorf("%t %+v\n%s\n%s", e.Differ, e.Answer, referred(h), heard(h))
						}
					}
				})
			})
		}
	}
}

// TestLoneParent: where only one of the parent's servers is heard, what it says is all there is; and who denies the
// zone, or proves another, is never passed over because the others have fallen silent.
func TestLoneParent(t *testing.T) {
	for _, c := range []struct {
		claim  string
		edit   func([]site)
		secure bool
	}{
		{"it delegates as ever", func([]site) {}, true},
		{"it denies the zone", func(s []site) { s[3].name = "other.example." }, false},
		{"it has an old DS", func(s []site) {
			s[3].ds = func(ds []dns.RR) []dns.RR {
				old := dns.Copy(ds[0]).(*dns.DS)
				old.KeyTag ^= 1
				return []dns.RR{old}
			}
		}, false},
		{"it has no DS", func(s []site) { s[3].ds = func([]dns.RR) []dns.RR { return nil } }, false},
	} {
		for _, silence := range []struct {
			claim string
			lie   func(string, *dns.Msg, *dns.Msg) *dns.Msg
		}{
			{"to everything", silent},
			{"of the zone", func(_ string, q, r *dns.Msg) *dns.Msg {
				if dns.CanonicalName(q.Question[0].Name) == "vendor.example." {
					return nil
				}
				return r
			}},
			{"when asked for the DS", func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeDS {
					return nil
				}
				return r
			}},
		} {
			t.Run(c.claim+", the other is silent "+silence.claim, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := doubled(t)
					r := l.resolver(t)
					if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
						t.Fatalf("before: %+v", e)
					}
					l.delegates(t, example2At, c.edit)
					l.lie(silence.lie, exampleAt)
					e := rollOf(t, r, owner)
					if secure := e.Answer.Security == dnssec.Secure && !e.Differ; secure != c.secure || secure && len(e.Answer.Data) != 1 {
						t.Errorf("%t %+v\n%s", e.Differ, e.Answer, referred(&e.Hops[0]))
					}
				})
			})
		}
	}
}

// TestParentThatSpeaksLate: one of the parent's servers denies the zone, and the other is silent at first, so that only
// the second time somebody is heard who delegates it: who denies it is not passed over.
func TestParentThatSpeaksLate(t *testing.T) {
	for _, c := range []struct {
		claim  string
		edit   func([]site)
		differ bool
	}{
		{"it delegates as ever", func([]site) {}, false},
		{"it denies the zone", func(s []site) { s[3].name = "other.example." }, true},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := doubled(t)
				r := l.resolver(t)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Fatalf("before: %+v", e)
				}
				l.delegates(t, example2At, c.edit)
				asked := 0
				l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
					if dns.CanonicalName(q.Question[0].Name) == "vendor.example." && q.Question[0].Qtype == dns.TypeA {
						if asked++; asked <= fewRounds {
							return nil
						}
					}
					return r
				}, exampleAt)
				e := rollOf(t, r, owner)
				if e.Differ != c.differ || e.Hops[0].Parted != c.differ || (len(e.Answer.Data) == 1) == c.differ || asked < fewRounds {
					t.Errorf("%t %+v\n%s", e.Differ, e.Answer, referred(&e.Hops[0]))
				}
			})
		})
	}
}

// TestParentsThatAllLeadAstray: one of the parent's servers has an old DS, and the other none; by neither is the zone
// Secure. Whichever is heard first, it is that they differ, and not that the zone is Bogus.
func TestParentsThatAllLeadAstray(t *testing.T) {
	for _, at := range [][]string{{exampleAt, example2At}, {example2At, exampleAt}} {
		synctest.Test(t, func(t *testing.T) {
			l := doubled(t)
			if e := rollOf(t, l.resolver(t), owner); e.Differ || len(e.Answer.Data) != 1 {
				t.Fatalf("before: %+v", e)
			}
			l.delegates(t, at[0], func(s []site) { s[3].ds = otherDS })
			l.delegates(t, at[1], func(s []site) { s[3].ds = func([]dns.RR) []dns.RR { return nil } })
			for range 5 { // who is asked first is chance
				e := rollOf(t, l.resolver(t), owner)
				if h := &e.Hops[0]; !e.Differ || !h.Parted || e.Answer.Security != dnssec.Indeterminate || e.Answer.Data != nil {
					t.Errorf("%t %+v\n%s", e.Differ, e.Answer, referred(h))
				}
			}
		})
	}
}

// TestParentsWithoutGlue: thirteen servers of the zone above whose names lie in another tree are all looked up and heard.
func TestParentsWithoutGlue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := tree(site{name: "host.test.", at: []string{otherAt}})
		sites[1].at, sites[1].ns = nil, nil
		for i := range 13 {
			sites[1].at = append(sites[1].at, fmt.Sprintf("198.51.100.%d", i+1))
			sites[1].ns = append(sites[1].ns, fmt.Sprintf("ns%d.host.test.", i+1))
			sites[5].records += fmt.Sprintf("ns%d 3600 A 198.51.100.%[1]d\n", i+1)
		}
		sites[5].at, sites[5].ns = []string{otherAt}, []string{"ns.host.test."}
		sites[5].records += "ns 3600 A " + otherAt + "\n"
		l := newLab(t, sites...)
		e := rollOf(t, l.resolver(t), owner)
		h := &e.Hops[0]
		for _, p := range h.Parents {
			if !p.Heard {
				t.Errorf("%s: %s", p.Name, p.Trouble.Text)
			}
		}
		if e.Differ || len(e.Answer.Data) != 1 || len(h.Parents) != 13 || l.count() > maxEachSends {
			t.Errorf("%+v\n%s", e.Answer, referred(h))
		}
	})
}
