package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

func TestPathsAndMethods(t *testing.T) {
	h := newHandler(t, Config{})
	for _, tt := range []struct {
		method, path string
		status       int
		name, allow  string
	}{
		{"GET", "/v1/verify", 405, "method-not-allowed", "POST"},
		{"OPTIONS", "/v1/verify", 405, "method-not-allowed", "POST"},
		{"PUT", "/v1/cache/purge", 405, "method-not-allowed", "POST"},
		{"POST", "/v1/resolve", 405, "method-not-allowed", "GET, HEAD"},
		{"POST", "/healthz", 405, "method-not-allowed", "GET, HEAD"},
		{"DELETE", "/readyz", 405, "method-not-allowed", "GET, HEAD"},
		{"GET", "/", 404, "not-found", ""},
		{"POST", "/v1/verify/", 404, "not-found", ""},
		{"POST", "/V1/verify", 404, "not-found", ""},
		{"POST", "/v1/verify/batch/", 404, "not-found", ""},
		{"GET", "/v1/verify/batch", 405, "method-not-allowed", "POST"},
		{"POST", "/v1//verify", 404, "not-found", ""},
	} {
		r := send(h, tt.method, tt.path, "")
		wantProblem(t, r, tt.status, tt.name)
		if got := r.Header.Get("Allow"); got != tt.allow {
			t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got, tt.allow)
		}
	}
}

func TestHealth(t *testing.T) {
	res := &fakeResolver{ready: errors.New("the root zone is not proven")}
	h := newHandler(t, Config{Resolver: res})
	if r := send(h, "GET", "/healthz", ""); r.StatusCode != 200 {
		t.Errorf("healthz while not ready: %d: the process is alive all the same", r.StatusCode)
	}
	p := wantProblem(t, send(h, "GET", "/readyz", ""), 503, "not-ready")
	if !strings.Contains(p.Detail, "the root zone is not proven") {
		t.Errorf("detail %q", p.Detail)
	}
	res.ready = nil
	if r := send(h, "HEAD", "/readyz", ""); r.StatusCode != 200 {
		t.Errorf("readyz once ready: %d", r.StatusCode)
	}
}

func TestPurge(t *testing.T) {
	for _, tt := range []struct {
		claim, body string
		status      int
		name        string
		dropped     string
	}{
		{"a subject's domain", `{"subject":"https://Vendor.example/a"}`, 204, "", "vendor.example."},
		{"a name", `{"name":"JWK.cnf.vendor.example"}`, 204, "", "jwk.cnf.vendor.example."},
		{"a name in another spelling", `{"name":"\\106\\wk.cnf.vend\\111r.example."}`, 204, "", "jwk.cnf.vendor.example."},
		{"a name with a dot in a label", `{"name":"a\\046b.example"}`, 204, "", "a\\.b.example."},
		{"a name with an octet that is none", `{"name":"a\\256.example"}`, 400, "malformed", ""},
		{"a name beyond ASCII", `{"name":"☕.example"}`, 400, "malformed", ""},
		{"the root", `{"name":"."}`, 204, "", "."},
		{"both", `{"name":"a.","subject":"https://a.example"}`, 400, "malformed", ""},
		{"neither", `{}`, 400, "malformed", ""},
		{"another member", `{"name":"a.","all":true}`, 400, "malformed", ""},
		{"a subject that names no domain", `{"subject":"urn:x:y"}`, 422, "not-derivable", ""},
		{"a name that is none", `{"name":"a..b"}`, 400, "malformed", ""},
		{"an empty name", `{"name":""}`, 400, "malformed", ""},
		{"a name that is no string", `{"name":1}`, 400, "malformed", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			res := &fakeResolver{}
			r := send(newHandler(t, Config{Resolver: res, Purge: PurgeAll}), "POST", "/v1/cache/purge", tt.body, asJSON)
			if tt.status != 204 {
				wantProblem(t, r, tt.status, tt.name)
			} else if r.StatusCode != 204 || text(t, r) != "" {
				t.Errorf("status %d", r.StatusCode)
			}
			if got := strings.Join(res.dropped, " "); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}
		})
	}
}

