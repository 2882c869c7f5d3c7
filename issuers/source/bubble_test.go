package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// issuer is one whose keys are fetched by a function, in a bubble with its own time.
type issuer struct {
	*Keeper
	log *logged

	mu      sync.Mutex
	answer  func(context.Context) ([]byte, error)
	started time.Time
	fetches []time.Duration // since the start
}

const name = "https://issuer.example"

// newIssuer makes a Keeper of one issuer, whose keys are good ones to begin with.
func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{log: new(logged), started: time.Now()}
	k, err := New(Config{Now: time.Now, Log: slog.New(i.log), Sources: []Source{{Issuer: name, URL: "https://issuer.example/jwks"}}})
	check(t, err)
	i.Keeper = k
	i.says("a")
	k.issuers[name].read = func(ctx context.Context) ([]byte, error) {
		i.mu.Lock()
		i.fetches = append(i.fetches, time.Since(i.started))
		answer := i.answer
		i.mu.Unlock()
		return answer(ctx)
	}
	return i
}

// says has the issuer answer with keys by those names.
func (i *issuer) says(kids ...string) {
	i.does(func(context.Context) ([]byte, error) { return jwks(kids...), nil })
}

func (i *issuer) fails() {
	i.does(func(context.Context) ([]byte, error) { return nil, errors.New("down") })
}

func (i *issuer) does(answer func(context.Context) ([]byte, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// fetched gives when the fetches were since it was last asked.
func (i *issuer) fetched() []time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	got := i.fetches
	i.fetches = nil
	return got
}

// run runs the Keeper until the test ends.
func (i *issuer) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	synctest.Wait()
}

// wants holds what Keys gives to the names of the keys, "" for an error.
func (i *issuer) wants(t *testing.T, missing bool, kids ...string) {
	t.Helper()
	set, err := i.Keys(t.Context(), name, missing)
	var got []string
	for _, k := range set {
		got = append(got, k.KID)
	}
	if !slices.Equal(got, kids) || (err == nil) != (len(kids) > 0) {
		t.Errorf("got %q, %v, want %q", got, err, kids)
	}
}

func jwks(kids ...string) []byte {
	var keys []string
	for _, kid := range kids {
		keys = append(keys, `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"`+kid+`"}`)
	}
	return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`)
}

// logged keeps what is logged.
type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logged) WithGroup(string) slog.Handler            { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// said gives what was logged since it was last asked.
func (l *logged) said() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.lines
	l.lines = nil
	return got
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
