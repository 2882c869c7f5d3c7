package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/client"
)

const verdict = `{"outcome":"confirmed","reason":"record_matches","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",
 "thumbprint":{"hash":"sha-256","hex":"80d5","uri":"urn:x"},"record":{"name":"jwk.cnf.vendor.example.","form":"dotted","usable":1,"ttl":287},
 "dns":{"security":"secure","cached":true,"age":13,"ede":{"code":3,"text":"stale"}},
 "signature":"valid","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked",
 "valid_until":"2026-11-22T06:40:00Z","id":"01JD"}`

// daemon answers every request alike, and keeps the last.
type daemon struct {
	status int
	head   http.Header
	body   string

	asked  atomic.Int64
	path   string
	kind   string
	query  string
	posted string
}

func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.asked.Add(1)
	b, _ := io.ReadAll(r.Body)
	d.path, d.kind, d.query, d.posted = r.URL.Path, r.Header.Get("Content-Type"), r.URL.RawQuery, string(b)
	for name, values := range d.head {
		w.Header()[name] = values
	}
	w.WriteHeader(d.status)
	io.WriteString(w, d.body)
}

func start(t *testing.T, h http.Handler) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestVerify(t *testing.T) {
	d := &daemon{status: 200, body: verdict}
	v, err := start(t, d).Verify(t.Context(), client.Request{Token: "a.b.c", Checks: []client.Check{client.CheckSignature}})
	if err != nil || !v.Confirmed() || v.Reason != client.RecordMatches || v.Domain != "vendor.example" || v.Thumbprint.Hex != "80d5" ||
		v.Record.TTL != 287 || v.DNS.EDE.Code != 3 || v.Signature != client.Valid || v.Time != client.Checked || v.ValidUntil.Unix() != 1795329600 || v.ID != "01JD" {
		t.Fatalf("%+v, %v", v, err)
	}
	if string(v.Document) != verdict {
		t.Error("the document is another")
	}
	if d.path != "/v1/verify" || d.kind != "application/json" || d.posted != `{"token":"a.b.c","check":["signature"]}` {
		t.Errorf("asked %s %s %s", d.path, d.kind, d.posted)
	}
}

func TestWhatIsSent(t *testing.T) {
	for _, tt := range []struct {
		claim             string
		q                 client.Request
		kind, query, body string
	}{
		{"claims on one line", client.Request{Claims: json.RawMessage("{\"sub\":\n\"<x>\"}")}, "application/json", "", `{"claims":{"sub":"<x>"}}`},
		{"options", client.Request{Token: "t", Bounded: true, SkipTime: true, Audience: "a", Nonce: "n", ClientCert: "c", DPoP: client.DPoP{Proof: "p", Method: "GET", URL: "u"}},
			"application/json", "", `{"token":"t","max_age":0,"time":false,"aud":"a","nonce":"n","dpop":{"proof":"p","htm":"GET","htu":"u"},"client_cert":"c"}`},
		{"octets", client.Request{CWT: []byte{0xa0}}, "application/cwt", "", "\xa0"},
		{"octets with options", client.Request{CWT: []byte{0xa0}, Bounded: true, MaxAge: 90 * time.Second, SkipTime: true, Checks: []client.Check{"signature", "mtls"}, Audience: "a b"},
			"application/cwt", "aud=a+b&check=signature%2Cmtls&max_age=90&time=false", "\xa0"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			d := &daemon{status: 200, body: strings.Replace(verdict, "confirmed\",\"reason\":\"record_matches", "refuted\",\"reason\":\"expired", 1)}
			v, err := start(t, d).Verify(t.Context(), tt.q)
			if err != nil || v.Confirmed() || v.Outcome != client.Refuted {
				t.Errorf("%+v, %v", v, err)
			}
			if d.kind != tt.kind || d.query != tt.query || d.posted != tt.body {
				t.Errorf("sent %s ?%s %q", d.kind, d.query, d.posted)
			}
		})
	}
	d := &daemon{status: 200, body: verdict}
	c := start(t, d)
	for _, q := range []client.Request{{}, {Token: "t", CWT: []byte{1}}, {Claims: json.RawMessage(`{} ,"check":[]`)}, {Claims: json.RawMessage(`{}}`)}} {
		if v, err := c.Verify(t.Context(), q); err == nil || v.Confirmed() {
			t.Errorf("%+v: %v", q, v)
		}
	}
	if n := d.asked.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// TestNothingElseConfirms: the same daemon, and one thing of its answer another.
