package resolver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestNegativeAnchor: what a negative trust anchor covers is Insecure and says
// so, at the end of an alias too and from the cache; what it does not cover is
// proven as ever.
func TestNegativeAnchor(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "Vendor.TEST"}} })
		for _, c := range []struct {
			claim, name string
			security    dnssec.Security
			overridden  bool
		}{
			{"a name under it", "jwk.cnf.vendor.test.", dnssec.Insecure, true},
			{"an absent name under it", "absent.vendor.test.", dnssec.Insecure, true},
			{"an alias that leads under it", "out.vendor.example.", dnssec.Insecure, true},
			{"a name beside it", owner, dnssec.Secure, false},
			{"a name above it", "test.", dnssec.Secure, false},
			{"a name that only ends like it", "notvendor.test.", dnssec.Secure, false},
		} {
			for range 2 { // the second is from the cache
				a := ask(t, r, c.name, dns.TypeTLSA)
				if a.Security != c.security || a.Overridden != c.overridden {
					t.Errorf("%s: %s, overridden %v: %s", c.claim, a.Security, a.Overridden, a.Trouble.Text)
				}
			}
		}
	})
}

// TestNegativeAnchorsEnd: what was learnt under a negative trust anchor goes when
// it ends, and the names are proven again.
func TestNegativeAnchorsEnd(t *testing.T) {
	for _, c := range []struct {
		claim string
		name  string
		ends  time.Duration // given; 0: none
		lasts time.Duration // 0: it never holds
	}{
		{"at the time that is given", "vendor.example.", 100 * time.Second, 100 * time.Second},
		{"at a name above", "example.", 100 * time.Second, 100 * time.Second},
		{"at a name that is no zone", "cnf.vendor.example.", 100 * time.Second, 100 * time.Second},
		{"at the record's own name", owner, 100 * time.Second, 100 * time.Second},
		{"at the root", ".", 100 * time.Second, 100 * time.Second},
		{"after a week where no time is given", "vendor.example.", 0, 7 * 24 * time.Hour},
		{"after a week where the time is later", "vendor.example.", 30 * 24 * time.Hour, 7 * 24 * time.Hour},
		{"before it began", "vendor.example.", -time.Second, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				end := time.Now().Add(c.lasts)
				anchor := NegativeAnchor{Name: c.name}
				if c.ends != 0 {
					anchor.Until = time.Now().Add(c.ends)
				}
				r := l.resolver(t, func(c *Config) { c.NegativeAnchors = []NegativeAnchor{anchor} })
				if c.lasts > 0 {
					time.Sleep(c.lasts - 50*time.Second)
					for _, name := range []string{owner, "absent." + owner} {
						a := ask(t, r, name, dns.TypeTLSA)
						if !a.Overridden || a.Security != dnssec.Insecure || a.Until.After(end) {
							t.Errorf("%s while it holds: %s, overridden %v, until %s after its end", name, a.Security, a.Overridden, a.Until.Sub(end))
						}
					}
					r.cache.Each(func(key string, e *entry, _ bool) {
						if e.cut != nil && e.cut.overridden && e.cut.until.After(end) {
							t.Errorf("the zone %s is known for %s longer than its negative anchor", key[1:], e.cut.until.Sub(end))
						}
					})
					if held := r.NegativeAnchors(); len(held) != 1 || held[0].Name != c.name || !held[0].Until.Equal(end) {
						t.Errorf("held: %v", held)
					}
					time.Sleep(time.Until(end) - time.Millisecond)
					if a := ask(t, r, owner, dns.TypeTLSA); !a.Overridden {
						t.Error("it ended too soon")
					}
					time.Sleep(time.Millisecond)
				}
				for range 2 {
					if a := ask(t, r, owner, dns.TypeTLSA); a.Overridden || a.Security != dnssec.Secure {
						t.Errorf("after its end: %s, overridden %v: %s", a.Security, a.Overridden, a.Trouble.Text)
					}
				}
				if held := r.NegativeAnchors(); len(held) != 0 {
					t.Errorf("held: %v", held)
				}
			})
		})
	}
}

// TestNegativeAnchorEndsWithinAWalk: a walk that began under a negative trust anchor
// says so to its end; else a zone whose signatures were not looked at would pass for
// one that is proven to have none. Nothing of it is kept.
func TestNegativeAnchorEndsWithinAWalk(t *testing.T) {
	for after := 5 * time.Millisecond; after < 80*time.Millisecond; after += 10 * time.Millisecond {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			end := time.Now().Add(after)
			r := l.resolver(t, func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "example.", Until: end}} })
			a := ask(t, r, owner, dns.TypeTLSA)
			if !a.Overridden || a.Security == dnssec.Secure {
				t.Errorf("ended after %s: %s, overridden %v", after, a.Security, a.Overridden)
			}
			time.Sleep(time.Until(end))
			if a := ask(t, r, owner, dns.TypeTLSA); a.Overridden || a.Security != dnssec.Secure {
				t.Errorf("after its end at %s: %s, overridden %v: %s", after, a.Security, a.Overridden, a.Trouble.Text)
			}
		})
	}
}

