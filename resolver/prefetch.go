package resolver

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"
)

// ahead renews answers that are in use before they end, so that those who ask for
// them do not wait. An answer is renewed at most once, and only if somebody asks for
// it in its last tenth.
type ahead struct {
	ctx context.Context // ended by close
	end context.CancelFunc

	mu      sync.Mutex // guards what follows
	closed  bool
	running int
	total   int64
	// tried are the ends of the answers that are being renewed or could not be, by
	// cache key: what failed, or ends no later for it (a signature that expires), is
	// not tried again before its end.
	tried map[string]time.Time
	work  sync.WaitGroup
}

const (
	// lastPart: what is asked for in the last tenth of its life is renewed (Unbound: prefetch).
	lastPart = 10
	// maxAhead bounds the answers that are renewed at once: they must not be in the
	// way of those that somebody waits for.
	maxAhead = 64
	// maxTried bounds what is remembered of renewals.
	maxTried = 4096
)

func newAhead() *ahead {
	p := &ahead{tried: map[string]time.Time{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// renews reports whether answers of a type are renewed at all. Records of type TLSA
// confirm and refute: they are only where that is wanted.
func (r *Resolver) renews(rrtype uint16) bool {
	return r.cfg.Prefetch && (rrtype != dnssec.TypeTLSA || r.cfg.PrefetchConfirmations)
}

// renew asks anew for the answer that key has, if that is in its last part, and keeps
// what comes if it is any better than nothing. It does not wait.
func (r *Resolver) renew(key []byte, a *dnssec.Answer) {
	p, now := r.ahead, r.cfg.Now()
	if a.Until.Sub(now)*lastPart > a.Until.Sub(a.Fetched) || failed(a) || !p.begin(key, a.Until, now) {
		return
	}
	kept, name, rrtype, end := string(key), a.Name, a.Type, a.Until
	go func() {
		e, err := r.cache.Get(p.ctx, kept, now, func(ctx context.Context) (cache.Entry[*entry], error) {
			ctx, cancel := context.WithTimeout(ctx, questionTime)
			defer cancel()
			w := r.newWalk(ctx, r.cfg.Now())
			w.oldest, w.ahead = now, true
			a := w.resolve(name, rrtype, nil)
			if failed(a) {
				// What is there is still true, and a failure no reason to forget it.
				return cache.Entry[*entry]{}, errNotRenewed
			}
			return cache.Entry[*entry]{Value: keptAnswer(kept, a), Size: answerSize(a), Until: a.Until, Since: a.Fetched}, nil
		})
		p.ended(kept, err == nil && e.answer.Until.After(end))
	}()
}

// errNotRenewed: a renewal found nothing, which says nothing to others who wait for it.
var errNotRenewed = errors.New("the answer could not be renewed")

// begin counts a renewal in, unless there are too many, it was tried before, or the
// resolver is closed.
func (p *ahead) begin(key []byte, end, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, ok := p.tried[string(key)]; p.closed || p.running == maxAhead || ok && now.Before(before) {
		return false
	}
	if len(p.tried) >= maxTried {
		maps.DeleteFunc(p.tried, func(_ string, end time.Time) bool { return !now.Before(end) })
		if len(p.tried) >= maxTried {
			return false
		}
	}
	p.tried[string(key)] = end
	p.running++
	p.total++
	p.work.Add(1)
	return true
}

func (p *ahead) ended(key string, renewed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if renewed {
		delete(p.tried, key)
	}
	p.running--
	p.work.Done()
}

func (p *ahead) count() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// close lets nothing begin any more; wait returns when all has ended.
func (p *ahead) close() (wait func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return func() {
		p.end()
		p.work.Wait()
	}
}