func TestNothingElseConfirms(t *testing.T) {
	ask := func(status int, body string, checks ...client.Check) (client.Verdict, error) {
		return start(t, &daemon{status: status, body: body}).Verify(t.Context(), client.Request{Token: "t", Checks: checks})
	}
	if v, err := ask(200, verdict, "signature"); err != nil || !v.Confirmed() {
		t.Fatal(v, err)
	}
	for _, tt := range []struct {
		claim, old, new, want string
		status                int
		check                 client.Check
	}{
		{"another outcome", `"confirmed"`, `"Confirmed"`, "no verdict", 200, "signature"},
		{"an outcome of tomorrow", `"confirmed"`, `"likely"`, "no verdict", 200, "signature"},
		{"no outcome", `"outcome":"confirmed",`, ``, "not a verdict", 200, "signature"},
		{"another reason", `"record_matches"`, `"record_absent"`, "no verdict", 200, "signature"},
		{"no reason", `"reason":"record_matches",`, ``, "no verdict", 200, "signature"},
		{"refuted by a match", `"confirmed"`, `"refuted"`, "no verdict", 200, "signature"},
		{"without the check", "", "", "dpop", 200, "dpop"},
		{"with a check that nobody knows", "", "", "voodoo", 200, "voodoo"},
		{"another status", "", "", "is this cnfd?", 203, "signature"},
		{"a redirect", "", "", "is this cnfd?", 302, "signature"},
		{"cut short", `"id":"01JD"}`, ``, "not a verdict", 200, "signature"},
		{"an array", `{"outcome"`, `[{"outcome"`, "not a verdict", 200, "signature"},
		{"more than any verdict", `"01JD"`, `"` + strings.Repeat("x", 1<<20) + `"`, "too large", 200, "signature"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			v, err := ask(tt.status, strings.Replace(verdict, tt.old, tt.new, 1), tt.check)
			if err == nil || !strings.Contains(err.Error(), tt.want) || v.Confirmed() || v.Outcome != "" {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	if (&client.Verdict{}).Confirmed() {
		t.Error("the zero Verdict confirms")
	}
}

const problem = `{"type":"urn:cnfd:problem:overloaded","title":"T","status":503,"detail":"too many questions","id":"01JE"}`

func TestProblems(t *testing.T) {
	_, err := start(t, &daemon{status: 400, body: problem}).Verify(t.Context(), client.Request{Token: "t"})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 400 || p.Type != "urn:cnfd:problem:overloaded" || p.Error() != "too many questions (the server's id 01JE)" {
		t.Errorf("%+v", err)
	}
}

// tries serves a bubble's client over pipes.
func tries(t *testing.T, h http.Handler, f func(c *client.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &listener{make(chan net.Conn), make(chan struct{})}
		s := &http.Server{Handler: h}
		go s.Serve(l)
		c, err := client.New("http://daemon")
		if err != nil {
			t.Fatal(err)
		}
		c.Transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			l.conns <- theirs
			return ours, nil
		}
		f(c)
		c.Close()
		s.Close()
	})
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { close(l.closed); return nil }
func (l *listener) Addr() net.Addr { return &net.UnixAddr{} }

func TestAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		status int
		after  string
		free   int64 // the first that is answered
		within time.Duration
		asked  int64
		took   time.Duration
		ok     bool
	}{
		{"busy for a moment", 503, "1", 3, time.Minute, 3, 2 * time.Second, true},
		{"busy for long", 503, "2", 100, time.Minute, 4, 6 * time.Second, false},
		{"at once, yet not at once", 503, "0", 3, time.Minute, 3, 300 * time.Millisecond, true},
		{"not said when", 503, "", 2, time.Minute, 1, 0, false},
		{"said as a date", 503, "Sun, 22 Nov 2026 06:40:00 GMT", 2, time.Minute, 1, 0, false},
		{"in an hour", 503, "3600", 2, time.Minute, 1, 0, false},
		{"too much of this caller", 429, "1", 2, time.Minute, 1, 0, false},
		{"a failure", 500, "1", 2, time.Minute, 1, 0, false},
		{"no time for it", 503, "5", 2, 3 * time.Second, 1, 3 * time.Second, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			var asked atomic.Int64
			tries(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if asked.Add(1) >= tt.free {
					io.WriteString(w, verdict)
					return
				}
				if tt.after != "" {
					w.Header().Set("Retry-After", tt.after)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, problem)
			}), func(c *client.Client) {
				ctx, cancel := context.WithTimeout(context.Background(), tt.within)
				defer cancel()
				began := time.Now()
				v, err := c.Verify(ctx, client.Request{Token: "t"})
				took := time.Since(began)
				var p *client.Problem
				if (err == nil) != tt.ok || v.Confirmed() != tt.ok || asked.Load() != tt.asked || took != tt.took || !tt.ok && !errors.As(err, &p) {
					t.Errorf("%v, %v after %v and %d questions", v.Outcome, err, took, asked.Load())
				}
			})
		})
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: &daemon{status: 200, body: verdict}}
	go s.Serve(l)
	defer s.Close()
	for _, address := range []string{"unix:" + path, "unix://" + path} {
		c, err := client.New(address)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := c.Verify(t.Context(), client.Request{Token: "t"}); err != nil || !v.Confirmed() {
			t.Errorf("%s: %v", address, err)
		}
		c.Close()
	}
	for _, address := range []string{"", "unix:", "localhost:8255", "ftp://x", "http://", "http://x/?a", "https://x/#a", "http://x/v1/verify", "https://x//"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
}

