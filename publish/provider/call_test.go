package provider

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/publish"
)

// desk is a server that is told what to answer, one handler a call, the last for ever.
type desk struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	handlers []http.HandlerFunc
	seen     []*http.Request
	bodies   []string
	naps     []time.Duration
}

func newDesk(t *testing.T, handlers ...http.HandlerFunc) *desk {
	d := &desk{handlers: handlers}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d.mu.Lock()
		d.seen, d.bodies = append(d.seen, r), append(d.bodies, string(body))
		h := d.handlers[0]
		if len(d.handlers) > 1 {
			d.handlers = d.handlers[1:]
		}
		d.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *desk) calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seen)
}

// api is one with a secret in its header and in its credentials.
func (d *desk) api(t *testing.T, change ...func(*Config)) *api {
	t.Helper()
	c := Config{Endpoint: d.URL, Credentials: []byte(deskSecret + "\n"), Now: noon, Wait: func(ctx context.Context, n time.Duration) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.naps = append(d.naps, n)
		return ctx.Err()
	}}
	for _, f := range change {
		f(&c)
	}
	a, err := c.api("desk", "https://desk.example")
	if err != nil {
		t.Fatal(err)
	}
	a.sign = func(r *http.Request, _ []byte) error { r.Header.Set("Authorization", "Bearer "+deskSecret); return nil }
	a.explain = func(body []byte) string { return string(body) }
	return a
}

const deskSecret = "eiS3-ohqu9Ieng7AhR4e"

func answers(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func kindOf(err error) publish.Kind {
	var e *publish.Error
	if !errors.As(err, &e) {
		return 255
	}
	return e.Kind
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := newDesk(t, answers(200, "{}"))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{"GET", "PATCH"} {
			d := newDesk(t, answers(status, "", "Location", elsewhere.URL+"/"))
			_, err := d.api(t).call(t.Context(), request{method: method, path: "/x", body: []byte("{}")})
			if err == nil || kindOf(err) != publish.Failed || d.calls() != 1 {
				t.Errorf("%s, %d: %v after %d calls", method, status, err, d.calls())
			}
		}
	}
	if elsewhere.calls() != 0 {
		t.Errorf("%d calls went where a redirect pointed", elsewhere.calls())
	}
}

func TestWhatIsMadeAgain(t *testing.T) {
	done := answers(200, "{}")
	for _, tt := range []struct {
		name   string
		method string
		first  http.HandlerFunc
		calls  int
		kind   publish.Kind // of the error; 255: none
		naps   []time.Duration
	}{
		{"a GET that failed", "GET", answers(500, "x"), 2, 255, []time.Duration{time.Second}},
		{"a GET that was dropped", "GET", drop, 2, 255, []time.Duration{time.Second}},
		{"a GET that was refused is not", "GET", answers(403, "x"), 1, publish.Refused, nil},
		{"a GET of wrong credentials is not", "GET", answers(401, "x"), 1, publish.BadKey, nil},
		{"a GET of something that is not there is not", "GET", answers(404, "x"), 1, publish.WrongZone, nil},
		{"a write that failed is not: it may have been done", "POST", answers(500, "x"), 1, publish.ServFail, nil},
		{"a write that was dropped is not", "PATCH", drop, 1, publish.Unreachable, nil},
		{"a write to a busy gateway is not", "PUT", answers(503, "x", "Retry-After", "1"), 1, publish.ServFail, nil},
		{"a write that was turned away unread", "POST", answers(429, "x"), 2, 255, []time.Duration{time.Second}},
		{"after as many seconds as were asked for", "POST", answers(429, "x", "Retry-After", "17"), 2, 255, []time.Duration{17 * time.Second}},
		{"at once", "POST", answers(429, "x", "Retry-After", "0"), 2, 255, []time.Duration{0}},
		{"after the date that was given", "POST", answers(429, "x", "Retry-After", "Sun, 22 Nov 2026 12:00:40 GMT"), 2, 255, []time.Duration{40 * time.Second}},
		{"after a date that is past", "POST", answers(429, "x", "Retry-After", "Sun, 22 Nov 2026 11:00:00 GMT"), 2, 255, []time.Duration{time.Second}},
		{"after a second where what was asked for is nonsense", "POST", answers(429, "x", "Retry-After", "-5"), 2, 255, []time.Duration{time.Second}},
		{"not after more than a minute", "POST", answers(429, "x", "Retry-After", "61"), 1, publish.RateLimited, nil},
		{"not after a date in an hour", "POST", answers(429, "x", "Retry-After", "Sun, 22 Nov 2026 13:00:00 GMT"), 1, publish.RateLimited, nil},
		{"not after ages", "POST", answers(429, "x", "Retry-After", "99999999999999999999"), 2, 255, []time.Duration{time.Second}},
		{"a GET that says 409 is not", "GET", answers(409, "x"), 1, publish.Conflict, nil},
		{"a precondition that fails is a conflict", "PATCH", answers(412, "x"), 1, publish.Conflict, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.first, done)
			_, err := d.api(t).call(t.Context(), request{method: tt.method, path: "/x", body: []byte("{}")})
			if kindOf(err) != tt.kind || d.calls() != tt.calls || !slices.Equal(d.naps, tt.naps) {
				t.Errorf("%v after %d calls and naps of %v; want kind %s, %d, %v", err, d.calls(), d.naps, tt.kind, tt.calls, tt.naps)
			}
			for _, body := range d.bodies {
				if body != "{}" {
					t.Errorf("body %q, want the same each time", body)
				}
			}
		})
	}
}

