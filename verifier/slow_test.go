package verifier

import (
	"context"
	"testing"
	"time"

	"cnfd/dnssec"
)

// slow is a source that takes its time.
type slow struct {
	Source
	clock *time.Time
}

func (s slow) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	*s.clock = s.clock.Add(5 * time.Second)
	return s.Source.Lookup(ctx, q)
}

// TestLifeIsWhatIsLeft: what a look-up took is gone from the life of what it found.
func TestLifeIsWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		claim    string
		cached   bool
		age, ttl time.Duration
	}{
		{"a cached answer is judged at once", true, 13 * time.Second, 287 * time.Second},
		{"one that was waited for is older by then", false, 18 * time.Second, 282 * time.Second},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			clock := now
			s.source.cached = c.cached
			s.config.Now = func() time.Time { return clock }
			s.config.Source = slow{s.source, &clock}
			v, err := s.ask(t)
			if err != nil || v.Reason != RecordMatches || v.DNS.Age != c.age || v.Record.TTL != c.ttl {
				t.Errorf("age %s, TTL %s, %s, %v", v.DNS.Age, v.Record.TTL, v.Reason, err)
			}
		})
	}
}
