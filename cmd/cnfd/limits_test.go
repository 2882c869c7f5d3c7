package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
	"cnfd/verifier"
)

// slowly is a resolver whose look-ups wait until they are told to go on.
type slowly struct {
	cached  *dnssec.Answer
	begun   chan struct{}
	release chan struct{}
	answer  *dnssec.Answer
}

func (s *slowly) Cached(dnssec.Question) (*dnssec.Answer, bool) { return s.cached, s.cached != nil }

func (s *slowly) Lookup(ctx context.Context, _ dnssec.Question) (*dnssec.Answer, bool, error) {
	if s.begun != nil {
		s.begun <- struct{}{}
		<-s.release
	}
	return s.answer, false, ctx.Err()
}

func gateOf(s *slowly, most, rate int64, now func() time.Time) *gate {
	g := &gate{resolver: s, now: now}
	g.most.Store(most)
	g.rate.Store(rate)
	return g
}

// TestOneMissTooMany is turned away, and what is cached is answered meanwhile; once
// another has its answer there is room.
func TestOneMissTooMany(t *testing.T) {
	s := &slowly{begun: make(chan struct{}, 2), release: make(chan struct{}), answer: &dnssec.Answer{Security: dnssec.Secure}}
	g := gateOf(s, 2, 0, time.Now)
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, _, err := g.Lookup(context.Background(), dnssec.Question{})
			done <- err
		}()
		<-s.begun
	}
	var busy *api.Busy
	if _, _, err := g.Lookup(context.Background(), dnssec.Question{}); !errors.As(err, &busy) || busy.Caller {
		t.Fatalf("the third: %v", err)
	}
	hit := gateOf(&slowly{cached: s.answer}, 0, 0, time.Now)
	if a, cached, err := hit.Lookup(context.Background(), dnssec.Question{}); err != nil || !cached || a != s.answer {
		t.Errorf("what is cached: %v %v", cached, err)
	}
	s.release <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() {
		_, _, err := g.Lookup(context.Background(), dnssec.Question{})
		done <- err
	}()
	close(s.release)
	for range 2 {
		if err := <-done; err != nil {
			t.Errorf("once there is room: %v", err)
		}
	}
	if g.misses.Load() != 0 || g.turned[turnedByAll].Load() != 1 || g.judged[dnssec.Secure].Load() != 3 {
		t.Errorf("%d under way, %d turned away, %d judged", g.misses.Load(), g.turned[turnedByAll].Load(), g.judged[dnssec.Secure].Load())
	}
}

// TestTheResolversNoIsOurs: who is turned away by the resolver is told to come again,
// and not that nothing is proven.
func TestTheResolversNoIsOurs(t *testing.T) {
	s := &slowly{answer: &dnssec.Answer{Trouble: dnssec.Trouble{Unreachable: true, Text: "203.0.113.1: time is up"}}}
	g := gateOf(s, 9, 0, time.Now)
	if _, _, err := g.Lookup(context.Background(), dnssec.Question{}); err != nil {
		t.Fatal(err)
	}
	s.answer = &dnssec.Answer{Trouble: dnssec.Trouble{Unreachable: true, Text: "no room for the question: 1000 others are under way"}}
	var busy *api.Busy
	if _, _, err := g.Lookup(context.Background(), dnssec.Question{}); !errors.As(err, &busy) || busy.Caller {
		t.Errorf("%v", err)
	}
}

// TestEachCallerHasItsRate: a second's worth at once, then one as each part of a
// second goes by; one caller's haste is not another's, and hits are free.
func TestEachCallerHasItsRate(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := &slowly{answer: &dnssec.Answer{}}
	g := gateOf(s, 99, 10, func() time.Time { return now })
	from := func(p peer) context.Context { return context.WithValue(context.Background(), peerKey{}, &p) }
	at := func(a string) context.Context { return from(peer{network: networkOf(netip.MustParseAddr(a))}) }
	passes := func(ctx context.Context) (n int, last *api.Busy) {
		for range 100 {
			if _, _, err := g.Lookup(ctx, dnssec.Question{}); errors.As(err, &last) {
				return n, last
			}
			n++
		}
		return n, nil
	}
	if n, busy := passes(at("192.0.2.1")); n != 10 || busy == nil || !busy.Caller || busy.After != 100*time.Millisecond {
		t.Fatalf("%d at once, %+v", n, busy)
	}
	for who, want := range map[string]int{"192.0.2.2": 10, "2001:db8::1": 10, "2001:db8:0:1::1": 10} {
		if n, _ := passes(at(who)); n != want {
			t.Errorf("%s: %d, want %d", who, n, want)
		}
	}
	for _, same := range []string{"2001:db8::2", "::ffff:192.0.2.1"} {
		if n, _ := passes(at(same)); n != 0 {
			t.Errorf("%s is another caller: %d", same, n)
		}
	}
	if n, _ := passes(from(peer{known: true, uid: 7})); n != 10 {
		t.Errorf("a user: %d", n)
	}
	if n, _ := passes(from(peer{known: true, uid: 8})); n != 10 {
		t.Errorf("another user: %d", n)
	}
	s.cached = s.answer
	if n, _ := passes(at("192.0.2.1")); n != 100 {
		t.Errorf("of what is cached %d", n)
	}
	s.cached = nil
	now = now.Add(100 * time.Millisecond)
	if n, _ := passes(at("192.0.2.1")); n != 1 {
		t.Errorf("%d after a tenth of a second", n)
	}
	now = now.Add(-time.Hour)
	if n, _ := passes(at("192.0.2.1")); n != 10 {
		t.Errorf("%d when the clock was set back", n)
	}
}

