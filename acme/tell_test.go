package acme_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

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
