package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// guessed is an Exchanger whose datagrams are met by somebody who guesses.
type guessed struct{ *lab }

func (g guessed) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	m, err := g.lab.Exchange(ctx, server, network, q)
	if network == "udp" {
		return nil, &transport.NearMissError{Server: server}
	}
	return m, err
}

// TestNearMiss: where somebody may be guessing, the question goes over TCP.
func TestNearMiss(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, func(c *Config) { c.Exchanger = guessed{l} })
		a := ask(t, r, owner, dns.TypeTLSA)
		if a.Security != dnssec.Secure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		if log := l.log(); len(log) != 2*7 {
			t.Errorf("%d exchanges\n%s", len(log), strings.Join(log, "\n"))
		}
	})
}

// TestQuestionsSent: what servers get to see of a question (RFC 9156).
func TestQuestionsSent(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
			o := q.IsEdns0()
			if q.RecursionDesired || q.CheckingDisabled || o == nil || !o.Do() || o.UDPSize() != 1232 || len(q.Question) != 1 {
				t.Errorf("sent %s", q)
			}
			return r
		}, rootAt, exampleAt, vendorAt, vendor2At)
		ask(t, l.resolver(t), owner, dns.TypeTLSA)
		for _, s := range l.log() {
			if (strings.HasPrefix(s, rootAt+" ") || strings.HasPrefix(s, exampleAt+" ")) && strings.Contains(s, "jwk") {
				t.Errorf("a server above the zone was shown the whole name: %s", s)
			}
		}
		ask(t, l.resolver(t, func(c *Config) { c.WholeNames = true }), owner, dns.TypeTLSA)
		if log := l.log(); !slices.Contains(log, rootAt+" udp "+owner+" TLSA") {
			t.Errorf("with minimisation off: %s", log)
		}
	})
}

// TestBudgetBounds: one question never sends more than 64 messages, receives
// more than 128 KiB, or takes more than 7 s, whatever servers do.
func TestBudgetBounds(t *testing.T) {
	var ns []string
	var at []string
	for i := range 20 {
		at = append(at, fmt.Sprintf("192.0.2.%d", 100+i))
	}
	for i := range 15 {
		ns = append(ns, fmt.Sprintf("ns1.h%d.test.", i))
	}
	sites := tree(site{name: "many.example.", at: at, records: "jwk.cnf 300 TLSA 255 255 255 " + key}, site{name: "far.example.", at: []string{otherAt}, ns: ns})
	flood := func(_ string, q, r *dns.Msg) *dns.Msg {
		for i := range 400 {
			r.Extra = append(r.Extra, parse(t, ".", fmt.Sprintf("x%d.vendor.example. 9 TXT %s", i, strings.Repeat("x", 100)))...)
		}
		return r
	}
	for _, c := range []struct {
		claim, name string
		lie         func(string, *dns.Msg, *dns.Msg) *dns.Msg
		at          []string
		budget      bool
	}{
		{"twenty servers that are silent", "jwk.cnf.many.example.", silent, at, false},
		{"twenty servers that lie", "jwk.cnf.many.example.", edit(dns.TypeTLSA, stripSignatures), at, false},
		{"twenty servers that truncate", "jwk.cnf.many.example.", edit(dns.TypeTLSA, func(r *dns.Msg) { r.Truncated = true }), at, true},
		{"servers in zones that do not exist", "jwk.cnf.far.example.", nil, nil, true},
		{"a flood of octets", owner, flood, []string{exampleAt, vendorAt, vendor2At}, true},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, sites, func(t *testing.T, l *lab) {
				r := l.resolver(t)
				l.lie(c.lie, c.at...)
				began := time.Now()
				a := ask(t, r, c.name, dns.TypeTLSA)
				if a.Security == dnssec.Secure || a.Trouble.Budget != c.budget {
					t.Errorf("%s %+v", a.Security, a.Trouble)
				}
				if n := l.count(); n > dnssec.MaxSends {
					t.Errorf("%d messages", n)
				}
				if took := time.Since(began); took > questionTime {
					t.Errorf("%s", took)
				}
			})
		})
	}
}

// TestManyAtOnce: answers are shared between those who ask, and nobody changes them.
func TestManyAtOnce(t *testing.T) {
	bubble(t, tree(site{name: "bare.example.", at: []string{otherAt}, bare: true, records: "jwk.cnf 1 TLSA 255 255 255 " + key}), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		names := []string{owner, "out.vendor.example.", "a.vendor.example.", "jwk.cnf.absent.vendor.example.", "x.wild.vendor.example.", "jwk.cnf.bare.example.", "jwk.cnf.vendor.test.", "nowhere."}
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() {
				time.Sleep(time.Duration(i%17) * 7 * time.Millisecond)
				q := dnssec.Question{Type: dns.TypeTLSA, Bounded: i%3 == 0}
				a, _ := lookup(t, r, q, names[i%len(names)])
				if len(slices.Concat(a.AnswerSection.RRs(), a.AuthoritySection.RRs())) == 0 && a.Security != dnssec.Bogus && a.Name != "nowhere." {
					t.Errorf("%s: no records", a.Name)
				}
				if a.Security == dnssec.Bogus || a.Kind == dnssec.NoAnswer {
					t.Errorf("%s: %+v", a.Name, a.Trouble)
				}
				if i%50 == 0 {
					r.Drop("example.")
				}
			})
		}
		wg.Wait()
	})
}

// TestSilentServerIsNotAskedFirst: who did not answer is asked after who did.
func TestSilentServerIsNotAskedFirst(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		l.lie(silent, vendorAt)
		for i := range 10 {
			ask(t, r, fmt.Sprintf("n%d.vendor.example.", i), dns.TypeTLSA)
		}
		l.count()
		for i := range 10 { // what was denied before must not answer
			lookup(t, r, dnssec.Question{Type: dns.TypeTLSA, Bounded: true}, fmt.Sprintf("m%d.vendor.example.", i))
		}
		if n := l.count(); n != 10 {
			t.Errorf("10 questions cost %d messages", n)
		}
	})
}

// TestNoServers: without a root nothing is known, and the reason names it.
func TestNoServers(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		l.on = map[netip.Addr]map[string]*zone.Zone{}
		r := l.resolver(t)
		if err := r.Ready(t.Context()); err == nil {
			t.Error("ready without a root")
		}
		a := ask(t, r, owner, dns.TypeTLSA)
		if a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable || !strings.Contains(a.Trouble.Text, rootAt) {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
	})
}
