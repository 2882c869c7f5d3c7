package authz

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"cnfd/verifier"
)

// TestGoneClient: who seems to have gone is answered all the same. A handler that says nothing has said 200, and who
// has closed only its half of the connection would hear that.
func TestGoneClient(t *testing.T) {
	s := newScene(t, Nginx)
	if got := said(s.ask()); got != "200 confirmed record_matches" {
		t.Fatal(got)
	}
	s.proof["jti"], s.config.Verifier = "2", nil
	s.zone.stuck = true
	h := s.handler()
	r := s.request()
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if got := said(serve(h, r.WithContext(ctx))); got != "403 unproven unreachable" {
		t.Error(got)
	}

	path := filepath.Join(t.TempDir(), "sock")
	listener, err := net.Listen("unix", path)
	must(t, err)
	server := &http.Server{Handler: h}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { server.Close() })
	conn, err := net.Dial("unix", path)
	must(t, err)
	defer conn.Close()
	r.RequestURI, r.URL.Host = "", "cnfd"
	must(t, r.Write(conn))
	must(t, conn.(*net.UnixConn).CloseWrite())
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	a.Body.Close()
	if got := said(a); got != "403 unproven unreachable" {
		t.Errorf("of half a connection: %s", got)
	}
}

// TestFreshness: what a client says in Cache-Control bounds nothing.
func TestFreshness(t *testing.T) {
	s := newScene(t, Nginx)
	v := &asked{}
	s.config.Verifier = v
	s.head.Set("Cache-Control", "no-cache, max-age=0")
	s.ask()
	if v.q.Bounded || v.q.MaxAge != 0 || v.q.SkipTime || v.q.Audience != api || v.q.Checks != verifier.CheckSignature|verifier.CheckDPoP {
		t.Errorf("asked %+v", v.q)
	}
}

type asked struct{ q verifier.Request }

func (a *asked) Verify(_ context.Context, q *verifier.Request) (verifier.Verdict, error) {
	a.q = *q
	return verifier.Verdict{}, nil
}
