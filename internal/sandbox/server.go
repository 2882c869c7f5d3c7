package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// server is one authoritative name server: an address and the zones that it serves.
type server struct {
	addr    netip.Addr
	zones   map[string]*zone.Zone // by apex
	now     func() time.Time
	secret  string // of the TSIG key, base64; it keys the cookies too
	queries atomic.Int64
	tamper  atomic.Pointer[func(network string, q, r *dns.Msg) *dns.Msg]

	listeners []*dns.Server
	running   sync.WaitGroup
}

// maxUDP is the largest reply sent over UDP, whatever the client would take (DNS flag day 2020).
const maxUDP = 1232

// ServeDNS answers one message.
func (s *server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.queries.Add(1)
	network := w.LocalAddr().Network()
	if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeAXFR && network == "tcp" {
		s.transfer(w, q)
		return
	}
	r := s.reply(w, q)
	if network == "udp" {
		truncate(q, r)
	}
	if f := s.tamper.Load(); f != nil && *f != nil {
		if r = (*f)(network, q, r); r == nil {
			return
		}
	}
	w.WriteMsg(r) // the client's trouble if it has gone
}

// reply makes the answer to a message, whole however long.
func (s *server) reply(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
	r := new(dns.Msg).SetReply(q)
	r.Compress = true
	if opt := q.IsEdns0(); opt != nil {
		s.edns(opt, r, w.RemoteAddr())
		if opt.Version() != 0 {
			r.SetRcode(q, dns.RcodeBadVers)
			return r
		}
	}
	switch {
	case !s.proven(w, q, r):
	case q.Opcode == dns.OpcodeUpdate:
		s.update(q, r)
	case q.Opcode != dns.OpcodeQuery:
		r.Rcode = dns.RcodeNotImplemented
	case len(q.Question) != 1:
		r.Rcode = dns.RcodeFormatError
	default:
		s.answer(q, r)
	}
	return r
}

// answer fills r from the zone that the question belongs to.
func (s *server) answer(q, r *dns.Msg) {
	question := q.Question[0]
	z := s.zoneOf(question.Name, question.Qtype)
	if z == nil || question.Qclass != dns.ClassINET {
		r.Rcode = dns.RcodeRefused
		return
	}
	opt := q.IsEdns0()
	a := z.Answer(question.Name, question.Qtype, opt != nil && opt.Do(), s.now())
	r.Rcode, r.Authoritative = a.Rcode, a.Authoritative
	r.Answer, r.Ns = a.Answer, a.Authority
	r.Extra = append(a.Additional, r.Extra...)
}

// zoneOf is the closest zone at or above name that is served here; for DS at its
// apex it is the parent, if that is served here too (RFC 4035 §3.1.4.1).
func (s *server) zoneOf(name string, qtype uint16) *zone.Zone {
	name = dns.CanonicalName(name)
	z := s.closest(name)
	if z != nil && qtype == dns.TypeDS && z.Apex() == name && name != "." {
		i, _ := dns.NextLabel(name, 0)
		if p := s.closest(dns.Fqdn(name[i:])); p != nil && p.Delegates(name) {
			return p
		}
	}
	return z
}

func (s *server) closest(name string) *zone.Zone {
	for off, end := 0, false; !end; off, end = dns.NextLabel(name, off) {
		if z := s.zones[name[off:]]; z != nil {
			return z
		}
	}
	return s.zones["."]
}

// edns puts an OPT record into r, and a cookie where the client sent one (RFC 7873 §5.2).
func (s *server) edns(asked *dns.OPT, r *dns.Msg, client net.Addr) {
	r.SetEdns0(maxUDP, asked.Do())
	for _, o := range asked.Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok && len(c.Cookie) >= 16 {
			host, _, _ := net.SplitHostPort(client.String())
			mac := hmac.New(sha256.New, []byte(s.secret))
			mac.Write([]byte(c.Cookie[:16] + host))
			opt := r.IsEdns0()
			opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{
				Code: dns.EDNS0COOKIE, Cookie: c.Cookie[:16] + hex.EncodeToString(mac.Sum(nil)[:8]),
			})
		}
	}
}

