package acme_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// book is a log that several may write to.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// The log says why something came to nothing, and names a domain only where it may.
func TestWhatIsRefusedIsInTheLog(t *testing.T) {
	absent := func(c *acme.Claim) *acme.Problem {
		p := refutes(c)
		p.Reason = "record_absent"
		return p
	}
	for _, details := range []bool{false, true} {
		for _, tt := range []struct {
			claim string
			flip  func(*play)
			does  func(*play)
			wants string
		}{
			{"an order", func(p *play) { p.gate.says(absent) }, func(p *play) { p.post("/acme/new-order", ordering("vendor.example")) },
				`msg="acme: order refused" account=`},
			{"a challenge by its record", func(p *play) { p.gate.says(absent) }, nil, `msg="acme: challenge not met" authorization=`},
		} {
			log := &book{}
			p := newPlay(t, func(c *acme.Config) {
				challenged(c)
				c.LogDetails, c.Log = details, slog.New(slog.NewTextHandler(log, nil))
			})
			o := p.order(ordering("vendor.example"), acme.Pending)
			if tt.does == nil {
				tt.does = func(p *play) {
					p.post(p.authz(o.Authorizations[0]).Challenges[0].URL, map[string]any{})
					p.awaits(o.Authorizations[0])
				}
			}
			if before := log.String(); strings.Contains(before, tt.wants) {
				t.Fatalf("%s: it is in the log before: %s", tt.claim, before)
			}
			tt.flip(p)
			tt.does(p)
			said := log.String()
			if !strings.Contains(said, tt.wants) || !strings.Contains(said, "kind=unauthorized reasons=record_absent") {
				t.Errorf("%s: the log has %s", tt.claim, said)
			}
			if named := strings.Contains(said, "vendor.example"); named != details {
				t.Errorf("%s: with details %t the log names the domain: %t", tt.claim, details, named)
			}
		}
	}
}

// TestRequestsThatAreRefusedAreInTheLog: what is wrong with a request is told, of each account so many times an hour, and names nobody
// but where it may.
func TestRequestsThatAreRefusedAreInTheLog(t *testing.T) {
	for _, details := range []bool{false, true} {
		log := &book{}
		p := newPlay(t, func(c *acme.Config) { c.LogDetails, c.Log = details, slog.New(slog.NewTextHandler(log, nil)) })
		p.order(ordering("vendor.example"), acme.Ready)
		if strings.Contains(log.String(), "request refused") {
			t.Fatalf("before anything was: %s", log.String())
		}
		amiss := func(c *client) {
			o := ordering("vendor.example")
			o["profile"] = "other"
			c.post("/acme/new-order", o)
		}
		amiss(p.client)
		line := `msg="acme: request refused" path=/acme/new-order account=` + p.account() + ` kind=invalidProfile`
		if said := log.String(); !strings.Contains(said, line) || strings.Contains(said, "detail=") != details {
			t.Errorf("the log has %s", said)
		}
		for range 99 {
			amiss(p.client)
		}
		other := registered(t, p.Server)
		amiss(other)
		p.clock.pass(time.Minute)
		amiss(p.client)
		told := func(c *client) int {
			return strings.Count(log.String(), "path=/acme/new-order account="+c.account()+" ")
		}
		if told(p.client) != 61 || told(other) != 1 {
			t.Errorf("told %d times in an hour and a minute, and of another account %d times", told(p.client), told(other))
		}
	}
}
