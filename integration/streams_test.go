package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestStreams has clients of HTTP/2 do what has brought servers down: streams that are reset at once (CVE-2023-44487), headers
// without an end (CVE-2024-27316), settings and pings without an end, windows of nothing, bodies that do not come. The
// daemon is rid of each connection by itself, and others have their answers meanwhile, over HTTP/2 as well.
func TestStreams(t *testing.T) { // beside no other: it takes all the processors there are
	s := newSiege(t, 94, true, "limits: {idle_timeout: 5s}\ncache: {max_bytes: 32MiB}")
	confirms := func() {
		t.Helper()
		dial := s.overHTTP2(t)
		client := &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return dial() },
		}}
		defer client.CloseIdleConnections()
		if v, err := s.judge(client, "https://cnfd.example", ofToken(s.good, now)); err != nil || v.String() != confirmed {
			t.Errorf("over HTTP/2: %v %s", err, v.all())
		}
	}
	confirms()
	dial := s.overHTTP2(t)
	_, stop := s.meanwhile(t)
	var all sync.WaitGroup
	var sent atomic.Int64
	const many = 20
	for claim, behave := range streams(s.good) {
		for range many {
			all.Go(func() {
				n, err := flood(dial, behave)
				sent.Add(n)
				if err != nil {
					t.Errorf("%s: %v", claim, err)
				}
			})
		}
	}
	confirms()
	all.Wait()
	confirms()
	t.Logf("figure: %d clients of HTTP/2, %d frames, others asked all there is %d times meanwhile", many*len(streams("")), sent.Load(), stop())
	s.lifted(t, 192<<20)
}

// overHTTP2 dials so that HTTP/2 is agreed on.
func (s *siege) overHTTP2(t testing.TB) func() (net.Conn, error) {
	t.Helper()
	return func() (net.Conn, error) {
		dials <- struct{}{}
		defer func() { <-dials }()
		config := &tls.Config{RootCAs: s.roots, ServerName: "cnfd.example", NextProtos: []string{"h2"}}
		conn, err := tls.Dial("tcp", s.tcp, config)
		for tries := 0; err != nil && gone(err) && tries < 3; tries++ { // too late, for want of a processor
			conn, err = tls.Dial("tcp", s.tcp, config)
		}
		if err == nil && conn.ConnectionState().NegotiatedProtocol != "h2" {
			conn.Close()
			err = fmt.Errorf("%q is agreed on", conn.ConnectionState().NegotiatedProtocol)
		}
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// streams are the floods: each is called with 0, 1, 2, …, until the connection is gone, and sends a little each time. false:
// it has no more to send.
func streams(token string) map[string]func(f *http2.Framer, n uint32) (bool, error) {
	get := headerBlock(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/openapi.json")
	post := headerBlock(":method", "POST", ":scheme", "https", ":authority", "a", ":path", "/v1/verify", "content-type", "application/jwt", "content-length", fmt.Sprint(len(token)))
	long := headerBlock("x", string(bytes.Repeat([]byte{'a'}, 2000)))
	open := func(f *http2.Framer, n uint32, block []byte, whole bool) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: block, EndStream: whole, EndHeaders: true})
	}
	once := func(n uint32, do func() error) (bool, error) {
		if n == 0 {
			return true, do()
		}
		return false, nil
	}
	return map[string]func(*http2.Framer, uint32) (bool, error){
		"nothing": func(*http2.Framer, uint32) (bool, error) { return false, nil },
		"streams that are reset at once": func(f *http2.Framer, n uint32) (bool, error) {
			if err := open(f, n, get, true); err != nil {
				return false, err
			}
			return n < 20_000, f.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
		},
		"a header without an end": func(f *http2.Framer, n uint32) (bool, error) {
			if n == 0 {
				return true, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: get})
			}
			return true, f.WriteContinuation(1, false, long)
		},
		"settings without an end": func(f *http2.Framer, n uint32) (bool, error) {
			return n < 20_000, f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n})
		},
		"pings without an end": func(f *http2.Framer, n uint32) (bool, error) { return n < 20_000, f.WritePing(false, [8]byte{}) },
		"empty frames of data": func(f *http2.Framer, n uint32) (bool, error) {
			if n == 0 {
				return true, open(f, 0, post, false)
			}
			return n < 20_000, f.WriteData(1, false, nil)
		},
		"a body that does not come": func(f *http2.Framer, n uint32) (bool, error) {
			return once(n, func() error { return open(f, 0, post, false) })
		},
		"a body that is longer than was said": func(f *http2.Framer, n uint32) (bool, error) {
			if n == 0 {
				return true, open(f, 0, post, false)
			}
			return n < 100, f.WriteData(1, false, long)
		},
		"a hundred answers for a window of nothing": func(f *http2.Framer, n uint32) (bool, error) {
			if n == 0 {
				return true, f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			}
			return n < 100, open(f, n, get, true)
		},
		"a stream that is used again": func(f *http2.Framer, n uint32) (bool, error) { return n < 1000, open(f, 0, get, true) },
		"windows that grow past all bounds": func(f *http2.Framer, n uint32) (bool, error) {
			return n < 10, f.WriteWindowUpdate(0, 1<<31-1)
		},
	}
}

// headerBlock is a header block.
func headerBlock(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// flood behaves so on a connection of its own until the daemon closes it, and says how many times.
func flood(dial func() (net.Conn, error), behave func(*http2.Framer, uint32) (bool, error)) (n int64, err error) {
	conn, err := dial()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * patience))
	ended := make(chan error, 1)
	go func() { // what is answered is read, and not looked at
		_, err := io.Copy(io.Discard, conn)
		ended <- closed(err)
	}()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return 0, err
	}
	f := http2.NewFramer(conn, nil)
	f.AllowIllegalWrites = true
	if err := f.WriteSettings(); err != nil {
		return 0, err
	}
	for more := true; more; n++ {
		if more, err = behave(f, uint32(n)); err != nil {
			break // it is gone: how, the reader says
		}
	}
	return n, <-ended
}
