//go:build soak

package fuzz

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/api"
	"cnfd/dnssec"
	"cnfd/record"
)

const (
	changedInputs = 1_000_000 // threats.md, figures to hold
	inputsASeed   = 5_000
)

// TestSoakInputs sends a million changed tokens, claim sets, CWTs and HTTP bodies to the API, in front of the real
// verifier and resolver. Each gets a verdict or a problem that is the caller's; what is confirmed must, read by other
// code, name the domain and the key that are published; and no problem repeats a key.
//
// CNFD_SOAK_SEED=<seed> plays one seed alone.
func TestSoakInputs(t *testing.T) {
	d := newDesk(t)
	play := func(seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		for i := 0; i < inputsASeed && !t.Failed(); i++ {
			d.play(t, r, fmt.Sprintf("CNFD_SOAK_SEED=%d, input %d", seed, i))
		}
	}
	if s := os.Getenv("CNFD_SOAK_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		play(seed)
		return
	}
	var next atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed := next.Add(1); seed <= changedInputs/inputsASeed && !t.Failed(); seed = next.Add(1) {
				play(seed)
			}
		})
	}
	all.Wait()
	var total int64
	counts := map[string]int64{}
	d.answers.Range(func(what, n any) bool {
		counts[what.(string)] = n.(*atomic.Int64).Load()
		total += counts[what.(string)]
		return true
	})
	// scripts/soak.sh takes this line into docs/testing.md.
	t.Logf("figure: %d changed inputs, seeds 1 to %d: %d confirmed, each rightly, %d refuted, %d unproven, %d refused with 400, %d with 422, %d otherwise",
		total, changedInputs/inputsASeed, counts["confirmed"], counts["refuted"], counts["unproven"], counts["400"], counts["422"],
		total-counts["confirmed"]-counts["refuted"]-counts["unproven"]-counts["400"]-counts["422"])
	if counts["confirmed"] == 0 || counts["refuted"] == 0 || counts["400"] == 0 || counts["422"] == 0 {
		t.Error("the changes all hit, or none did: nothing is shown")
	}
}

// desk is the API of a house, and the inputs that are changed.
type desk struct {
	handler http.Handler
	vendor  key
	secrets [][]byte // what no problem may repeat
	seeds   []input
	refused []input
	answers sync.Map // what was answered → *atomic.Int64
}

// input is a request: its body and how it is labelled. inner is what a JWT wraps.
type input struct {
	media string
	body  []byte
	inner []byte
	wrap  func([]byte) []byte
}

