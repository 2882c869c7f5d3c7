package listener

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"cnfd/dnssec"
)

// places are the questions under way, by who asks them. Where there is no room, for a
// client or at all, the oldest gives way if it has had its time: the slow ones of a
// client keep neither his own quick ones out nor anybody else's.
type places struct {
	bounds

	mu    sync.Mutex // guards what follows
	all   queue
	of    map[netip.Prefix]*queue // of each client that has any
	spare *queue                  // an empty one, for the next client
}

// bounds are how much there may be in all, and of one client.
type bounds struct{ whole, each int }

// place is one question's. It stands in two queues: that of all, and its client's.
type place struct {
	client  netip.Prefix
	began   time.Time
	giveWay context.CancelFunc
	left    bool
	at      [2]struct{ older, newer *place }
}

// queue is places in the order in which they came.
type queue struct {
	which          int // of place.at
	oldest, newest *place
	n              int
}

const inAll, inOwn = 0, 1

func (q *queue) push(p *place) {
	p.at[q.which].older = q.newest
	if q.newest != nil {
		q.newest.at[q.which].newer = p
	} else {
		q.oldest = p
	}
	q.newest = p
	q.n++
}

func (q *queue) remove(p *place) {
	at := p.at[q.which]
	if at.older != nil {
		at.older.at[q.which].newer = at.newer
	} else {
		q.oldest = at.newer
	}
	if at.newer != nil {
		at.newer.at[q.which].older = at.older
	} else {
		q.newest = at.older
	}
	q.n--
}

// clientOf is what counts as one client of those with an addressOf: an IPv4 address, or an IPv6 /64, since that
// is the least that a network hands out, all of which one machine may use (RFC 6177
// §2, RFC 8981). The zero Prefix is all who are not known.
func clientOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// addressOf is where a message or a connection came from; the zero Addr if that is not told.
func addressOf(from net.Addr) netip.Addr {
	var ap netip.AddrPort
	switch from := from.(type) {
	case *net.UDPAddr:
		ap = from.AddrPort()
	case *net.TCPAddr:
		ap = from.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(from.String())
	}
	return ap.Addr().Unmap().WithZone("")
}

// most is what a client may have of the whole. All programs of this machine come from
// its loopback addresses, so that one of those may have half, and leaves half of the
// resolver to others: a single client must not keep them out.
func (b bounds) most(client netip.Prefix) int {
	if client.IsValid() && client.Addr().IsLoopback() {
		return max(b.each, min(b.whole/2, maxLoopback))
	}
	return b.each
}

// maxLoopback is half of what the resolver works on at once.
const maxLoopback = 500

// enter begins a question, or returns nil where there is no room and nobody gives way.
// giveWay is called when it must end before its time, and in any case by leave.
func (p *places) enter(client netip.Prefix, now time.Time, giveWay context.CancelFunc) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := p.all.oldest
	own := p.of[client]
	full := p.all.n >= p.whole
	if own != nil && own.n >= p.most(client) {
		oldest, full = own.oldest, true
	}
	if full {
		if now.Sub(oldest.began) < dnssec.Patience {
			return nil
		}
		p.remove(oldest)
		own = p.of[client] // it may have been the last of this client's
	}
	if own == nil {
		own, p.spare = p.spare, nil
		if own == nil {
			own = &queue{which: inOwn}
		}
		p.of[client] = own
	}
	q := &place{client: client, began: now, giveWay: giveWay}
	p.all.push(q)
	own.push(q)
	return q
}

// leave ends a question; one that gave way has left already.
func (p *places) leave(q *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(q)
}

func (p *places) remove(q *place) {
	q.giveWay()
	if q.left {
		return
	}
	q.left = true
	own := p.of[q.client]
	p.all.remove(q)
	own.remove(q)
	if own.n == 0 {
		delete(p.of, q.client)
		p.spare = own
	}
}

// rationed gives each client so many TCP connections and no more; one too many is
// closed at once. Those who may not ask at all share one client's part.
type rationed struct {
	net.Listener
	bounds
	known func(netip.Addr) bool

	mu    sync.Mutex // guards what follows
	total int
	of    map[netip.Prefix]int
}

// Accept returns the next connection that there is room for.
func (r *rationed) Accept() (net.Conn, error) {
	for {
		conn, err := r.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := netip.Prefix{}
		if from := addressOf(conn.RemoteAddr()); r.known(from) {
			client = clientOf(from)
		}
		if r.take(client) {
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { r.giveBack(client) })}, nil
		}
		conn.Close()
	}
}

func (r *rationed) take(client netip.Prefix) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.total >= r.whole || r.of[client] >= r.most(client) {
		return false
	}
	r.total++
	r.of[client]++
	return true
}

func (r *rationed) giveBack(client netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total--
	if r.of[client]--; r.of[client] == 0 {
		delete(r.of, client)
	}
}

// counted is a connection that gives its place back when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close ends the connection.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
