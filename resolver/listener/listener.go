// Package listener answers DNS questions over UDP and TCP from a resolver, so
// that dig and other stubs can look over its shoulder.
package listener

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// Source is what the listener asks; a *resolver.Resolver is one.
type Source interface {
	Lookup(ctx context.Context, q dnssec.Question) (a *dnssec.Answer, cached bool, err error)
}

// Config says what to answer, and whom.
type Config struct {
	Source Source
	// Allow are the clients that are answered; others are refused. Default:
	// the loopback addresses.
	Allow []netip.Prefix
	// Now is the clock that TTLs are counted down by; required.
	Now func() time.Time
	// InFlight bounds the questions answered at once; default 2048 (PowerDNS's
	// max-mthreads), twice what a resolver works on at once. PerClient bounds those
	// of one client, an IPv4 address or an IPv6 /64; default 100, a tenth of what a
	// resolver works on; a loopback address has half of InFlight. Past either the
	// oldest gives way, if it is under way for longer than dnssec.Patience, or else the
	// question is answered SERVFAIL.
	InFlight, PerClient int
	// TCP and TCPPerClient bound the connections likewise; defaults 1024 (PowerDNS's
	// max-tcp-clients) and 16. One too many is closed.
	TCP, TCPPerClient int
}

// Server answers DNS questions on the sockets that it is given.
type Server struct {
	cfg    Config
	places places

	mu      sync.Mutex // guards what follows
	closed  bool
	servers []*dns.Server
}

