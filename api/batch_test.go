package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"cnfd/verifier"

	"github.com/fxamacker/cbor/v2"
)

const (
	asLines    = "Content-Type: application/x-ndjson"
	asSequence = "Content-Type: application/cbor-seq"
)

// goodItem is one whose key is published; goodCWT too, with the thumbprint after it.
const (
	goodItem = `{"claims":{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}}`
	goodCWT  = "\xa2\x02\x76https://vendor.example\x08\xa1\x05\x58\x20"
)

// batchAnswer is a verdict or a problem of a batch.
type batchAnswer struct {
	Outcome, Reason, Type, Detail, ID string
	Index                             *int
}

func (a batchAnswer) String() string {
	if a.Outcome != "" {
		return a.Outcome + " " + a.Reason
	}
	index := -1
	if a.Index != nil {
		index = *a.Index
	}
	return fmt.Sprintf("%s %d", strings.TrimPrefix(a.Type, "urn:cnfd:problem:"), index)
}

// answers reads the lines of a response of 200.
func answers(t testing.TB, r *http.Response) (list []batchAnswer, words string) {
	t.Helper()
	body := text(t, r)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/x-ndjson" || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, body)
	}
	all := []string{}
	for line := range strings.Lines(body) {
		var a batchAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil || len(a.ID) != 26 || !strings.HasSuffix(line, "}\n") {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, a)
		all = append(all, a.String())
	}
	return list, strings.Join(all, "; ")
}

