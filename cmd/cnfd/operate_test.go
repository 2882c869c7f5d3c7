package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/testneeds"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// of gives the lines of JSON with that message.
func (l *lines) of(t *testing.T, message string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("not JSON: %s", line)
		}
		if one["msg"] == message {
			all = append(all, one)
		}
	}
	return all
}

// operated is a sandbox with a daemon of the test's own beside it.
type operated struct {
	*playground
	*daemon
	log *lines
	c   config.Config
}

// operate starts a daemon on a sandbox, with what edit makes of its configuration.
func operate(t testing.TB, edit func(*config.Config)) *operated {
	t.Helper()
	o := &operated{playground: play(t, sandboxOptions{}), log: &lines{}}
	var err error
	if o.c, err = loadConfig(o.path(configFile)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o.c.API.Listen, o.c.API.Unix, o.c.DNS.Listen, o.c.StateDir = "127.0.0.1:0", filepath.Join(dir, "s"), "", filepath.Join(dir, "state")
	o.c.Log.Format = "json"
	if edit != nil {
		edit(&o.c)
	}
	o.daemon = startLogging(t, &o.c, o.log)
	return o
}

func (o *operated) token(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(o.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

type brief struct{ Outcome, Reason, ID, Signature, Type string }

// ask has the daemon answer on the unix socket; query is "" or "?check=signature".
func (o *operated) ask(t *testing.T, token, query string) (b brief, r *http.Response) {
	t.Helper()
	r, err := onUnix(o.c.API.Unix).Post("http://localhost/v1/verify"+query, "application/jwt", strings.NewReader(token))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		t.Fatal(err)
	}
	return b, r
}

func (o *operated) page(t *testing.T) string {
	t.Helper()
	r, err := onUnix(o.c.API.Unix).Get("http://localhost/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatal(r.Status, err)
	}
	return string(text)
}

// TestADecisionIsALine: it has the id of the answer and says why; nothing of whom or
// of what, until that is asked for.
func TestADecisionIsALine(t *testing.T) {
	for _, tt := range []struct {
		subjects string
		has      []string
	}{
		{"none", nil}, {"hash", []string{"domain_hash"}}, {"full", []string{"subject", "domain"}},
	} {
		o := operate(t, func(c *config.Config) { c.Log.Decisions, c.Log.Subjects = true, tt.subjects })
		token := o.token(t, "vendor.jwt")
		b, _ := o.ask(t, token, "?check=signature")
		if b.Outcome != "confirmed" {
			t.Fatalf("%+v", b)
		}
		told := o.log.of(t, "decision")
		if len(told) != 1 {
			t.Fatalf("%d lines: %s", len(told), o.log)
		}
		line := told[0]
		for name, want := range map[string]any{"id": b.ID, "outcome": "confirmed", "reason": "record_matches", "cached": false, "security": "secure", "checks": "signature", "uid": float64(os.Geteuid()), "pid": float64(os.Getpid())} {
			if line[name] != want {
				t.Errorf("%s: %s is %v, want %v", tt.subjects, name, line[name], want)
			}
		}
		if took, ok := line["took"].(float64); !ok || took <= 0 {
			t.Errorf("took %v", line["took"])
		}
		for _, name := range []string{"domain_hash", "subject", "domain"} {
			if _, there := line[name]; there != slices.Contains(tt.has, name) {
				t.Errorf("%s: %s is there: %v", tt.subjects, name, there)
			}
		}
		all := o.log.String()
		if strings.Contains(all, token) || strings.Contains(all, strings.Split(token, ".")[1]) {
			t.Errorf("%s: the token is in the log", tt.subjects)
		}
		if named := strings.Contains(all, "vendor.example"); named != (tt.subjects == "full") {
			t.Errorf("%s: the domain is in the log: %v", tt.subjects, named)
		}
	}
}

// TestHashesLast: the same domain has the same hash at the next start, and another
// domain another.
func TestHashesLast(t *testing.T) {
	dir := t.TempDir()
	c := config.Default(config.User{Root: true})
	c.StateDir, c.Log.Decisions, c.Log.Subjects = dir, true, "hash"
	first := tellsOf(&c, logKey(&c, quiet())).key
	again := tellsOf(&c, logKey(&c, quiet())).key
	if nameHash(first, "vendor.example") != nameHash(again, "vendor.example") {
		t.Error("another hash at the next start")
	}
	if nameHash(first, "vendor.example") == nameHash(first, "other.example") {
		t.Error("two domains with one hash")
	}
	if info, err := os.Stat(filepath.Join(dir, "log-key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log-key: %v %v", info, err)
	}
	c.StateDir = t.TempDir()
	if nameHash(tellsOf(&c, logKey(&c, quiet())).key, "vendor.example") == nameHash(first, "vendor.example") {
		t.Error("the same hash for another key")
	}
}

// TestEvidenceIsWhatWasReceived: records and signatures, under the id of the answer,
// and the chain of trust to them; off, nothing.
func TestEvidenceIsWhatWasReceived(t *testing.T) {
	for _, tt := range []struct {
		evidence string
		lines    int
	}{{"off", 0}, {"refuted", 1}, {"all", 2}} {
		o := operate(t, func(c *config.Config) { c.Log.Evidence = tt.evidence })
		good, _ := o.ask(t, o.token(t, "vendor.jwt"), "")
		bad, _ := o.ask(t, o.otherKey(t), "")
		if good.Outcome != "confirmed" || bad.Outcome != "refuted" {
			t.Fatalf("%+v %+v", good, bad)
		}
		told := o.log.of(t, "evidence")
		if len(told) != tt.lines {
			t.Fatalf("%s: %d lines: %s", tt.evidence, len(told), o.log)
		}
		for _, line := range told {
			if tt.evidence == "refuted" && line["id"] != bad.ID {
				t.Errorf("evidence of %v, not of %s", line["id"], bad.ID)
			}
			facts := line["facts"].([]any)
			if len(facts) != 1 {
				t.Fatalf("%d facts", len(facts))
			}
			f := facts[0].(map[string]any)
			answer, chain := fmt.Sprint(f["answer"]), f["chain"].([]any)
			provesItself(t, f)
			if f["security"] != "secure" || !strings.Contains(answer, " IN TLSA 255 255 255 ") || !strings.Contains(answer, " IN RRSIG TLSA ") || len(chain) < 2 {
				t.Errorf("%v", f)
			}
		}
	}
}

// provesItself judges evidence of a record by nothing but what it holds: each signature
// of the answer, and of the keys of its zone, is made by a key that is in it.
func provesItself(t *testing.T, f map[string]any) {
	t.Helper()
	if holds, all := signedIn(t, f); holds[dns.TypeTLSA] != 1 || holds[dns.TypeDNSKEY] < 2 || holds[dns.TypeDS] < 1 {
		t.Errorf("signatures that hold, by type: %v of %v", holds, all)
	}
}

// signedIn counts the signatures of evidence that hold by keys that are in it, by the type
// that they cover, and gives all of its records.
func signedIn(t *testing.T, f map[string]any) (holds map[uint16]int, all []dns.RR) {
	t.Helper()
	gather := func(lines any) {
		list, _ := lines.([]any)
		for _, line := range list {
			rr, err := dns.NewRR(line.(string))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, rr)
		}
	}
	gather(f["answer"])
	gather(f["authority"])
	for _, s := range f["chain"].([]any) {
		gather(s.(map[string]any)["records"])
	}
	holds = map[uint16]int{}
	for _, rr := range all {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		var set []dns.RR
		for _, one := range all {
			if one.Header().Name == sig.Hdr.Name && one.Header().Rrtype == sig.TypeCovered {
				set = append(set, one)
			}
		}
		for _, one := range all {
			key, ok := one.(*dns.DNSKEY)
			if ok && key.Hdr.Name == sig.SignerName && key.KeyTag() == sig.KeyTag && sig.Verify(key, set) == nil {
				holds[sig.TypeCovered]++
			}
		}
	}
	return holds, all
}

// otherKey is a claim set of the same subject with a key that it does not publish.
func (o *operated) otherKey(t *testing.T) string {
	t.Helper()
	for _, s := range o.samples {
		if s.Reason == "record_differs" && s.Token[0] == 'e' {
			return string(s.Token)
		}
	}
	t.Fatal("no such sample")
	return ""
}

// TestThePageSaysWhatHasHappened: what is asked moves the numbers that speak of it,
// and Prometheus' own tool finds nothing wrong with any.
func TestThePageSaysWhatHasHappened(t *testing.T) {
	o := operate(t, nil)
	value := func(page, name string) (v float64) {
		t.Helper()
		_, rest, ok := strings.Cut(page, "\n"+name+" ")
		if _, err := fmt.Sscan(rest, &v); !ok || err != nil {
			t.Fatalf("%s is not there: %v", name, err)
		}
		return v
	}
	const confirmed = `cnfd_decisions_total{outcome="confirmed",reason="record_matches"}`
	before := o.page(t)
	for range 2 {
		if b, _ := o.ask(t, o.token(t, "vendor.jwt"), "?check=signature"); b.Outcome != "confirmed" {
			t.Fatalf("%+v", b)
		}
	}
	after := o.page(t)
	for name, grows := range map[string]float64{
		confirmed: 2, `cnfd_decision_duration_seconds_count{cached="true"}`: 1, `cnfd_decision_duration_seconds_count{cached="false"}`: 1,
		`cnfd_validations_total{security="secure"}`: 1, `cnfd_validations_total{security="bogus"}`: 0,
		`cnfd_decisions_total{outcome="refuted",reason="expired"}`: 0, `cnfd_turned_away_total{limit="misses"}`: 0,
	} {
		if got := value(after, name) - value(before, name); got != grows {
			t.Errorf("%s: %v more, want %v", name, got, grows)
		}
	}
	for _, name := range []string{`cnfd_upstream_queries_total{network="udp"}`, "cnfd_cache_bytes", "cnfd_cache_entries", "cnfd_cache_hits_total", "cnfd_cache_misses_total"} {
		if value(after, name) <= value(before, name) {
			t.Errorf("%s: %v, and %v before", name, value(after, name), value(before, name))
		}
	}
	if value(after, `cnfd_issuer_key_fetches_total{result="ok"}`) != 1 || value(after, "cnfd_requests_in_flight") != 1 {
		t.Error(after)
	}
	if !strings.Contains(after, "\ncnfd_build_info{version=") {
		t.Error("no build info")
	}
	promtool := testneeds.Binary(t, "promtool", "prometheus")
	c := exec.Command(promtool, "check", "metrics")
	c.Stdin = strings.NewReader(after)
	if out, err := c.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestDecisionsCostNothingWhereNobodyListens: counting a verdict allocates nothing.
func TestDecisionsCostNothingWhereNobodyListens(t *testing.T) {
	o := operate(t, nil)
	if b, _ := o.ask(t, o.token(t, "vendor.jwt"), ""); b.Outcome != "confirmed" {
		t.Fatalf("%+v", b)
	}
	v, q := o.engine.verifier, questionOf([]byte(o.token(t, "vendor.jwt")))
	verdict, err := v.Verify(context.Background(), &q)
	if err != nil || verdict.Outcome() != verifier.Confirmed {
		t.Fatal(verdict, err)
	}
	one := &api.Decision{ID: []byte("id"), Verdict: &verdict, Took: 1}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { o.decisions.Decided(o.decisions.Begins(ctx), one) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if told := o.log.of(t, "decision"); len(told) > 0 {
		t.Errorf("told all the same: %v", told)
	}
}

// BenchmarkHotRequest is a hit from request to answer without a socket: counted, and
// with a line of the log for each.
func BenchmarkHotRequest(b *testing.B) {
	for name, lines := range map[string]bool{"counted": false, "logged": true} {
		b.Run(name, func(b *testing.B) {
			o := operate(b, func(c *config.Config) { c.Log.Decisions = lines })
			o.decisions.log = slog.New(slog.NewJSONHandler(io.Discard, nil))
			token := o.token(b, "vendor.jwt")
			request, _ := http.NewRequest("POST", "http://localhost/v1/verify", nil)
			request.Header.Set("Content-Type", "application/jwt")
			body := strings.NewReader(token)
			request.Body, request.ContentLength = io.NopCloser(body), int64(len(token))
			w := &statusOnly{head: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(token)
				o.live.ServeHTTP(w, request)
			}
			if w.status != 0 {
				b.Fatal(w.status)
			}
		})
	}
}