// What is not who it should be is sent nothing, and asked once.
func TestAServerThatNobodyVouchesFor(t *testing.T) {
	heard := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { heard++; _, _ = io.WriteString(w, "{}") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	d := &desk{Server: server}
	if _, err := d.api(t, func(c *Config) { c.Client = server.Client() }).call(t.Context(), request{method: "GET", path: "/x"}); err != nil || heard != 1 {
		t.Fatal("with its certificate trusted:", err)
	}
	_, err := d.api(t).call(t.Context(), request{method: "GET", path: "/x"})
	if kindOf(err) != publish.Unreachable || !strings.Contains(err.Error(), "authorities") || len(d.naps) != 0 || heard != 1 {
		t.Errorf("%v after %v; %d calls heard", err, d.naps, heard)
	}
}

// Of a write it is not known then whether it was done; what only asks, asks again.
func TestACallThatTakesTooLong(t *testing.T) {
	for method, want := range map[string]int{"GET": maxTries, "POST": 1} {
		d := newDesk(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		a := d.api(t, func(c *Config) { c.Client = &http.Client{Timeout: 20 * time.Millisecond} })
		_, err := a.call(t.Context(), request{method: method, path: "/x"})
		if kindOf(err) != publish.Unreachable || d.calls() != want || !strings.Contains(err.Error(), "not known") {
			t.Errorf("%s: %v after %d calls", method, err, d.calls())
		}
	}
	a := newDesk(t, answers(200, "{}")).api(t)
	if a.client.Timeout != callTime {
		t.Errorf("a try may take %v", a.client.Timeout)
	}
}

// A write that nobody answered for may be done a moment from now; one that was answered is not.
func TestWhatMayStillBeDone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		r      request
		answer http.HandlerFunc
		want   bool
	}{
		{"a write that was dropped", request{method: "POST", path: "/x"}, drop, true},
		{"a write behind a gateway that gave up", request{method: "POST", path: "/x"}, answers(504, ""), true},
		{"a write behind a gateway that heard nothing", request{method: "PUT", path: "/x"}, answers(502, ""), true},
		{"a write that failed", request{method: "POST", path: "/x"}, answers(500, ""), false},
		{"a write that was refused", request{method: "POST", path: "/x"}, answers(403, ""), false},
		{"a write that was turned away", request{method: "POST", path: "/x"}, answers(429, ""), false},
		{"what only asks", request{method: "GET", path: "/x"}, drop, false},
		{"what changes nothing", request{method: "POST", path: "/x", harmless: true}, drop, false},
	} {
		_, err := newDesk(t, tt.answer).api(t).call(t.Context(), tt.r)
		var e *publish.Error
		if !errors.As(err, &e) || e.Maybe != tt.want {
			t.Errorf("%s: %+v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestTriesAreBounded(t *testing.T) {
	d := newDesk(t, answers(429, "x"))
	_, err := d.api(t).call(t.Context(), request{method: "POST", path: "/x"})
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
	if kindOf(err) != publish.RateLimited || d.calls() != maxTries || !slices.Equal(d.naps, want) {
		t.Errorf("%v after %d calls and %v", err, d.calls(), d.naps)
	}
}

func TestAReplyOfAnySizeIsBounded(t *testing.T) {
	size := maxReply
	d := newDesk(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	p, err := d.api(t).call(t.Context(), request{method: "GET", path: "/x"})
	if err != nil || len(p.body) != maxReply {
		t.Fatalf("%d octets, %v", len(p.body), err)
	}
	size++
	if _, err = d.api(t).call(t.Context(), request{method: "GET", path: "/x"}); kindOf(err) != publish.Failed || !strings.Contains(err.Error(), "over 4 MiB") {
		t.Error(err)
	}
}

func TestAReplyThatBreaksOff(t *testing.T) {
	d := newDesk(t, answers(200, "{}"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"half":`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	a := d.api(t)
	if _, err := a.call(t.Context(), request{method: "POST", path: "/x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.call(t.Context(), request{method: "POST", path: "/x"}); kindOf(err) != publish.Unreachable || d.calls() != 2 {
		t.Errorf("%v after %d calls", err, d.calls())
	}
}

func TestJSONThatIsNone(t *testing.T) {
	d := newDesk(t, answers(200, `{"a":1}`), answers(200, "<html>"), answers(200, ""), answers(200, `{"a":"x"}`), answers(200, `{"a":1} more`))
	a := d.api(t)
	var out struct{ A int }
	if _, err := a.json(t.Context(), "GET", "/x", nil, &out); err != nil || out.A != 1 {
		t.Fatal(out, err)
	}
	for range 4 {
		if _, err := a.json(t.Context(), "GET", "/x", nil, &out); kindOf(err) != publish.Failed || !strings.Contains(err.Error(), "documentation") {
			t.Error(err)
		}
	}
}

func TestHeadersOfABody(t *testing.T) {
	d := newDesk(t, answers(200, "{}"))
	a := d.api(t)
	for _, r := range []request{
		{method: "GET", path: "/a"},
		{method: "POST", path: "/b?x=%20y", body: []byte("{}")},
		{method: "POST", path: "/c", body: []byte("<x/>"), header: http.Header{"Content-Type": {"application/xml"}, "If-Match": {`"1"`}}},
	} {
		if _, err := a.call(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"GET /a  ", "POST /b?x=%20y application/json ", `POST /c application/xml "1"`} {
		r := d.seen[i]
		if got := r.Method + " " + r.RequestURI + " " + r.Header.Get("Content-Type") + " " + r.Header.Get("If-Match"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The end of the context is told of as such, wherever it comes.
func TestTheContextEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		call func(cancel func()) http.HandlerFunc
		wait wait
	}{
		{"before a reply", func(cancel func()) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }
		}, nil},
		{"before the next try", func(cancel func()) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { cancel(); w.WriteHeader(429) }
		}, nap},
		{"in the middle of a reply", func(cancel func()) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				w.(http.Flusher).Flush()
				cancel()
				<-r.Context().Done()
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := newDesk(t, tt.call(cancel))
			a := d.api(t, func(c *Config) {
				if tt.wait != nil {
					c.Wait = tt.wait
				}
			})
			if _, err := a.call(ctx, request{method: "GET", path: "/x"}); kindOf(err) != publish.Stopped || !errors.Is(err, context.Canceled) || d.calls() != 1 {
				t.Errorf("%v after %d calls", err, d.calls())
			}
		})
	}
}

func TestNap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := nap(t.Context(), 7*time.Second); err != nil || time.Since(start) != 7*time.Second {
			t.Error(err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := nap(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