// truncate empties a reply that the client could not take in one datagram and
// sets TC: half an RRset proves nothing (RFC 2181 §9).
func truncate(q, r *dns.Msg) {
	size := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		size = min(max(size, int(opt.UDPSize())), maxUDP)
	}
	if r.Len() <= size {
		return
	}
	opt, mark := r.IsEdns0(), r.IsTsig()
	r.Truncated, r.Answer, r.Ns, r.Extra = true, nil, nil, nil
	if opt != nil {
		r.Extra = []dns.RR{opt}
	}
	if mark != nil { // last (RFC 8945 §5.1)
		r.Extra = append(r.Extra, mark)
	}
}

// update carries out a dynamic update if it is signed with the sandbox's key
// (RFC 2136 §3).
func (s *server) update(q, r *dns.Msg) {
	if q.IsTsig() == nil {
		r.Rcode = dns.RcodeRefused
		return
	}
	if len(q.Question) != 1 || q.Question[0].Qtype != dns.TypeSOA {
		r.Rcode = dns.RcodeFormatError
		return
	}
	z := s.zones[dns.CanonicalName(q.Question[0].Name)]
	if z == nil {
		r.Rcode = dns.RcodeNotAuth
		return
	}
	r.Rcode = z.Update(q)
}

// transfer sends a whole zone (RFC 5936), for tools that check one.
func (s *server) transfer(w dns.ResponseWriter, q *dns.Msg) {
	z := s.zones[dns.CanonicalName(q.Question[0].Name)]
	if z == nil {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNotAuth))
		return
	}
	all := z.All(s.now())
	for len(all) > 0 {
		n := min(len(all), 50)
		r := new(dns.Msg).SetReply(q)
		r.Authoritative, r.Compress, r.Answer = true, true, all[:n]
		if w.WriteMsg(r) != nil {
			return
		}
		all = all[n:]
	}
}

// accept lets updates through, which the library's own rule keeps out.
func accept(h dns.Header) dns.MsgAcceptAction {
	const response = 1 << 15
	if h.Bits&response != 0 {
		return dns.MsgIgnore
	}
	return dns.MsgAccept
}

// serve starts answering on an open pair of sockets.
func (s *server) serve(udp net.PacketConn, tcp net.Listener) {
	for _, l := range []*dns.Server{{PacketConn: udp}, {Listener: tcp}} {
		l.Handler, l.MsgAcceptFunc, l.UDPSize = s, accept, dns.MaxMsgSize
		l.TsigSecret = map[string]string{KeyName: s.secret}
		started := make(chan struct{})
		l.NotifyStartedFunc = func() { close(started) }
		s.listeners = append(s.listeners, l)
		s.running.Go(func() { l.ActivateAndServe() })
		<-started
	}
}

func (s *server) close() error {
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.Shutdown())
	}
	s.running.Wait()
	s.listeners = nil
	return errors.Join(errs...)
}

// listen opens the sockets of all servers on one port and starts them.
func (n *Internet) listen() error {
	var err error
	for range 50 { // another process may hold the port at one of the other addresses
		var open []socket
		if open, err = n.open(n.config.Port); err == nil {
			for i, s := range n.servers {
				s.serve(open[i].udp, open[i].tcp)
			}
			return nil
		}
		if n.config.Port != 0 {
			break
		}
	}
	return fmt.Errorf("sandbox: no port for the name servers: %w", err)
}

type socket struct {
	udp net.PacketConn
	tcp net.Listener
}

// open opens every server's sockets on one port, or none; port 0 takes the first one offered.
func (n *Internet) open(port int) (open []socket, err error) {
	defer func() {
		if err != nil {
			for _, o := range open {
				o.udp.Close()
				if o.tcp != nil {
					o.tcp.Close()
				}
			}
		}
	}()
	for _, s := range n.servers {
		udp, err := net.ListenPacket("udp", net.JoinHostPort(s.addr.String(), strconv.Itoa(port)))
		if err != nil {
			return open, err
		}
		open = append(open, socket{udp: udp})
		port = udp.LocalAddr().(*net.UDPAddr).Port
		tcp, err := net.Listen("tcp", net.JoinHostPort(s.addr.String(), strconv.Itoa(port)))
		if err != nil {
			return open, err
		}
		open[len(open)-1].tcp = tcp
	}
	n.port = port
	return open, nil
}
