package listener

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// places are the questions under way, by who asks them. Where there is no room, for a
// client or at all, the oldest gives way if it has had its time: the slow ones of a
// client keep neither his own quick ones out nor anybody else's.
type places struct {
	bounds

	mu  sync.Mutex // guards what follows
	all list.List  // of *place, the oldest first
	of  map[netip.Prefix]*list.List
}

// bounds are how much there may be in all, and of one client.
type bounds struct{ whole, each int }

// place is one question's.
type place struct {
	client       netip.Prefix
	began        time.Time
	giveWay      context.CancelFunc
	inAll, inOwn *list.Element
}

// patience is how long a question is let be that others need the place of (Unbound:
// jostle-timeout 200 ms).
const patience = 200 * time.Millisecond

// clientOf is what counts as one client: an IPv4 address, or an IPv6 /64, since that
// is the least that a network hands out, all of which one machine may use (RFC 6177
// §2, RFC 8981). The zero Prefix is all who are not known.
func clientOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// most is what a client may have of the whole. All programs of this machine come from
// its loopback addresses, so that one of those may have half; never all, or a single
// client could keep the others out.
func (b bounds) most(client netip.Prefix) int {
	if client.IsValid() && client.Addr().IsLoopback() {
		return max(b.each, b.whole/2)
	}
	return b.each
}

// enter begins a question; its context ends when it has to give way. It is not ok
// where there is no room and nobody gives way; otherwise leave must be called.
func (p *places) enter(ctx context.Context, client netip.Prefix, now time.Time) (_ context.Context, leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.of[client]
	switch {
	case own != nil && own.Len() >= p.most(client):
		ok = p.displace(own.Front(), now)
	case p.all.Len() >= p.whole:
		ok = p.displace(p.all.Front(), now)
	default:
		ok = true
	}
	if !ok {
		return ctx, nil, false
	}
	if own = p.of[client]; own == nil { // displace may have removed it
		own = list.New()
		p.of[client] = own
	}
	q := &place{client: client, began: now}
	ctx, q.giveWay = context.WithCancel(ctx)
	q.inAll, q.inOwn = p.all.PushBack(q), own.PushBack(q)
	return ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.remove(q)
	}, true
}

// displace ends the oldest question of a list, if it has had its time.
func (p *places) displace(oldest *list.Element, now time.Time) bool {
	q := oldest.Value.(*place)
	if now.Sub(q.began) < patience {
		return false
	}
	p.remove(q)
	return true
}

// remove takes a question out; a second time does nothing.
func (p *places) remove(q *place) {
	q.giveWay()
	if q.inAll == nil {
		return
	}
	own := p.of[q.client]
	p.all.Remove(q.inAll)
	own.Remove(q.inOwn)
	q.inAll, q.inOwn = nil, nil
	if own.Len() == 0 {
		delete(p.of, q.client)
	}
}

// rationed gives each client so many TCP connections and no more; one too many is
// closed at once. Those who may not ask at all share one client's part.
type rationed struct {
	net.Listener
	bounds
	known func(net.Addr) bool

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
		if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil && r.known(conn.RemoteAddr()) {
			client = clientOf(from.Addr())
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
