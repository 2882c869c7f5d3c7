package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// door is a listener that lets only so many in at once, and tells the others so: a
// connection that nobody answers would keep its client waiting.
type door struct {
	net.Listener
	most   int64
	hall   *hall
	silent bool // one too many is only closed: 503 in plain would break TLS

	inside  atomic.Int64
	refused atomic.Int64
	porters chan struct{} // a place for each that is being told
	lounge  lounge
}

func newDoor(l net.Listener, most int, silent bool) *door {
	return &door{Listener: l, most: int64(most), silent: silent, hall: &hall{}, porters: make(chan struct{}, 64)}
}

// Accept returns the next connection that there is room for.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.enter() || d.makeRoom() && d.enter() {
			g := &guest{Conn: conn}
			g.leave = sync.OnceFunc(func() { d.inside.Add(-1); d.hall.leave(); d.lounge.forget(g) })
			return d.lounge.settle(g, &d.hall.seconds), nil
		}
		d.refused.Add(1)
		d.refuse(conn)
	}
}

func (d *door) enter() bool {
	if d.inside.Add(1) <= d.most && d.hall.enter() {
		return true
	}
	d.inside.Add(-1)
	return false
}

const (
	// full is what one too many is told, whatever it asks.
	full = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nCache-Control: no-store\r\n" +
		"Content-Type: application/problem+json\r\nContent-Length: 157\r\n\r\n" + fullDoc
	fullDoc = `{"type":"urn:cnfd:problem:overloaded","title":"Too much is being asked for","status":503,"detail":"as many connections as may be are open: ask again later"}` + "\n"
	// refuseTime is how long one too many may take to read that.
	refuseTime = time.Second
)

func (d *door) refuse(conn net.Conn) {
	select {
	case d.porters <- struct{}{}:
	default:
		conn.Close() // too many to tell them all
		return
	}
	go func() {
		defer func() { <-d.porters }()
		defer conn.Close()
		if d.silent {
			return
		}
		conn.SetDeadline(time.Now().Add(refuseTime))
		io.WriteString(conn, full)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			c.CloseWrite()
		}
		// Closed with something unread, a connection is reset, and the answer lost.
		io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	}()
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	leave func()
	idling
}

// Close closes the connection and makes room for another.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}

// NetConn is the connection itself.
func (g *guest) NetConn() net.Conn { return g.Conn }

// door puts a door before a listener of the API.
func (d *daemon) door(l net.Listener, c *config.Config, silent bool) net.Listener {
	most := int(c.Limits.Connections)
	if files := openFiles(); files > 0 {
		free := files - min(files/2, resolverFiles)
		d.hall.most = int64(free)
		// Not all of it at one door: the other socket is to have room, too.
		if fits := max(free/4*3, 1); fits < most {
			d.log.Info("limits.connections: fewer are let in at once, since no more files may be open (ulimit -n, LimitNOFILE=)", "at", l.Addr().String(), "connections", fits, "files", files)
			most = fits
		}
	}
	o := newDoor(l, most, silent)
	o.hall = &d.hall
	d.doors = append(d.doors, o)
	if d.hall.doors = d.doors; len(d.doors) == 1 {
		d.serving.Go(func() { d.hall.count(d.running) })
	}
	return o
}

// hall is behind all doors.
type hall struct {
	most    int64 // 0: any number
	inside  atomic.Int64
	doors   []*door      // complete before anybody is let in
	seconds atomic.Int64 // since the daemon began
}

func (h *hall) enter() bool {
	if n := h.inside.Add(1); h.most == 0 || n <= h.most {
		return true
	}
	h.inside.Add(-1)
	return false
}

func (h *hall) leave() { h.inside.Add(-1) }

// resolverFiles is left for sockets to name servers: a thousand questions, two each.
const resolverFiles = 2048
