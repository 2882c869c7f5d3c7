package provider

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/publish"
)

// fake is a provider's API as its documentation has it, with a zone of records in
// memory. It validates what the real one validates (credentials, Content-Type,
// names, TTLs, duplicates, preconditions), pages where the real one pages, and
// answers errors in the provider's own form. Its methods may be called while it serves.
type fake interface {
	http.Handler
	// credentials is a credentials file of c, as Config.Credentials takes it; base is
	// the URL that the fake is served at, without a trailing slash.
	credentials(base string, c caller) []byte
	// set makes the TLSA set at name these records, in presentation form, without
	// any call: as somebody else left them there, odd hex and blanks kept where the
	// real one keeps them. name is lower case with a trailing dot, in vendorZone.
	set(name string, ttl int, records ...string)
	// alias puts a CNAME at name.
	alias(name, target string)
	// lines is all that the zone holds, of every type: one line for a record with its
	// owner, type, TTL, its content octet for octet as it is held, and whatever else
	// the provider keeps beside it (ids, comments, disabled). In a stable order.
	lines() []string
	// busy answers as the real one does who wants fewer calls, with Retry-After where
	// it sends one; failed as it does when it breaks down (a 500).
	busy(w http.ResponseWriter, seconds string)
	failed(w http.ResponseWriter)
	// writes reports whether a request changes records. (The POST for a token does not.)
	writes(r *http.Request) bool
	// mangle makes it keep something else than what is written from now on.
	mangle()
}

// caller is who calls.
type caller int

const (
	owner    caller = iota // may do everything
	stranger               // has credentials of the right form that nobody issued
	guest                  // may read and not write
)

// vendorZone is the zone that each fake holds, with an SOA, an NS and an A at its
// apex at the least. parentZone holds it, and suffixZone is the end of its name only
// by octets: both are in the account too, and come before it in every list.
const (
	vendorZone = "vendor.example."
	suffixZone = "dor.example."
	parentZone = "example."
)

// fakes makes the fake of each provider, by the word that --to takes.
var fakes = map[string]func() fake{
	"google":     newGoogleFake,
	"azure":      newAzureFake,
	"desec":      newDeSECFake,
	"gandi":      newGandiFake,
	"hetzner":    newHetznerFake,
	"ovh":        newOVHFake,
	"route53":    newRoute53Fake,
	"cloudflare": newCloudflareFake,
	"powerdns":   newPowerDNSFake,
}

// noon is the clock of these tests.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// stage serves a fake and stands before it: it counts, and breaks one call.
type stage struct {
	fake
	url    string
	config Config
	target publish.Target

	mu    sync.Mutex // guards what follows
	calls []string   // "GET /path?query", as they came
	naps  []time.Duration
	when  func(*http.Request) bool // nil: no fault is pending
	fault fault
}

// fault answers one call in place of the fake; work has the fake do it.
type fault func(f fake, w http.ResponseWriter, work func(http.ResponseWriter))

// The faults. What fails after has done the work; a drop closes the connection without a reply.
func failBefore(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) { f.failed(w) }

func failAfter(f fake, w http.ResponseWriter, work func(http.ResponseWriter)) {
	work(httptest.NewRecorder())
	f.failed(w)
}

func dropBefore(fake, http.ResponseWriter, func(http.ResponseWriter)) { panic(http.ErrAbortHandler) }

func dropAfter(_ fake, _ http.ResponseWriter, work func(http.ResponseWriter)) {
	work(httptest.NewRecorder())
	panic(http.ErrAbortHandler)
}

func busyFor(seconds string) fault {
	return func(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) { f.busy(w, seconds) }
}

// meanwhile has somebody do something just before the call is carried out.
func meanwhile(do func()) fault {
	return func(_ fake, w http.ResponseWriter, work func(http.ResponseWriter)) { do(); work(w) }
}

// play puts a provider on the stage, called by c.
func play(t *testing.T, word string, c caller, change ...func(*Config)) *stage {
	t.Helper()
	s := &stage{fake: fakes[word]()}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.config = Config{Endpoint: server.URL, Credentials: s.credentials(server.URL, c), Now: noon, Wait: s.wait}
	for _, f := range change {
		f(&s.config)
	}
	target, err := New(word, s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.target = target
	return s
}

// wait notes the time that it is asked to wait, and does not.
func (s *stage) wait(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.naps = append(s.naps, d)
	return ctx.Err()
}

// ServeHTTP lets the pending fault have the first call that it is for.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI())
	var now fault
	if s.when != nil && s.when(r) {
		now, s.when = s.fault, nil
	}
	s.mu.Unlock()
	if now == nil {
		s.fake.ServeHTTP(w, r)
		return
	}
	now(s.fake, w, func(w http.ResponseWriter) { s.fake.ServeHTTP(w, r) })
}

// next has f answer the next call that when is true of.
func (s *stage) next(when func(*http.Request) bool, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.when, s.fault = when, f
}

// reads is what writes is not.
func (s *stage) reads(r *http.Request) bool { return r.Method == http.MethodGet && !s.writes(r) }

// pending reports whether the fault of next has not come yet.
func (s *stage) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.when != nil
}

func (s *stage) waited() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.naps)
}

// read reads, and must succeed.
func (s *stage) read(t *testing.T, name string) publish.Set {
	t.Helper()
	set, err := s.target.Zone.Read(t.Context(), name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return set
}

// adding is the change that adds r to what is there now.
func (s *stage) adding(t *testing.T, name string, r publish.Record) publish.Change {
	t.Helper()
	before := s.read(t, name)
	return publish.Change{Name: name, Before: before, After: before.With(r, time.Hour)}
}

// removing is the change that takes r from what is there now.
func (s *stage) removing(t *testing.T, name string, r publish.Record) publish.Change {
	t.Helper()
	before := s.read(t, name)
	return publish.Change{Name: name, Before: before, After: before.Without(r)}
}

func (s *stage) write(t *testing.T, c publish.Change) error {
	t.Helper()
	return s.target.Zone.Write(t.Context(), c)
}

// tlsa parses the presentation form.
func tlsa(t *testing.T, text string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// less returns the lines that are in a and not in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}

// holds reports whether a line is of r: whether its association stands in it.
func holds(line string, r publish.Record) bool {
	words := strings.Fields(r.String())
	return strings.Contains(strings.ToLower(line), strings.ToLower(words[len(words)-1]))
}
