package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cnfd/dnssec"
)

// TestPanicEndsOneQuestion: what panics ends one question, also where it was sent early,
// and not the process.
func TestPanicEndsOneQuestion(t *testing.T) {
	for _, at := range []uint16{dns.TypeDNSKEY, dnssec.TypeTLSA} {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			p := &panics{lab: l}
			r := l.resolver(t, func(c *Config) { c.Exchanger = p })
			if a := ask(t, r, "www.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Fatalf("%s", a.Security)
			}
			p.at = at
			n, _ := dnssec.NameOf(owner)
			if _, _, err := r.Lookup(t.Context(), dnssec.Question{Name: n, Type: dnssec.TypeTLSA}); err == nil {
				t.Error("no error")
			}
		})
	}
}

// panics is an Exchanger that panics at one kind of reply.
type panics struct {
	*lab
	at uint16
}

func (p panics) Exchange(ctx context.Context, s netip.AddrPort, n string, q *dns.Msg) (*dns.Msg, error) {
	if q.Question[0].Qtype == p.at {
		panic("a reply that the parser cannot bear")
	}
	return p.lab.Exchange(ctx, s, n, q)
}

// TestLedPastItsStep: a step that was begun early is not led past its end.
func TestLedPastItsStep(t *testing.T) {
	for _, waits := range []int{0, maxWaits} {
		sub(t, fmt.Sprint("waits=", waits), coTest(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			ask(t, r, "x.example.", dnssec.TypeTLSA)
			l.lie(silent, "192.0.2.72")
			l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Name == "co.test." {
					time.Sleep(40 * time.Millisecond)
				}
				return r
			}, testAt)
			var wg sync.WaitGroup
			wg.Go(func() { // as find does it
				ctx, cancel := context.WithTimeout(t.Context(), questionTime)
				defer cancel()
				w := r.newWalk(ctx, time.Now())
				defer w.giveUpEarly(0)
				s := search{walk: w, name: "jwk.cnf.hung.co.test.", rrtype: dnssec.TypeTLSA, waits: waits}
				defer s.leads.leave()
				s.at = w.nearest(s.name, s.rrtype)
				for !s.done {
					s.step()
				}
			})
			time.Sleep(35 * time.Millisecond)
			began := time.Now()
			a := ask(t, r, "jwk.cnf.good.co.test.", dnssec.TypeTLSA)
			if took := time.Since(began); took > 500*time.Millisecond {
				t.Errorf("waits=%d: %s after %s: %s", waits, a.Security, took, a.Trouble.Text)
			}
			wg.Wait()
		})
	}
}

// TestAheadDoesNotWait: nobody waits in order to ask early.
func TestAheadDoesNotWait(t *testing.T) {
	bubble(t, coTest(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, "x.example.", dnssec.TypeTLSA)
		other := r.newWalk(t.Context(), time.Now())
		l0, _ := other.lead("test. co.test.", true)
		time.AfterFunc(6*time.Second, l0.leave)
		ctx, cancel := context.WithTimeout(t.Context(), questionTime)
		defer cancel()
		w := r.newWalk(ctx, time.Now())
		defer w.giveUpEarly(0)
		s := search{walk: w, name: "jwk.cnf.good.co.test.", rrtype: dnssec.TypeTLSA, waits: maxWaits}
		defer s.leads.leave()
		s.at = w.nearest(s.name, s.rrtype)
		began := time.Now()
		for !s.done {
			s.step()
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("%s although it has waited enough", took)
		}
		time.Sleep(7 * time.Second)
	})
}

// co.test. is an unsigned zone, in it a zone whose servers are silent and a good one.
func coTest() []site {
	none := func([]dns.RR) []dns.RR { return nil }
	return tree(
		site{name: "co.test.", at: []string{"192.0.2.71"}, bare: true, ds: none},
		site{name: "hung.co.test.", at: []string{"192.0.2.72"}, bare: true, ds: none},
		site{name: "good.co.test.", at: []string{"192.0.2.73"}, bare: true, ds: none, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
	)
}