func newDesk(t *testing.T) *desk {
	vendor, stranger := newKey(t, "vendor"), newKey(t, "stranger")
	house := newTree(t, append(vendor.records("vendor.example."), "jkt.cnf.vendor.example. 300 IN TLSA 255 255 255 "+vendor.jkt())...).house(t, nil)
	handler, err := api.New(api.Config{
		Verifier: house, Resolver: nobody{}, Now: func() time.Time { return now }, Purge: api.PurgeOff, Subjects: record.Subjects{},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{handler: handler, vendor: vendor}
	for _, k := range []key{vendor, stranger} {
		d.secrets = append(d.secrets, []byte(b64(k.x)), []byte(b64(k.y)))
		d.seed(t, k)
	}
	for i, s := range d.seeds[:len(d.seeds)/2] { // nothing changed: the published key is confirmed in every form
		if status, answer := d.send(s.media, s.whole()); status != http.StatusOK || !bytes.Contains(answer, []byte(`"outcome":"confirmed"`)) {
			t.Fatalf("seed %d is not confirmed: %d %s\n%s", i, status, answer, s.whole())
		}
	}
	for i, s := range d.refused {
		if status, answer := d.send(s.media, s.whole()); status == http.StatusOK {
			t.Fatalf("what is to be refused, %d: %d %s\n%s", i, status, answer, s.whole())
		}
	}
	d.seeds = append(d.seeds, d.refused...)
	return d
}

// seed adds what a holder of k would send, in every form.
func (d *desk) seed(t *testing.T, k key) {
	claims := k.claims("https://vendor.example")
	did := k.claims("did:web:vendor.example%3A8443:path")
	kid := fmt.Appendf(nil, `{"sub":"dns:vendor.example","cnf":{"kid":"urn:ietf:params:oauth:jwk-thumbprint:sha-256:%s","jkt":%q}}`, k.jktBase64(), k.jktBase64())
	cwt := k.cwt(t, "coaps://vendor.example:5684/x")
	text := func(b []byte) []byte { return fmt.Appendf(nil, `{"token":%q,"max_age":60,"time":true}`, b) }
	whole := func(b []byte) []byte { return fmt.Appendf(nil, `{"claims":%s,"time":false}`, b) }
	jwk := fmt.Sprintf(`{"jwk":{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}}`, b64(k.x), b64(k.y))
	// What is disclosed, or the payload that it belongs to, is changed; the digest is right.
	sd := func(payload string) func([]byte) []byte {
		return func(disclosure []byte) []byte {
			text := b64(disclosure)
			sum := sha256.Sum256([]byte(text))
			return append(jwt([]byte(strings.ReplaceAll(payload, "@", b64(sum[:])))), "~"+text+"~"...)
		}
	}
	sub, cnf, name := []byte(`["salt","sub","https://vendor.example"]`), []byte(`["salt","cnf",`+jwk+`]`), []byte(`["salt","name","x"]`)
	bare := strings.TrimSuffix(string(claims), "}") + `,"_sd":["@"]}`
	named := func(payload []byte) []byte { return sd(string(payload))(name) }
	d.seeds = append(d.seeds,
		input{"application/json", nil, claims, whole},
		input{"application/jwt", nil, claims, jwt},
		input{"application/jwt", nil, did, jwt},
		input{"application/dc+sd-jwt", nil, name, sd(bare)},
		input{"application/dc+sd-jwt", nil, []byte(bare), named},
		input{"application/dc+sd-jwt", nil, sub, sd(`{"_sd":["@"],"cnf":` + jwk + `}`)},
		input{"application/json", nil, claims, func(b []byte) []byte { return text(jwt(b)) }},
		input{"application/json", nil, []byte(bare), func(b []byte) []byte { return text(named(b)) }},
		input{"application/json", nil, cwt, func(b []byte) []byte { return text([]byte(b64(sign1(b)))) }},
		input{"application/cwt", cwt, nil, nil},
		input{"application/cwt", nil, cwt, sign1},
		input{"application/json", nil, kid, whole},
	)
	d.refused = append(d.refused, // the key is not disclosed, ever
		input{"application/dc+sd-jwt", nil, cnf, sd(`{"sub":"https://vendor.example","_sd":["@"]}`)},
		input{"application/dc+sd-jwt", nil, []byte(`["salt","jwk",` + strings.TrimSuffix(strings.TrimPrefix(jwk, `{"jwk":`), "}") + `]`), sd(`{"sub":"https://vendor.example","cnf":{"_sd":["@"]}}`)},
	)
}

func (k key) jktBase64() string {
	b := make([]byte, 32)
	fmt.Sscanf(k.jkt(), "%x", &b)
	return b64(b)
}

// whole is the request's body with nothing changed.
func (s input) whole() []byte {
	if s.wrap == nil {
		return s.body
	}
	return s.wrap(s.inner)
}

func (d *desk) play(t *testing.T, r *rand.Rand, which string) {
	s := d.seeds[r.IntN(len(d.seeds))]
	other := d.seeds[r.IntN(len(d.seeds))]
	var body []byte
	if s.wrap != nil && r.IntN(4) > 0 {
		body = s.wrap(garble(r, s.inner, other.inner))
	} else {
		body = garble(r, s.whole(), other.whole())
	}
	if r.IntN(200) == 0 {
		s.media = other.media
	}
	status, answer := d.send(s.media, body)
	switch status {
	case 200, 400, 413, 415, 422:
	default:
		t.Errorf("%s: status %d\n%q\n%s", which, status, body, answer)
	}
	if status != http.StatusOK {
		if bytes.Contains(answer, []byte("not-derivable")) {
			d.count("422") // the subject is shown, and a key may have been put into that
			return
		}
		for _, secret := range d.secrets {
			if bytes.Contains(answer, secret) {
				t.Errorf("%s: the problem repeats a key\n%q\n%s", which, body, answer)
			}
		}
		d.count(strconv.Itoa(status))
		return
	}
	var v struct {
		Outcome, Domain, Method string
		Thumbprint              struct{ Hex string }
	}
	if err := json.Unmarshal(answer, &v); err != nil {
		t.Errorf("%s: %v\n%q\n%s", which, err, body, answer)
	}
	d.count(v.Outcome)
	if v.Outcome != "confirmed" {
		return
	}
	want := d.vendor.jkt()
	if v.Method == "1" || v.Method == "5" {
		want = d.vendor.ckt()
	}
	if v.Domain != "vendor.example" || v.Thumbprint.Hex != want {
		t.Errorf("%s: confirmed without a record\n%q\n%s", which, body, answer)
	}
	if why := d.vendor.claimedBy(s.media, body); why != "" {
		t.Errorf("%s: confirmed, and yet %s\n%q\n%s", which, why, body, answer)
	}
}

func (d *desk) count(what string) {
	n, _ := d.answers.LoadOrStore(what, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// send is one request without a socket.
func (d *desk) send(media string, body []byte) (int, []byte) {
	w := &slip{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(w, &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/v1/verify"}, Header: http.Header{"Content-Type": {media}},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	})
	return w.status, w.body.Bytes()
}

// slip is an http.ResponseWriter.
type slip struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (s *slip) Header() http.Header         { return s.header }
func (s *slip) WriteHeader(status int)      { s.status = status }
func (s *slip) Write(b []byte) (int, error) { return s.body.Write(b) }

// nobody is the part of the resolver that is not asked here.
type nobody struct{}

func (nobody) Explain(context.Context, dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	return nil, nil, io.EOF
}
func (nobody) Drop(string) int             { return 0 }
func (nobody) Ready(context.Context) error { return io.EOF }