func TestWhoMayPurge(t *testing.T) {
	for _, tt := range []struct {
		purge     Purge
		tcp, unix int
	}{
		{PurgeUnix, 403, 204},
		{PurgeAll, 204, 204},
		{PurgeOff, 403, 403},
		{Purge(9), 403, 204}, // no value of ours: as tight as the default
	} {
		h := newHandler(t, Config{Purge: tt.purge})
		tcp := httptest.NewServer(h)
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		unix := httptest.NewUnstartedServer(h)
		unix.Listener = l
		unix.Start()
		onUnix := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}}
		for _, c := range []struct {
			client *http.Client
			url    string
			want   int
		}{{http.DefaultClient, tcp.URL, tt.tcp}, {onUnix, "http://localhost", tt.unix}} {
			r, err := c.client.Post(c.url+"/v1/cache/purge", "application/json", strings.NewReader(`{"name":"a."}`))
			if err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != c.want {
				t.Errorf("purge %d, %s: %d, want %d", tt.purge, c.url, r.StatusCode, c.want)
			}
			r.Body.Close()
		}
		onUnix.CloseIdleConnections()
		tcp.Close()
		unix.Close()
	}
}

func TestResolve(t *testing.T) {
	rr := func(s string) dns.RR {
		r, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	tlsa := rr("jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 00ff")
	answer := &dnssec.Answer{
		Name: "jwk.cnf.vendor.example.", Type: dns.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.Positive,
		Zone: "vendor.example.", Fetched: at.Add(-10 * time.Second), Until: at.Add(290 * time.Second),
		AnswerSection: dnssec.PackRecords([]dns.RR{tlsa, rr("jwk.cnf.vendor.example. 300 IN RRSIG TLSA 13 4 300 20261201000000 20261101000000 1 vendor.example. AAAA")}),
	}
	res := &fakeResolver{answer: answer, chain: []dnssec.Link{{Zone: ".", Security: "secure", How: "trust anchor"}}}
	h := newHandler(t, Config{Resolver: res, Testing: true})
	r := send(h, "GET", "/v1/resolve?name=JWK.cnf.vendor.example&max_age=9", "", "Cache-Control: max-age=20")
	body := text(t, r)
	var got Resolution
	if err := json.Unmarshal([]byte(body), &got); err != nil || r.StatusCode != 200 {
		t.Fatalf("%d %s: %v", r.StatusCode, body, err)
	}
	if q := res.asked; q.Name.String() != "jwk.cnf.vendor.example." || q.Type != dns.TypeTLSA || !q.Bounded || q.MaxAge != 9*time.Second {
		t.Errorf("asked %s %d %v %v", q.Name.String(), q.Type, q.Bounded, q.MaxAge)
	}
	if got.Security != "secure" || got.Kind != "positive" || got.Rcode != "NOERROR" || got.Age != 10 || !got.Testing ||
		len(got.Chain) != 1 || len(got.Records) != 1 || got.Records[0] != "jwk.cnf.vendor.example. 290 IN TLSA 255 255 255 00FF" {
		t.Errorf("got %s", body)
	}
	if r.Header.Get("Vary") != "Accept" || r.Header.Get("Age") != "10" || r.Header.Get("Cache-Control") != "max-age=300" {
		t.Errorf("headers %v", r.Header)
	}
	if tlsa.Header().Ttl != 300 {
		t.Error("the shared answer was changed")
	}
	// What nothing proves has no time until which it is true.
	forged := *answer
	forged.Security, forged.Trouble = dnssec.Bogus, dnssec.Trouble{Code: 6, Text: "does not verify"}
	res.answer = &forged
	r = send(h, "GET", "/v1/resolve?name=jwk.cnf.vendor.example", "")
	if body := text(t, r); r.Header.Get("Cache-Control") != "no-store" || strings.Contains(body, "valid_until") || !strings.Contains(body, `"ede":{"code":6,"text":"does not verify"}`) {
		t.Errorf("headers %v, %s", r.Header, body)
	}
	for _, tt := range []struct{ claim, query string }{
		{"no name", ""},
		{"an empty label", "name=a..b"},
		{"a label over 63 octets", "name=" + strings.Repeat("a", 64) + ".example"},
		{"a name that is not ASCII", "name=%E2%98%95.example"},
		{"a type that is none", "name=a&type=TLSAA"},
		{"a question for everything", "name=a&type=ANY"},
		{"a zone transfer", "name=a&type=AXFR"},
		{"a pseudo type", "name=a&type=TYPE41"},
		{"an option that is not known", "name=a&cd=1"},
		{"a name twice", "name=a&name=b"},
		{"a negative age", "name=a&max_age=-1"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			res.asked = dnssec.Question{}
			wantProblem(t, send(h, "GET", "/v1/resolve?"+tt.query, ""), 400, "malformed")
			if res.asked.Type != 0 {
				t.Error("the resolver was asked")
			}
		})
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	for _, c := range []Config{
		{Resolver: &fakeResolver{}, Now: clock},
		{Verifier: &fakeVerifier{}, Now: clock},
		{Verifier: &fakeVerifier{}, Resolver: &fakeResolver{}},
	} {
		if h, err := New(c); err == nil || h != nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

func TestIDsRise(t *testing.T) {
	var g ids
	last, now := "", at
	for i := range 2000 {
		switch i % 7 {
		case 3:
			now = now.Add(time.Millisecond)
		case 5:
			now = now.Add(-time.Hour) // a clock set back
		case 6:
			now = now.Add(time.Hour)
		}
		id := g.next(now)
		if len(id) != 26 || id <= last || id[0] > '7' {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
	// The lower 64 bits overflow into the upper 16.
	g = ids{ms: uint64(at.UnixMilli()), hi: 1, lo: 1<<64 - 1}
	if got, want := g.next(at), g.next(at); got >= want {
		t.Errorf("%s, then %s", got, want)
	}
	// Time 0x0123456789AB and 80 bits of which only the lowest is set.
	g = ids{ms: 0x0123456789AB}
	if got := g.next(time.UnixMilli(0)); got != "0"+"14D2PF2DB"+"0000000000000001" {
		t.Errorf("got %s", got)
	}
}

func TestParsePurge(t *testing.T) {
	for word, want := range map[string]Purge{"unix": PurgeUnix, "all": PurgeAll, "off": PurgeOff} {
		if got, err := ParsePurge(word); err != nil || got != want {
			t.Errorf("%s: %v, %v", word, got, err)
		}
	}
	if got, err := ParsePurge(""); err == nil || got != PurgeOff {
		t.Errorf("got %v, %v: what cannot be read must not open anything", got, err)
	}
}

// FuzzParseQuestion holds that a question that is accepted has one name, in one spelling.
func FuzzParseQuestion(f *testing.F) {
	for _, name := range []string{"vendor.example", "_1_8.vendor.example.", "a\\.b.example", "\\000.example", ".", "*.example", strings.Repeat("a.", 127)} {
		f.Add(name, "TLSA")
	}
	f.Add("a", "TYPE65535")
	f.Fuzz(func(t *testing.T, name, rrtype string) {
		q, err := ParseQuestion(name, rrtype)
		if err != nil {
			return
		}
		again, err := ParseQuestion(q.Name.String(), typeName(q.Type))
		if err != nil || again.Name != q.Name || again.Type != q.Type {
			t.Fatalf("%q %q: %q %d, again %q %d, %v", name, rrtype, q.Name.String(), q.Type, again.Name.String(), again.Type, err)
		}
		if _, ok := dns.IsDomainName(q.Name.String()); !ok {
			t.Fatalf("%q: %q is not a domain name", name, q.Name.String())
		}
	})
}
