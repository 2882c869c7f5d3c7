package transport

import (
	"net/netip"
	"sync"
	"time"
)

// peers is what was learnt of servers that changes how they are asked. None of
// it is proof of anything. The zero value is ready.
type peers struct {
	mu sync.Mutex // guards of
	of map[netip.AddrPort]peer
}

// peer is what is known of one server. The zero value is what is not known.
type peer struct {
	caseless time.Time // until then it is not expected to keep the case of a question
	bare     time.Time // until then it is asked without cookies
	client   string    // in hex: the client cookie that cookie was given for
	cookie   string    // in hex: its server cookie; once it has shown one, replies without are suspicious
	doubted  bool      // a datagram of its came in another case, and TCP has not told yet
}

// peerLife is how long a server's shortcoming is remembered.
const peerLife = time.Hour

// maxPeers bounds the table; past it any one is forgotten.
const maxPeers = 20000

func (p *peers) get(at netip.AddrPort) peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[at]
}

func (p *peers) change(at netip.AddrPort, how func(*peer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, known := p.of[at]
	if !known {
		if p.of == nil {
			p.of = map[netip.AddrPort]peer{}
		}
		if len(p.of) >= maxPeers {
			for other := range p.of {
				delete(p.of, other)
				break
			}
		}
	}
	how(&x)
	p.of[at] = x
}