func TestBatch(t *testing.T) {
	h := newReal(t, nil)
	other := strings.Replace(goodItem, "vendor.", "other.", 1)
	const yes, no = "confirmed record_matches", "refuted record_absent"
	giant := `{"token":"` + strings.Repeat("A", MaxBody) + `"}`
	for _, tt := range []struct{ claim, body, want string }{
		{"nothing", "", ""},
		{"one", goodItem + "\n", yes},
		{"one without a newline", goodItem, yes},
		{"in order", goodItem + "\n" + other + "\n" + goodItem + "\n", yes + "; " + no + "; " + yes},
		{"lines that end as in DOS", goodItem + "\r\n" + other + "\r\n", yes + "; " + no},
		{"empty lines are passed over", "\n" + goodItem + "\n \t\r\n\n" + other + "\n\n", yes + "; " + no},
		{"a bad line in its place", goodItem + "\n{\n" + goodItem + "\n", yes + "; malformed 1; " + yes},
		{"two objects on a line", goodItem + goodItem + "\n" + goodItem, "malformed 0; " + yes},
		{"a member that is not known", goodItem + "\n" + `{"all":true,` + goodItem[1:], yes + "; malformed 1"},
		{"an array", "[" + goodItem + "]\n", "malformed 0"},
		{"an item over two lines", `{"claims":` + "\n" + goodItem[10:] + "\n" + goodItem, "malformed 0; malformed 1; " + yes},
		{"a subject that names no domain", goodItem + "\n" + strings.Replace(goodItem, "https://", "urn:x:", 1), yes + "; not-derivable 1"},
		{"a giant line", goodItem + "\n" + giant + "\n" + goodItem, yes + "; too-large 1; " + yes},
		{"a giant line at the end", goodItem + "\n" + giant, yes + "; too-large 1"},
		{"a line that goes on and on", goodItem + "\n" + strings.Repeat("x", 1<<20) + "\n" + goodItem, yes + "; too-large 1; " + yes},
		{"a line as long as may be", goodItem[:10] + strings.Repeat(" ", MaxBody-len(goodItem)) + goodItem[10:] + "\n" + other, yes + "; " + no},
		{"and one octet more", goodItem[:10] + strings.Repeat(" ", MaxBody-len(goodItem)+1) + goodItem[10:] + "\n" + other, "too-large 0; " + no},
		{"a last line that is cut short", goodItem + "\n" + goodItem[:40], yes + "; malformed 1"},
		{"NUL between items", goodItem + "\x00\n" + goodItem, "malformed 0; " + yes},
		{"a byte order mark", "\ufeff" + goodItem, "malformed 0"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if _, got := answers(t, send(h, "POST", "/v1/verify/batch", tt.body, asLines)); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// cborAnswers are the lines of a batch of CBOR.
func cborAnswers(t testing.TB, h http.Handler, body string) string {
	t.Helper()
	_, words := answers(t, send(h, "POST", "/v1/verify/batch", body, asSequence))
	return words
}

func TestBatchOfCBOR(t *testing.T) {
	sum := string(bytes.Repeat([]byte{0x11}, 32))
	h := newHandler(t, Config{Verifier: verifierOf(t, func(q *verifier.Request) {
		if q.Input != verifier.InputCWT {
			t.Errorf("asked as %v", q.Input)
		}
	}, []byte("\xff\xff\xff"+sum))})
	item := goodCWT + sum
	const yes = "confirmed record_matches"
	giant := "\x5a\x00\x02\x00\x00" + strings.Repeat("x", 2<<16)
	for _, tt := range []struct{ claim, body, want string }{
		{"nothing", "", ""},
		{"two", item + item, yes + "; " + yes},
		{"an item of another kind", item + "\x01" + item, yes + "; malformed 1; " + yes},
		{"a giant string", item + giant + item, yes + "; too-large 1; " + yes},
		{"a giant array", item + "\x9a\x00\x02\x00\x00" + strings.Repeat("\x00", 2<<16) + item, yes + "; too-large 1; " + yes},
		{"a giant map without an end to be counted", item + "\xbf" + strings.Repeat("\x00", 2<<17) + "\xff" + item, yes + "; too-large 1; " + yes},
		{"giant in many strings", item + "\x5f" + strings.Repeat("\x59\x10\x00"+strings.Repeat("x", 1<<12), 20) + "\xff" + item, yes + "; too-large 1; " + yes},
		{"a tag", "\xd8\x3d" + item + item, "malformed 0; " + yes},
		{"what ends nowhere", item + "\x1c" + item, yes + "; malformed 1"},
		{"a break of its own", item + "\xff" + item, yes + "; malformed 1"},
		{"nested for ever", item + strings.Repeat("\x81", 1000) + "\x00" + item, yes + "; malformed 1"},
		{"a length that no memory has", item + "\xbb\xff\xff\xff\xff\xff\xff\xff\xff" + item, yes + "; malformed 1"},
		{"cut short", item + item[:30], yes + "; malformed 1"},
		{"cut short in a giant", item + giant[:1<<17], yes + "; malformed 1"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := cborAnswers(t, h, tt.body); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// verifierOf is the real one over a DNS in memory with one record of a COSE key; seen
// is told of every question.
func verifierOf(t testing.TB, seen func(*verifier.Request), data []byte) Verifier {
	t.Helper()
	v, err := verifier.New(verifier.Config{Source: &source{name: "5.8.vendor.example.", data: data}, Now: clock})
	must(t, err)
	return verifierFunc(func(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
		seen(q)
		return v.Verify(ctx, q)
	})
}

type verifierFunc func(context.Context, *verifier.Request) (verifier.Verdict, error)

func (f verifierFunc) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	return f(ctx, q)
}

func TestBatchAnswersInCBOR(t *testing.T) {
	h := newReal(t, nil)
	r := send(h, "POST", "/v1/verify/batch", goodItem+"\n{\n"+goodItem, asLines, "Accept: application/cbor-seq")
	if got := r.Header.Get("Content-Type"); got != "application/cbor-seq" {
		t.Fatalf("Content-Type %q", got)
	}
	d := cbor.NewDecoder(strings.NewReader(text(t, r)))
	for i, want := range []string{"confirmed", "", "confirmed"} {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if outcome, _ := m["outcome"].(string); outcome != want {
			t.Errorf("item %d: %v", i, m)
		}
		if want == "" && (m["index"] != uint64(1) || m["type"] != "urn:cnfd:problem:malformed") {
			t.Errorf("item %d: %v", i, m)
		}
	}
	if err := d.Decode(new(any)); err != io.EOF {
		t.Errorf("after the last: %v", err)
	}
}

func TestBatchOptions(t *testing.T) {
	past := strings.Replace(goodItem, `{"sub"`, `{"exp":1,"sub"`, 1)
	with := func(item, member string) string { return "{" + member + "," + item[1:] }
	for _, tt := range []struct{ claim, query, header, body, want string }{
		{"none", "", "", goodItem, "confirmed record_matches"},
		{"time for all", "?time=false", "", past + "\n" + past, "confirmed record_matches; confirmed record_matches"},
		{"time of one", "", "", past + "\n" + with(past, `"time":false`), "refuted expired; confirmed record_matches"},
		{"time said twice alike", "?time=false", "", with(past, `"time":false`), "confirmed record_matches"},
		{"an item against the query", "?time=true", "", with(past, `"time":false`) + "\n" + goodItem, "malformed 0; confirmed record_matches"},
		{"a check for all", "?check=signature", "", goodItem, "malformed 0"}, // claims hold no signature
		{"a check of one", "", "", with(goodItem, `"check":["signature"]`) + "\n" + goodItem, "malformed 0; confirmed record_matches"},
		{"an audience for all", "?aud=a", "", goodItem, "refuted audience_mismatch"},
		{"another audience than the query's", "?aud=a", "", with(goodItem, `"aud":"b"`), "malformed 0"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			h := newReal(t, nil)
			if _, got := answers(t, send(h, "POST", "/v1/verify/batch"+tt.query, tt.body, asLines)); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// The tightest of what the query, the header and the item say holds.
func TestBatchMaxAge(t *testing.T) {
	f := &fakeVerifier{verdict: confirmed()}
	h := newHandler(t, Config{Verifier: f})
	body := `{"claims":{},"max_age":5}` + "\n" + `{"claims":{},"max_age":60}` + "\n" + `{"claims":{}}`
	send(h, "POST", "/v1/verify/batch?max_age=30", body, asLines, "Cache-Control: max-age=40")
	for i, want := range []float64{5, 30, 30} {
		if q := f.asked[i]; !q.Bounded || q.MaxAge.Seconds() != want {
			t.Errorf("item %d: %v, want %v s", i, q.MaxAge, want)
		}
	}
	send(h, "POST", "/v1/verify/batch", `{"claims":{}}`, asLines)
	if q := f.last(t); q.Bounded {
		t.Errorf("bounded by nobody: %v", q.MaxAge)
	}
}

// What is wrong with the request itself is a problem with its own status.
func TestBatchRefused(t *testing.T) {
	for _, tt := range []struct {
		claim, target string
		status        int
		kind          string
		headers       []string
	}{
		{"JSON", "", 415, "unsupported-media-type", []string{asJSON}},
		{"a JWT", "", 415, "unsupported-media-type", []string{asJWT}},
		{"one CWT", "", 415, "unsupported-media-type", []string{"Content-Type: application/cwt"}},
		{"no type", "", 415, "unsupported-media-type", nil},
		{"two types", "", 415, "unsupported-media-type", []string{asLines, asSequence}},
		{"a type that is none", "", 415, "unsupported-media-type", []string{"Content-Type: x-ndjson;"}},
		{"another character set", "", 415, "unsupported-media-type", []string{asLines + "; charset=utf-16"}},
		{"compressed", "", 415, "unsupported-media-type", []string{asLines, "Content-Encoding: gzip"}},
		{"an option that is not known", "?all=1", 400, "malformed", []string{asLines}},
		{"an option that is none", "?max_age=soon", 400, "malformed", []string{asLines}},
		{"an option twice", "?max_age=1&max_age=2", 400, "malformed", []string{asLines}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			f := &fakeVerifier{verdict: confirmed()}
			h := newHandler(t, Config{Verifier: f})
			wantProblem(t, send(h, "POST", "/v1/verify/batch"+tt.target, goodItem, tt.headers...), tt.status, tt.kind)
			f.untouched(t)
		})
	}
	h := newHandler(t, Config{})
	if r := send(h, "POST", "/v1/verify/batch", goodItem, "Content-Type: Application/X-NDJSON; charset=UTF-8"); r.StatusCode != 200 {
		t.Errorf("the right type in another spelling: %d", r.StatusCode)
	}
}

// A failure of this machine, or a bug, costs the item that it befell.
func TestBatchAfterAFailure(t *testing.T) {
	var log strings.Builder
	n := 0
	h := newHandler(t, Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Verifier: verifierFunc(func(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
			switch n++; n {
			case 2:
				panic("a secret")
			case 3:
				ctx.Done() // as if to wait
				panic("another secret")
			case 4:
				return verifier.Verdict{}, errors.New("no memory")
			}
			return confirmed(), nil
		}),
	})
	_, got := answers(t, send(h, "POST", "/v1/verify/batch", strings.Repeat(goodItem+"\n", 5), asLines))
	if want := "confirmed record_matches; internal 1; internal 2; internal 3; confirmed record_matches"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if strings.Contains(log.String(), "secret") || strings.Count(log.String(), "panic while answering") != 2 || !strings.Contains(log.String(), "no memory") {
		t.Errorf("log: %s", log.String())
	}
}

func TestBatchAllocatesNothingAnItem(t *testing.T) {
	verdict := confirmed()
	h := newHandler(t, Config{Verifier: verifierFunc(func(_ context.Context, q *verifier.Request) (verifier.Verdict, error) {
		return verdict, nil
	})})
	cost := func(items int) float64 {
		body := strings.Repeat(goodItem+"\n", items)
		return testing.AllocsPerRun(20, func() { send(h, "POST", "/v1/verify/batch", body, asLines) })
	}
	few, many := cost(1000), cost(11000)
	if an := (many - few) / 10000; an > 0.1 { // those of a read and a write are shared by the hundred
		t.Errorf("%v allocations an item (%v for 1,000, %v for 11,000)", an, few, many)
	}
}