// New makes a server; Serve starts it.
func New(c Config) *Server {
	if len(c.Allow) == 0 {
		c.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if c.InFlight == 0 {
		c.InFlight = 2048
	}
	if c.PerClient == 0 {
		c.PerClient = 100
	}
	if c.TCP == 0 {
		c.TCP = 1024
	}
	if c.TCPPerClient == 0 {
		c.TCPPerClient = 16
	}
	return &Server{cfg: c, places: places{bounds: bounds{c.InFlight, c.PerClient}, of: map[netip.Prefix]*queue{}}}
}

// Serve answers on both sockets until Shutdown. It owns them from then on.
func (s *Server) Serve(udp net.PacketConn, tcp net.Listener) error {
	rations := &rationed{Listener: patient{tcp}, bounds: bounds{s.cfg.TCP, s.cfg.TCPPerClient}, known: s.allowed, of: map[netip.Prefix]int{}}
	pair := []*dns.Server{
		{PacketConn: udp, Handler: s, UDPSize: 4096},
		{Listener: rations, Handler: s, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxTCPQueries: 128},
	}
	ended, ok := s.start(pair)
	if !ok {
		return errors.Join(udp.Close(), tcp.Close())
	}
	var errs []error
	for range pair {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// start lets the servers begin, unless Shutdown came first. The library's own
// shutdown does nothing to a server that has not begun yet, which would then go
// on for ever; so Shutdown waits here until both have.
func (s *Server) start(pair []*dns.Server) (ended chan error, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	ended = make(chan error, len(pair))
	for _, d := range pair {
		begun := make(chan struct{})
		d.NotifyStartedFunc = func() { close(begun) }
		failed := make(chan struct{})
		go func() {
			ended <- d.ActivateAndServe()
			close(failed)
		}()
		select {
		case <-begun:
		case <-failed:
		}
	}
	s.servers = append(s.servers, pair...)
	return ended, true
}

// Shutdown stops listening and waits for the questions under way. A server that
// was shut down does not serve again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	servers := slices.Clone(s.servers)
	s.mu.Unlock()
	var errs []error
	for _, d := range servers {
		if err := d.ShutdownContext(ctx); err != nil && ctx.Err() != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// answerTime bounds one answer. A stub has given up by then, and an answer that
// comes late, with others, is a weapon (DNSBomb).
const answerTime = 8 * time.Second

// ServeDNS answers one question; it is dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	from := addressOf(w.RemoteAddr())
	if !s.allowed(from) {
		s.write(w, q, refusal(q, dns.RcodeRefused))
		return
	}
	if rcode := wrong(q); rcode != dns.RcodeSuccess {
		s.write(w, q, refusal(q, rcode))
		return
	}
	s.write(w, q, s.answer(q, clientOf(from)))
}

// gaveWay is why a question ends before its time. Nobody is to work on it any more, unless
// somebody else has asked the same: else a client could fill the resolver with such.
type gaveWay struct{}

func (gaveWay) Error() string { return "the question gave way to others" }

// Abandons says so to whoever works on it (cache.Cache.Get).
func (gaveWay) Abandons() bool { return true }

// answer looks a question up, if there is room for one more. What there is no room
// for is not dropped: a stub would wait for nothing, and ask again. Nor is it REFUSED,
// which says that this client may not ask.
func (s *Server) answer(q *dns.Msg, client netip.Prefix) *dns.Msg {
	ctx, giveWay := context.WithCancelCause(context.Background())
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	place := s.places.enter(client, s.cfg.Now(), func() { giveWay(gaveWay{}) })
	if place == nil {
		return crowded(q)
	}
	defer s.places.leave(place)
	name, ok := dnssec.NameOf(q.Question[0].Name)
	if !ok {
		return refusal(q, dns.RcodeServerFailure)
	}
	a, _, err := s.cfg.Source.Lookup(ctx, dnssec.Question{Name: name, Type: q.Question[0].Qtype})
	if err != nil && context.Cause(ctx) == error(gaveWay{}) {
		return crowded(q)
	}
	if err != nil {
		return refusal(q, dns.RcodeServerFailure)
	}
	return Reply(q, a, s.cfg.Now())
}

func (s *Server) allowed(from netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.Allow, func(p netip.Prefix) bool { return p.Contains(from) })
}

// wrong gives the RCODE for a query that cannot be answered.
func wrong(q *dns.Msg) int {
	switch {
	case q.Opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented
	case len(q.Question) != 1, q.Response:
		return dns.RcodeFormatError
	case q.IsEdns0() != nil && q.IsEdns0().Version() != 0:
		return dns.RcodeBadVers // RFC 6891 §6.1.3
	case q.Question[0].Qclass != dns.ClassINET:
		return dns.RcodeRefused
	case !q.RecursionDesired:
		return dns.RcodeRefused // it has no data of its own
	}
	switch t := q.Question[0].Qtype; {
	case t == dns.TypeNone, t == dns.TypeOPT, t >= 128 && t <= 254:
		return dns.RcodeRefused // no types of data: transfers, keys of transactions and the like (RFC 6895 §3.1)
	}
	return dns.RcodeSuccess
}

func refusal(q *dns.Msg, rcode int) *dns.Msg {
	m := new(dns.Msg)
	m.SetRcode(q, rcode)
	m.RecursionAvailable = true
	m.AuthenticatedData = false // nothing is authentic in it, whatever the query said
	if q.IsEdns0() != nil {
		m.SetEdns0(ednsSize, false)
	}
	return m
}

// crowded refuses a question that there is no room for, and says why to those who
// understand it (RFC 8914).
func crowded(q *dns.Msg) *dns.Msg {
	m := refusal(q, dns.RcodeServerFailure)
	if o := m.IsEdns0(); o != nil {
		o.Option = append(o.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: "too many questions are under way"})
	}
	return m
}

const ednsSize = 1232

// write sends a message, cut to what the client's datagrams can hold.
func (s *Server) write(w dns.ResponseWriter, q, m *dns.Msg) {
	if _, tcp := w.RemoteAddr().(*net.TCPAddr); !tcp {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = min(max(size, int(o.UDPSize())), 4096)
		}
		if m.Len() > size {
			m.Compress = true
		}
		if m.Len() > size {
			cut(m)
		}
	} else {
		m.Compress = true
	}
	w.WriteMsg(m) //nolint:errcheck // a client that has left is not our trouble
}

// cut empties a message that does not fit, so that the client comes back over TCP.
func cut(m *dns.Msg) {
	m.Truncated = true
	m.Answer, m.Ns = nil, nil
}