func TestVisitorsAreForgotten(t *testing.T) {
	var v visitors
	now := time.Unix(1e9, 0)
	ask := func(i int) time.Duration { return v.wait(&peer{known: true, uid: uint32(i)}, now, 1) }
	for i := range maxVisitors {
		if ask(i) != 0 {
			t.Fatal(i)
		}
	}
	if ask(maxVisitors) == 0 {
		t.Error("more are remembered than may be")
	}
	now = now.Add(2 * time.Second)
	if ask(maxVisitors) != 0 || len(v.free) != 1 {
		t.Errorf("%d are remembered", len(v.free))
	}
}

// TestOneCallerTooQuick: over HTTP, 429 with Retry-After for what must be looked up,
// and the verdict for what is cached.
func TestOneCallerTooQuick(t *testing.T) {
	o := operate(t, func(c *config.Config) { c.Limits.PeerMisses = 1 })
	token := o.token(t, "vendor.jwt")
	if b, r := o.ask(t, token, ""); b.Outcome != "confirmed" {
		t.Fatal(r.Status, b)
	}
	other := ""
	for _, s := range o.samples {
		if s.Outcome == "confirmed" && s.Token[0] == 'e' && !strings.Contains(s.Subject, "vendor") {
			other = string(s.Token)
		}
	}
	b, r := o.ask(t, other, "?max_age=0")
	if r.StatusCode != 429 || b.Type != "urn:cnfd:problem:too-many-requests" || r.Header.Get("Retry-After") == "" {
		t.Errorf("%s %+v %v", r.Status, b, r.Header)
	}
	if b, r := o.ask(t, token, ""); b.Outcome != "confirmed" {
		t.Error("what is cached:", r.Status, b)
	}
	o.c.Limits.PeerMisses = 0
	o.again(t)
	if b, r := o.ask(t, other, "?max_age=0"); b.Outcome != "confirmed" {
		t.Error("without the limit:", r.Status, b)
	}
}

// TestOneConnectionTooMany gets 503, and the next one in when another has gone. The
// other socket has its own door.
func TestOneConnectionTooMany(t *testing.T) {
	o := operate(t, func(c *config.Config) { c.Limits.Connections = 2 })
	address := strings.TrimPrefix(o.Addresses().API, "http://")
	dial := func() (net.Conn, int) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode == 503 {
			doc, err := io.ReadAll(r.Body)
			if err != nil || int64(len(doc)) != r.ContentLength || !strings.Contains(string(doc), "urn:cnfd:problem:overloaded") || r.Header.Get("Retry-After") != "1" {
				t.Errorf("%v %v: %s", err, r.Header, doc)
			}
		}
		return conn, r.StatusCode
	}
	first, status := dial()
	second, again := dial()
	defer second.Close()
	if status != 200 || again != 200 {
		t.Fatal(status, again)
	}
	o.doors[0].lounge.stay() // however slow this machine is
	third, status := dial()
	third.Close()
	if status != 503 {
		t.Errorf("the third: %d", status)
	}
	if b, r := o.ask(t, o.token(t, "vendor.jwt"), ""); b.Outcome != "confirmed" {
		t.Error("on the unix socket:", r.Status, b)
	}
	first.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, status := dial()
		conn.Close()
		if status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no room though one has gone")
		}
	}
	if !strings.Contains(o.page(t), "\n"+`cnfd_turned_away_total{limit="connections"} `) {
		t.Error(o.page(t))
	}
}

// TestTheBodysLimit holds the configuration's to the API.
func TestTheBodysLimit(t *testing.T) {
	o := operate(t, func(c *config.Config) { c.Limits.Body = 1 << 10 })
	if b, r := o.ask(t, "e30.e30.", ""); r.StatusCode != 400 {
		t.Fatal(r.Status, b)
	}
	if b, r := o.ask(t, strings.Repeat("a", 1<<10+1), ""); r.StatusCode != 413 || b.Type != "urn:cnfd:problem:too-large" {
		t.Error(r.Status, b)
	}
}

// TestAGatewayIsToldNoMoreThanThatNothingIsProven: it knows no 503.
func TestAGatewayIsToldNoMoreThanThatNothingIsProven(t *testing.T) {
	f := verifies{}
	if v, err := (patient{&f}).Verify(context.Background(), &verifier.Request{}); err != nil || v.Reason != verifier.RecordMatches {
		t.Fatal(v, err)
	}
	f.err = fmt.Errorf("verifier: look-up of the record: %w", &api.Busy{What: "no room"})
	if v, err := (patient{&f}).Verify(context.Background(), &verifier.Request{}); err != nil || v.Reason != verifier.Unreachable || v.Detail != "no room" {
		t.Error(v, err)
	}
	f.err = errors.New("another")
	if _, err := (patient{&f}).Verify(context.Background(), &verifier.Request{}); err != f.err {
		t.Error(err)
	}
}

// verifies confirms, or fails.
type verifies struct{ err error }

func (f *verifies) Verify(context.Context, *verifier.Request) (verifier.Verdict, error) {
	if f.err != nil {
		return verifier.Verdict{}, f.err
	}
	return verifier.Verdict{Reason: verifier.RecordMatches}, nil
}
