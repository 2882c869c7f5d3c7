package publish

import (
	"errors"
	"time"
)

// Config says how a Publisher works. Target, World and Now are required.
type Config struct {
	Target Target
	World  World
	Now    func() time.Time
	// TTL is that of a set that was not there; one that was keeps its own, since a
	// set has one TTL (RFC 2181 §5.2). Default: 5 minutes.
	TTL time.Duration
	// Timeout is the longest to wait for every server, and then for the proof.
	// Default: 10 minutes. Negative: do not wait at all; nothing is then proven.
	Timeout time.Duration
	// Every is the pause between two rounds of looking. Default: 2 seconds.
	Every time.Duration
	// Insecure: a zone without signatures will do. Only verifiers that allow it
	// (record.allow_insecure) confirm what stands there.
	Insecure bool
	// Delegated: the record's name may lie in another zone than the subject's domain.
	Delegated bool
	// Progress, where set, is told of every change, by one goroutine at a time.
	Progress func(Event)
}

// Publisher publishes and withdraws records. It may be used by several goroutines,
// each for sets of its own.
type Publisher struct {
	cfg    Config
	agreed []Change // of WithdrawAll
}

const (
	defaultTTL     = 5 * time.Minute
	defaultTimeout = 10 * time.Minute
	defaultEvery   = 2 * time.Second
)

// New makes a Publisher. Nothing is sent yet.
func New(c Config) (*Publisher, error) {
	switch {
	case c.Target.Zone == nil:
		return nil, errors.New("publish: no target")
	case c.World == nil || c.Now == nil:
		return nil, errors.New("publish: no world to look at, or no clock")
	case c.TTL < 0 || c.TTL%time.Second != 0 || c.TTL > maxTTL:
		return nil, errors.New("publish: TTL: want whole seconds, 1s to 24h")
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Every <= 0 {
		c.Every = defaultEvery
	}
	return &Publisher{cfg: c}, nil
}

// maxTTL bounds how long a withdrawal can take to reach everybody.
const maxTTL = 24 * time.Hour

func (p *Publisher) tell(e Event) {
	if p.cfg.Progress != nil {
		e.At = p.cfg.Now()
		p.cfg.Progress(e)
	}
}
