package stories

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"cnfd/resolver"
	"cnfd/resolver/listener"

	"github.com/miekg/dns"
)

// world is all name servers of a story: what they hold, and what the story has them say instead. It is a
// resolver.Exchanger. An exchange takes 10 ms, and silence as long as one waits.
type world struct {
	begins  time.Time // of the story
	started time.Time // of the bubble that it is played in
	ranges  []*span
	// forwarders are resolvers that walk the same servers by themselves.
	forwarders map[netip.Addr]*listener.Server

	mu         sync.Mutex // guards what follows
	sites      map[string]*site
	left       []*site // what zones that have moved left behind at their old servers
	step       int
	sent       []string // "udp 192.0.2.1 name. TYPE", of the question under way
	unforeseen []string
}

// now is the story's clock.
func (w *world) now() time.Time { return w.begins.Add(time.Since(w.started)) }

// at begins a step.
func (w *world) at(step int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = step
}

// asked forgets what was sent for the question before.
func (w *world) asked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = nil
}

// count is how many messages the question under way has cost.
func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

// String lists what was sent for the last question, and which questions nobody foresaw.
func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := "sent for the last question:\n  " + strings.Join(w.sent, "\n  ")
	if len(w.unforeseen) > 0 {
		s += "\nforeseen by nobody:\n  " + strings.Join(w.unforeseen, "\n  ")
	}
	return s
}

const flight = 10 * time.Millisecond

// Exchange carries one message to the server at an address, as it is in this step.
func (w *world) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	question := fmt.Sprintf("%s %s %s %s", network, server.Addr(), q.Question[0].Name, dns.Type(q.Question[0].Qtype))
	var honest *dns.Msg
	if f := w.forwarders[server.Addr()]; f != nil {
		stub := &stub{}
		f.ServeDNS(stub, q)
		honest = stub.got
	}
	w.mu.Lock()
	w.sent = append(w.sent, question)
	if honest == nil {
		honest = w.honest(server.Addr(), q)
	}
	r, wait := w.say(server.Addr(), network, q, honest, question)
	w.mu.Unlock()
	if r == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-time.After(flight + wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return carried(q, r, network)
}

// forward puts a forwarder at an address: a resolver of ours without forwarders of its own.
func (w *world) forward(at netip.Addr, c resolver.Config) error {
	c.Forwarders, c.Exchanger = nil, unseen{w}
	r, err := resolver.New(c)
	if err == nil {
		w.forwarders[at] = listener.New(listener.Config{Source: r, Now: w.now})
	}
	return err
}

// unseen carries what a forwarder sends: it is no cost of ours.
type unseen struct{ *world }

func (u unseen) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	u.mu.Lock()
	r := u.honest(server.Addr(), q)
	u.mu.Unlock()
	if r == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(flight)
	return carried(q, r, network)
}

// say is the reply of a server that would honestly say something, or nothing; nil for silence. The caller holds the lock.
func (w *world) say(server netip.Addr, network string, q, honest *dns.Msg, question string) (*dns.Msg, time.Duration) {
	scripted := false
	for _, r := range w.ranges {
		if w.step < r.from || w.step > r.to || !slices.Contains(r.addresses, server) {
			continue
		}
		scripted = true
		for _, e := range r.entries {
			if e.matchesQuestion(network, q) {
				return e.reply(q, honest), e.sleep
			}
		}
	}
	if honest == nil && scripted {
		w.unforeseen = append(w.unforeseen, fmt.Sprintf("step %d: %s", w.step, question))
		return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure), 0
	}
	return honest, 0
}

// carried is what arrives of a reply: over UDP no more than the question allows, and nothing but octets.
func carried(q, r *dns.Msg, network string) (*dns.Msg, error) {
	size := dns.MaxMsgSize
	if network == "udp" {
		size = dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = max(size, int(o.UDPSize()))
		}
	}
	r.Compress = true
	if r.Len() > size {
		r.Truncated, r.Answer, r.Ns, r.Extra = true, nil, nil, nil
	}
	wire, err := r.Pack()
	if err != nil {
		return nil, err
	}
	out := new(dns.Msg)
	return out, out.Unpack(wire)
}

// honest is what a server's zones say; nil where it has none.
func (w *world) honest(server netip.Addr, q *dns.Msg) *dns.Msg {
	name, rrtype := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	var best *site
	serves := false
	for _, s := range slices.Concat(slices.Collect(maps.Values(w.sites)), w.left) {
		if !slices.Contains(s.servers, server) {
			continue
		}
		serves = true
		if !dns.IsSubDomain(s.apex, name) || best != nil && len(s.apex) < len(best.apex) {
			continue
		}
		// The DS of a zone is its parent's, where that is served here too (RFC 4035 §3.1.4.1).
		if rrtype == dns.TypeDS && s.apex == name && s.parent != nil && slices.Contains(s.parent.servers, server) {
			continue
		}
		best = s
	}
	if !serves {
		return nil
	}
	r := new(dns.Msg).SetReply(q)
	if best == nil {
		r.Rcode = dns.RcodeRefused
		return r
	}
	do := false
	if o := q.IsEdns0(); o != nil {
		do = o.Do()
		r.SetEdns0(1232, do)
	}
	a := best.zone.Answer(q.Question[0].Name, rrtype, do, best.signed)
	r.Rcode, r.Authoritative = a.Rcode, a.Authoritative
	r.Answer, r.Ns, r.Extra = a.Answer, a.Authority, append(a.Additional, r.Extra...)
	return r
}

// matchesQuestion reports whether an entry is meant for a question.
func (e *entry) matchesQuestion(network string, q *dns.Msg) bool {
	if e.network != "" && e.network != network {
		return false
	}
	if len(e.msg.Question) == 0 {
		return true
	}
	own, asked := e.msg.Question[0], q.Question[0]
	switch {
	case (e.match["qname"] || e.match["question"]) && !strings.EqualFold(own.Name, asked.Name),
		(e.match["qtype"] || e.match["question"]) && own.Qtype != asked.Qtype,
		e.match["subdomain"] && !dns.IsSubDomain(own.Name, asked.Name):
		return false
	}
	return true
}
