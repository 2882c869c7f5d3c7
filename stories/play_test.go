package stories

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/resolver"
	"cnfd/resolver/listener"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// player plays one story.
type player struct {
	story    *story
	world    *world
	config   resolver.Config
	resolver *resolver.Resolver
	verifier *verifier.Verifier
	listener *listener.Server

	claims  []byte            // of the last VERIFY
	verdict *verifier.Verdict // of the last VERIFY
	answer  *dns.Msg          // to the last QUERY
}

// play plays a story in a bubble of its own, where time passes only when everybody waits. The error is the first
// thing that is not as the story says.
func play(t *testing.T, s *story) (err error) {
	synctest.Test(t, func(t *testing.T) {
		var p *player
		if p, err = newPlayer(s, time.Now()); err != nil {
			return
		}
		defer func() { err = errors.Join(err, p.resolver.Close(context.Background())) }()
		for _, step := range s.steps {
			p.world.at(step.number)
			if err = p.take(t.Context(), step); err != nil {
				err = fmt.Errorf("%w\n%s", err, p.world)
				return
			}
		}
	})
	return err
}

// newPlayer wires the rooms as the daemon does, with the story's servers in the place of the network.
func newPlayer(s *story, started time.Time) (*player, error) {
	w := &world{begins: s.settings.Begins, started: started, ranges: s.ranges, sites: map[string]*site{}, forwarders: map[netip.Addr]*listener.Server{}}
	if err := w.load(s.zones); err != nil {
		return nil, err
	}
	rc, err := s.settings.resolverConfig(w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	for _, f := range rc.Forwarders {
		if err := w.forward(f.Address.Addr(), rc); err != nil {
			return nil, fmt.Errorf("%s: %w", s.file, err)
		}
	}
	p := &player{story: s, world: w, config: rc}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	return p, nil
}

// start makes what a daemon consists of.
func (p *player) start() (err error) {
	if p.resolver, err = resolver.New(p.config); err != nil {
		return err
	}
	vc, err := p.story.settings.verifierConfig(p.resolver, p.world.now)
	if err != nil {
		return err
	}
	vc.Each = p.resolver
	if p.verifier, err = verifier.New(vc); err != nil {
		return err
	}
	p.listener = listener.New(listener.Config{Source: p.resolver, Now: p.world.now})
	return nil
}

// restart ends the daemon and starts another, which reads the snapshot that the first one left, if it left one.
func (p *player) restart(ctx context.Context, s *step) error {
	const limit = 1 << 20
	var snapshot bytes.Buffer
	if _, _, err := p.resolver.Snapshot(&snapshot, limit); err != nil {
		return s.fault("%v", err)
	}
	if err := errors.Join(p.resolver.Close(ctx), p.start()); err != nil {
		return s.fault("%v", err)
	}
	if s.killed {
		return nil
	}
	if _, err := p.resolver.Restore(ctx, &snapshot, limit); err != nil {
		return s.fault("%v", err)
	}
	return nil
}

// take takes one step; the error is what is not as the story says.
func (p *player) take(ctx context.Context, s *step) error {
	switch s.kind {
	case "TIME_PASSES":
		time.Sleep(s.elapse)
	case "CHANGE":
		return p.world.change(s.zone)
	case "RESTART":
		return p.restart(ctx, s)
	case "VERIFY", "PRECHECK":
		return p.verify(ctx, s)
	case "CHECK_VERDICT":
		return p.checkVerdict(s)
	case "CHECK_SENT":
		if n := p.world.count(); n != s.sent && !(s.atMost && n < s.sent) {
			return s.fault("%d messages were sent", n)
		}
	case "QUERY":
		return p.query(s)
	case "CHECK_ANSWER":
		if p.answer == nil {
			return s.fault("nothing was asked")
		}
		return s.entry.compare(p.answer)
	}
	return nil
}

func (p *player) verify(ctx context.Context, s *step) error {
	if !s.again {
		p.claims = s.request.Bytes
	}
	if p.claims == nil {
		return s.fault("AGAIN, and nothing was verified before")
	}
	p.world.asked()
	ask := p.verifier.Verify
	if s.kind == "PRECHECK" {
		ask = p.verifier.PrecheckToken
	}
	for range s.times {
		request := s.request
		request.Bytes = p.claims
		v, err := ask(ctx, &request)
		if err != nil {
			return s.fault("%v", err)
		}
		p.verdict = &v
	}
	return nil
}

func (p *player) checkVerdict(s *step) error {
	v, w := p.verdict, &s.want
	if v == nil {
		return s.fault("nothing was verified")
	}
	t := &v.DNS.Trouble
	got := fmt.Sprintf("%s %s, %s, EDE %d %q", v.Outcome(), v.Reason, v.DNS.Security, t.Code, t.Text)
	switch {
	case v.Reason != w.reason:
		return s.fault("it is %s", got)
	case w.ede >= 0 && (w.ede != int(t.Code) || t.Text == ""):
		return s.fault("EDE %d is wanted: it is %s", w.ede, got)
	case w.cached != "" && v.DNS.Cached != (w.cached == "yes"):
		return s.fault("cached: %v", v.DNS.Cached)
	}
	for _, words := range w.says {
		if !strings.Contains(t.Text, words) {
			return s.fault("%q is not said: it is %s", words, got)
		}
	}
	for _, words := range w.detail {
		if !strings.Contains(v.Detail, words) {
			return s.fault("the detail has not %q: %q", words, v.Detail)
		}
	}
	return nil
}

// query asks the listener as a stub would, over TCP so that nothing is cut short.
func (p *player) query(s *step) error {
	q := new(dns.Msg)
	q.Id = dns.Id()
	q.Question = s.entry.msg.Question
	q.RecursionDesired, q.CheckingDisabled, q.AuthenticatedData = s.entry.msg.RecursionDesired, s.entry.msg.CheckingDisabled, s.entry.msg.AuthenticatedData
	q.SetEdns0(4096, s.entry.do)
	p.world.asked()
	stub := &stub{}
	p.listener.ServeDNS(stub, q)
	if p.answer = stub.got; p.answer == nil {
		return s.fault("no answer")
	}
	return nil
}

// stub is a client of the listener.
type stub struct {
	dns.ResponseWriter // nothing else of it is used
	got                *dns.Msg
}

func (s *stub) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:5353"))
}

func (s *stub) WriteMsg(m *dns.Msg) error {
	wire, err := m.Pack()
	if err == nil {
		s.got = new(dns.Msg)
		err = s.got.Unpack(wire)
	}
	return err
}