// TestNegativeAnchorGoesWhenTheZoneValidates: a zone that is broken stays under its
// negative trust anchor; when it is repaired, or no longer signed, the anchor goes.
func TestNegativeAnchorGoesWhenTheZoneValidates(t *testing.T) {
	both := []string{vendorAt, vendor2At}
	noDS := func([]dns.RR) []dns.RR { return nil }
	for _, c := range []struct {
		claim string
		more  []site
		name  string
		lie   func(string, *dns.Msg, *dns.Msg) *dns.Msg
		goes  bool
		after dnssec.Security
	}{
		{"it is right", nil, "vendor.example.", nil, true, dnssec.Secure},
		{"its signatures are missing", nil, "vendor.example.", func(_ string, _, r *dns.Msg) *dns.Msg { stripSignatures(r); return r }, false, dnssec.Insecure},
		{"its servers are silent", nil, "vendor.example.", silent, false, dnssec.Insecure},
		{"its servers refuse", nil, "vendor.example.", func(_ string, _, r *dns.Msg) *dns.Msg { r.Rcode = dns.RcodeRefused; r.Answer = nil; return r }, false, dnssec.Insecure},
		{"it is proven to be unsigned", []site{{name: "bare.example.", at: []string{otherAt}, bare: true, ds: noDS, records: "jwk.cnf 300 TLSA 255 255 255 " + key}}, "bare.example.", nil, true, dnssec.Insecure},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(c.more...), func(t *testing.T, l *lab) {
				r := l.resolver(t, func(x *Config) { x.NegativeAnchors = []NegativeAnchor{{Name: c.name}} })
				l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { stripSignatures(r); return r }, both...)
				ctx, stop := context.WithCancel(t.Context())
				began := time.Now()
				var mu sync.Mutex // guards told
				var told []string
				tell := func(name string, validates bool) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, fmt.Sprint(name, validates))
				}
				heard := func() []string {
					mu.Lock()
					defer mu.Unlock()
					return slices.Clone(told)
				}
				done := make(chan struct{})
				if c.name == "vendor.example." {
					go func() {
						defer close(done)
						r.WatchNegativeAnchors(ctx, tell)
					}()
					time.Sleep(12 * time.Minute)
					if a := ask(t, r, "jwk.cnf."+c.name, dns.TypeTLSA); !a.Overridden || a.Security != dnssec.Insecure || len(heard()) > 0 {
						t.Fatalf("while it is broken: %s, overridden %v, told %v", a.Security, a.Overridden, heard())
					}
					l.lie(c.lie, both...)
				} else {
					if a := ask(t, r, "jwk.cnf."+c.name, dns.TypeTLSA); !a.Overridden {
						t.Fatal("the set-up is wrong")
					}
					go func() {
						defer close(done)
						r.WatchNegativeAnchors(ctx, tell)
					}()
				}
				// Every five minutes from the start; something is cached under the anchor then.
				time.Sleep(recheckEvery - time.Since(began)%recheckEvery - 10*time.Second)
				ask(t, r, "jwk.cnf."+c.name, dns.TypeTLSA)
				time.Sleep(20 * time.Second)
				a := ask(t, r, "jwk.cnf."+c.name, dns.TypeTLSA)
				if a.Overridden == c.goes || a.Security != c.after || (len(heard()) == 1) != c.goes {
					t.Errorf("%s, overridden %v, told %v: %s", a.Security, a.Overridden, heard(), a.Trouble.Text)
				}
				if c.goes && heard()[0] != c.name+"true" {
					t.Errorf("told %v", heard())
				}
				stop()
				<-done
			})
		})
	}
}

// TestWatchTellsOfTheEnd: where the time is up that is what is told, once.
func TestWatchTellsOfTheEnd(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		l.lie(silent, vendorAt, vendor2At)
		r := l.resolver(t, func(c *Config) {
			c.NegativeAnchors = []NegativeAnchor{{Name: "vendor.example", Until: time.Now().Add(time.Minute)}, {Name: "test", Until: time.Now()}}
		})
		var told []string
		r.WatchNegativeAnchors(t.Context(), func(name string, validates bool) { told = append(told, fmt.Sprint(name, validates)) })
		if len(told) != 1 || told[0] != "vendor.example.false" {
			t.Errorf("told %v", told)
		}
	})
}

// TestNoZoneOutlivesItsNegativeAnchor: between the end of a negative trust anchor and
// the purge of what was learnt under it, no walk stands on a zone that was taken for
// unsigned because of it.
func TestNoZoneOutlivesItsNegativeAnchor(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "example."}} })
		if a := ask(t, r, owner, dns.TypeTLSA); !a.Overridden {
			t.Fatal("the set-up is wrong")
		}
		left := r.ntas.Load().without("example.")
		r.ntas.Store(&left)
		if a := ask(t, r, "absent.vendor.example.", dns.TypeTLSA); a.Overridden || a.Security != dnssec.Secure {
			t.Errorf("a further name: %s, overridden %v: %s", a.Security, a.Overridden, a.Trouble.Text)
		}
	})
}