// batches answers as the daemon does: a line for each line.
func batches(answer func(n int, line string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.WriteHeader(200)
		rc.Flush()
		in := json.NewDecoder(r.Body)
		for n := 0; ; n++ {
			var raw json.RawMessage
			if in.Decode(&raw) != nil {
				return
			}
			a := answer(n, string(raw))
			if a == "" {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, strings.ReplaceAll(a, "\n", "")+"\n")
			rc.Flush()
		}
	})
}

func collect(answers iter.Seq2[client.Verdict, error]) (words []string) {
	for v, err := range answers {
		var p *client.Problem
		switch {
		case errors.As(err, &p) && p.Index != nil:
			words = append(words, fmt.Sprintf("problem %d", *p.Index))
		case err != nil:
			words = append(words, err.Error())
		default:
			words = append(words, string(v.Outcome))
		}
		if err != nil && v.Confirmed() {
			words = append(words, "and yet confirmed")
		}
	}
	return words
}

func TestVerifyBatch(t *testing.T) {
	good := client.Request{Token: "good"}
	c := start(t, batches(func(n int, line string) string {
		switch {
		case strings.Contains(line, "bad"):
			return fmt.Sprintf(`{"type":"urn:cnfd:problem:malformed","title":"T","status":400,"detail":"d","index":%d,"id":"i"}`, n)
		case strings.Contains(line, "both"):
			return strings.Replace(verdict, "{", `{"type":"urn:cnfd:problem:malformed","title":"T",`, 1)
		case strings.Contains(line, "end"):
			return ""
		}
		return verdict
	}))
	for _, tt := range []struct {
		claim string
		items []client.Request
		want  string
	}{
		{"nothing", nil, ""},
		{"all good", []client.Request{good, good}, "confirmed; confirmed"},
		{"a bad one in its place", []client.Request{good, {Token: "bad"}, good}, "confirmed; problem 1; confirmed"},
		{"one that is never sent", []client.Request{good, {}, good}, "confirmed; want exactly one of Token, Claims and CWT; confirmed"},
		{"a bare claims map", []client.Request{{CWT: []byte{0xa0}}, good}, "cwt: a bare claims map cannot be told apart as text: it has no place in a batch; confirmed"},
		{"without its check", []client.Request{{Token: "good", Checks: []client.Check{"mtls"}}, good}, "the answer confirms without the check that was asked for: mtls; confirmed"},
		{"what is verdict and problem", []client.Request{{Token: "both"}, good}, "the answer is not a verdict; confirmed"},
		{"broken off", []client.Request{good, {Token: "end"}, good}, "confirmed; the batch broke off after 1 answers: unexpected EOF"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := strings.Join(collect(c.VerifyBatch(t.Context(), slices.Values(tt.items))), "; "); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
	t.Run("refused as a whole", func(t *testing.T) {
		c := start(t, &daemon{status: 503, body: problem})
		got := collect(c.VerifyBatch(t.Context(), slices.Values([]client.Request{good})))
		if len(got) != 1 || !strings.Contains(got[0], "too many questions") {
			t.Error(got)
		}
	})
	t.Run("stopped by its reader", func(t *testing.T) {
		for v, err := range c.VerifyBatch(t.Context(), func(yield func(client.Request) bool) {
			for yield(good) {
			}
		}) {
			if err != nil || !v.Confirmed() {
				t.Error(v, err)
			}
			break
		}
	})
	t.Run("more answers than items", func(t *testing.T) {
		c := start(t, &daemon{status: 200, body: strings.ReplaceAll(verdict, "\n", "") + "\n" + strings.ReplaceAll(verdict, "\n", "") + "\n"})
		got := strings.Join(collect(c.VerifyBatch(t.Context(), slices.Values([]client.Request{good}))), "; ")
		if got != "confirmed; the batch has more answers than items" {
			t.Error(got)
		}
	})
}

func Example() {
	daemon := httptest.NewServer(&daemon{status: 200, body: verdict})
	defer daemon.Close()
	c, err := client.New(daemon.URL) // unix:/run/cnfd/cnfd.sock
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	v, err := c.Verify(context.Background(), client.Request{Token: "eyJ…", Checks: []client.Check{client.CheckSignature}})
	if err != nil || !v.Confirmed() {
		fmt.Println("nobody is let in", v.Reason, err)
		return
	}
	fmt.Println(v.Outcome, v.Domain)
	// Output: confirmed vendor.example
}
