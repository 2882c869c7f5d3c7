package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/dnssec/rollover"

	"github.com/miekg/dns"
)

const (
	day = 24 * time.Hour
	ttl = 12 * time.Hour // so that a set is asked for every six hours
)

type signer struct {
	dnskey  *dns.DNSKEY
	private crypto.Signer
}

// newSigner makes the same key for the same letter.
func newSigner(letter byte) *signer {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize))
	return &signer{&dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: uint32(ttl / time.Second)},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ED25519, PublicKey: base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)),
	}, private}
}

func (s *signer) revoked() *signer {
	k := *s.dnskey
	k.Flags |= dns.REVOKE
	return &signer{&k, s.private}
}

// root is a root zone's servers and a resolver that asks them. It signs each
// answer as of its own clock, for four days.
type root struct {
	clock func() time.Time

	mu      sync.Mutex
	keys    []*signer      // guarded by mu
	by      []*signer      // guarded by mu
	down    bool           // guarded by mu
	asked   []time.Time    // guarded by mu
	trusted dnssec.Anchors // guarded by mu
	set     int            // guarded by mu: how often SetAnchors was called
}

func (r *root) AskKeys(_ context.Context, zone string, accept func(*dns.Msg) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	r.asked = append(r.asked, now)
	if r.down {
		return errors.New("no server of . answers")
	}
	m := new(dns.Msg)
	for _, k := range r.keys {
		m.Answer = append(m.Answer, k.dnskey)
	}
	set := slices.Clone(m.Answer)
	for _, k := range r.by {
		sig := &dns.RRSIG{
			Hdr: dns.RR_Header{Ttl: uint32(ttl / time.Second)}, Algorithm: k.dnskey.Algorithm, KeyTag: k.dnskey.KeyTag(), SignerName: zone,
			Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(4 * day).Unix()),
		}
		if err := sig.Sign(k.private, set); err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, sig)
	}
	accept(m)
	return nil
}

func (r *root) SetAnchors(a dnssec.Anchors) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trusted = a
	r.set++
}

func (r *root) serve(keys []*signer, by ...*signer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.by = keys, by
}

func (r *root) fall(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *root) questions() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// told is how often the resolver was told what to trust.
func (r *root) told() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set
}

func (r *root) trusts(t *testing.T, s *signer) bool {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	return trusts(r.trusted, s)
}

func trusts(a dnssec.Anchors, s *signer) bool {
	tr := a.At(".")
	return slices.ContainsFunc(tr.Keys, func(k *dns.DNSKEY) bool { return dnssec.SameKey(k, s.dnskey) }) ||
		slices.ContainsFunc(tr.DS, func(ds *dns.DS) bool { return strings.EqualFold(ds.Digest, s.dnskey.ToDS(ds.DigestType).Digest) })
}

// run starts a keeper and returns what ends it.
func run(k *Keeper, r *root) (stop func()) {
	k.every = 10 * time.Second
	return runAt(k, r)
}

// runAt is run with the keeper's own pace.
func runAt(k *Keeper, r *root) (stop func()) {
	r.SetAnchors(k.Anchors())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx, r) }()
	return func() { cancel(); <-done }
}

func anchored(t *testing.T, keys ...*signer) dnssec.Anchors {
	t.Helper()
	var lines []string
	for _, k := range keys {
		lines = append(lines, k.dnskey.ToDS(dns.SHA256).String())
	}
	a, err := dnssec.ParseAnchors(lines)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// diary is a log that a test reads.
type diary struct {
	mu   sync.Mutex
	text strings.Builder
}

func (d *diary) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(b)
}

func (d *diary) count(words string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Count(d.text.String(), words)
}

func logTo(d *diary) *slog.Logger { return slog.New(slog.NewTextHandler(d, nil)) }

var a, b = newSigner('a'), newSigner('b')

// TestSchedule waits in a bubble: half the TTL between two proven sets; while
// none is proven 10 s, doubled up to the retry time of what was proven last.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &root{clock: time.Now}
		r.serve([]*signer{a}, a)
		began := time.Now()
		k := Open(Config{Now: time.Now, Configured: anchored(t, a)})
		defer run(k, r)()
		time.Sleep(13 * time.Hour)
		r.fall(true)
		time.Sleep(12 * time.Hour)
		var after []time.Duration
		for _, at := range r.questions() {
			after = append(after, at.Sub(began))
		}
		want := []time.Duration{0, 6 * time.Hour, 12 * time.Hour, 18 * time.Hour}
		// A tenth of the TTL is 72 minutes.
		for wait := 10 * time.Second; len(want) < len(after); wait = min(2*wait, 72*time.Minute) {
			want = append(want, want[len(want)-1]+wait)
		}
		if len(after) < 12 || !slices.Equal(after, want) {
			t.Errorf("asked after %v, want %v", after, want)
		}
		if err := k.Ready(); err != nil {
			t.Errorf("not ready since nobody answers: %v; that is for the resolver to say", err)
		}
	})
}

// TestRollover changes the root's key: b comes, waits, is trusted, a is revoked.
func TestRollover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), &diary{}
		r := &root{clock: time.Now}
		r.serve([]*signer{a}, a)
		open := func() *Keeper {
			return Open(Config{Now: time.Now, Configured: anchored(t, a), Dir: filepath.Join(dir, "anchors"), Log: logTo(d)})
		}
		stop := run(open(), r)
		time.Sleep(day)
		if r.told() != 1 {
			t.Errorf("the resolver was told %d times before anything changed", r.told())
		}
		r.serve([]*signer{a, b}, a)
		time.Sleep(15 * day)
		stop()
		stop = run(open(), r) // a restart in the middle loses nothing of the hold-down
		time.Sleep(15 * day)
		if r.trusts(t, b) {
			t.Fatal("b is trusted before 30 days have passed since it was seen")
		}
		time.Sleep(day / 2)
		if !r.trusts(t, b) || !r.trusts(t, a) {
			t.Fatal("b is not trusted after the hold-down, or a is not any more")
		}
		before := r.told()
		r.serve([]*signer{a.revoked(), b}, a.revoked(), b)
		time.Sleep(day)
		if r.trusts(t, a) || !r.trusts(t, b) {
			t.Fatal("a is trusted after its revocation, or b is not")
		}
		if r.told() != before+1 {
			t.Errorf("the resolver was told %d times of one change", r.told()-before)
		}
		stop()
		r.serve([]*signer{a, b}, a, b)
		for _, later := range []time.Duration{0, day, 60 * day} {
			k := open()
			if trusts(k.Anchors(), a) || !trusts(k.Anchors(), b) {
				t.Fatalf("after a restart, %v later: a is trusted, or b is not", later)
			}
			stop := run(k, r)
			time.Sleep(later)
			if r.trusts(t, a) || !r.trusts(t, b) {
				t.Fatalf("%v after a restart: a is trusted, or b is not", later)
			}
			stop()
		}
		if d.count("a configured key is revoked by its owner") < 4 {
			t.Error("a configured key is revoked, and not every start says so")
		}
		// What a command reads, and what is switched off.
		if k := Open(Config{Now: time.Now, Configured: anchored(t, a), Dir: filepath.Join(dir, "anchors"), ReadOnly: true}); trusts(k.Anchors(), a) || !trusts(k.Anchors(), b) {
			t.Error("a command trusts a, or does not trust b")
		}
		if k := Open(Config{Now: time.Now, Configured: anchored(t, a), Dir: filepath.Join(dir, "anchors"), Still: true}); !trusts(k.Anchors(), a) || trusts(k.Anchors(), b) {
			t.Error("switched off, the anchors are not those that are configured")
		}
	})
}

func TestEveryAnchorRevokedIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), &diary{}
		r := &root{clock: time.Now}
		r.serve([]*signer{a.revoked()}, a.revoked())
		c := Config{Now: time.Now, Configured: anchored(t, a), Dir: dir, Log: logTo(d)}
		k := Open(c)
		stop := run(k, r)
		synctest.Wait()
		stop()
		for _, k := range []*Keeper{k, Open(c)} {
			if tr := k.Anchors().At("."); tr == nil || len(tr.DS)+len(tr.Keys) != 0 {
				t.Errorf("trusted is %v, want an anchor that nothing meets", tr)
			}
			if err := k.Ready(); err == nil || !strings.Contains(err.Error(), "no trust anchor is left for .") {
				t.Errorf("ready: %v", err)
			}
		}
		if n := d.count("level=ERROR msg=\"trust anchor: no trust anchor is left for ., every one was revoked"); n != 2 {
			t.Errorf("said %d times in two starts", n)
		}
	})
}

func TestWrongClock(t *testing.T) {
	for _, still := range []bool{false, true} {
		for _, off := range []time.Duration{-40 * day, 40 * day} {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				wrong, d := off, &diary{}
				now := func() time.Time {
					mu.Lock()
					defer mu.Unlock()
					return time.Now().Add(wrong)
				}
				set := func(by time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					wrong = by
				}
				r := &root{clock: time.Now}
				r.serve([]*signer{a, b}, a)
				k := Open(Config{Now: now, Configured: anchored(t, a), Log: logTo(d), Still: still})
				defer runAt(k, r)()
				time.Sleep(time.Minute)
				if err := k.Ready(); err == nil || !strings.HasPrefix(err.Error(), "the clock is wrong: it says ") {
					t.Fatalf("off by %v: ready: %v", off, err)
				}
				if n := d.count("the clock is wrong"); n != 1 {
					t.Errorf("off by %v: said %d times", off, n)
				}
				before := r.told()
				set(0)
				time.Sleep(time.Second)
				if err := k.Ready(); err != nil {
					t.Errorf("the clock is right, and still: %v", err)
				}
				if r.told() == before {
					t.Error("what was found while the clock was wrong is not forgotten")
				}
				if r.trusts(t, b) {
					t.Error("b came in by a jump of the clock")
				}
				set(off) // it jumps later
				time.Sleep(time.Second)
				if err := k.Ready(); err == nil {
					t.Errorf("the clock has jumped by %v, and nobody says so", off)
				}
			})
		}
	}
}

// TestClockSetBack holds that nothing outlives its time by a clock that was ahead.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ahead time.Duration
		set := func(by time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			ahead = by
		}
		r := &root{}
		r.clock = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead)
		}
		r.serve([]*signer{a}, a)
		defer runAt(Open(Config{Now: r.clock, Configured: anchored(t, a)}), r)()
		for _, step := range []struct {
			to     time.Duration
			forget bool
		}{{0, false}, {time.Hour, false}, {0, true}, {-time.Second / 2, false}, {-day, true}, {day, false}} {
			time.Sleep(time.Minute)
			before := r.told()
			set(step.to)
			time.Sleep(time.Minute)
			if got := r.told() > before; got != step.forget {
				t.Errorf("the clock was set to %v: forgotten %t, want %t", step.to, got, step.forget)
			}
		}
	})
}

// mute is a root whose servers hold every question for as long as one may take.
type mute struct{ *root }

func (m mute) AskKeys(ctx context.Context, zone string, _ func(*dns.Msg) bool) error {
	select {
	case <-ctx.Done():
	case <-time.After(7 * time.Second):
	}
	return errors.New("no server of " + zone + " answers")
}

// TestClockSetBackWhileNobodyAnswers sets the clock back by less than the time for which
// the keeper waits for silent servers.
func TestClockSetBackWhileNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ahead time.Duration
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead)
		}
		r := mute{&root{}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Open(Config{Now: clock, Configured: anchored(t, a)}).Run(ctx, r)
		}()
		defer func() { cancel(); <-done }()
		time.Sleep(time.Second)
		if r.told() != 0 {
			t.Fatal("forgotten before anything happened")
		}
		mu.Lock()
		ahead = -5 * time.Second
		mu.Unlock()
		time.Sleep(time.Second)
		if r.told() != 1 {
			t.Error("the clock was set back, and nothing was forgotten within a second")
		}
	})
}

// TestWrongClockIsOfTheRootAlone has a zone of the operator's own that nobody has
// signed lately: nothing in it is proven, and that is no matter of the clock.
func TestWrongClockIsOfTheRootAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		r := &root{clock: func() time.Time { return time.Now().Add(-40 * day) }}
		own := &signer{&dns.DNSKEY{}, a.private}
		*own.dnskey = *a.dnskey
		own.dnskey.Hdr.Name = "corp.example."
		r.serve([]*signer{own}, own)
		k := Open(Config{Now: time.Now, Configured: anchored(t, own), Log: logTo(d)})
		defer runAt(k, r)()
		time.Sleep(time.Minute)
		if err := k.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		if d.count("the clock") > 0 || d.count("the keys are not proven") != 1 || d.count("expired at") != 1 {
			t.Errorf("the log: %s", d.text.String())
		}
	})
}

// TestStateThatCannotBeUsed is every way in which a file is not ours: it is put
// aside with all that is in it, one line says so, and the configured anchors hold.
func TestStateThatCannotBeUsed(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
	now := func() time.Time { return at }
	whole := rollover.New(".", anchored(t, a).At(".")).Text()
	for claim, text := range map[string]string{
		"half written":            whole[:len(whole)/2],
		"empty":                   "",
		"another program's":       ". 172800 IN DNSKEY 257 3 8 AwEAAQ== ;;state=2 [  VALID  ] ;;count=0\n",
		"of another zone":         rollover.New("example.", nil).Text(),
		"octets by chance":        "\x00\xff\x00",
		"larger than it ever was": whole + strings.Repeat("; \n", maxFile),
	} {
		t.Run(claim, func(t *testing.T) {
			dir, d := t.TempDir(), &diary{}
			path := filepath.Join(dir, "root.state")
			c := Config{Now: now, Configured: anchored(t, a), Dir: dir, Log: logTo(d)}
			for i := range 3 {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				readOnly := c
				readOnly.ReadOnly, readOnly.Log = true, nil
				if k := Open(readOnly); !trusts(k.Anchors(), a) {
					t.Error("the configured anchor does not hold for a command")
				}
				if kept, err := os.ReadFile(path); err != nil || string(kept) != text {
					t.Errorf("a command has touched the file: %v", err)
				}
				if k := Open(c); !trusts(k.Anchors(), a) {
					t.Error("the configured anchor does not hold")
				}
				if d.count("\n") != i+1 || d.count("cannot be used: it is put aside") != i+1 {
					t.Errorf("the log of start %d: %s", i+1, d.text.String())
				}
				aside, _ := filepath.Glob(path + ".aside-20261122T064000Z*")
				if len(aside) != i+1 {
					t.Fatalf("aside are %v", aside)
				}
				for _, f := range aside {
					if kept, err := os.ReadFile(f); err != nil || string(kept) != text {
						t.Errorf("%s is not what was there: %v", f, err)
					}
				}
			}
		})
	}
}

// TestEndInTheMiddleOfWriting leaves what a kill leaves: the new file in part,
// not yet under the name. The old state holds, and the next write goes through.
func TestEndInTheMiddleOfWriting(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC) }
	s := store{dir: t.TempDir()}
	old := rollover.New(".", anchored(t, a).At("."))
	next, _ := old.Next(dnssec.KeySet{Revoked: []*dns.DNSKEY{a.revoked().dnskey}}, now())
	if err := s.write(".", old); err != nil {
		t.Fatal(err)
	}
	text := next.Text()
	for n := range len(text) {
		if err := os.WriteFile(s.path(".")+".new", []byte(text[:n]), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.load(".", now()); err != nil || got.Text() != old.Text() {
			t.Fatalf("%d octets written: %v", n, err)
		}
	}
	if err := s.write(".", next); err != nil {
		t.Fatal(err)
	}
	if got, err := s.load(".", now()); err != nil || got.Text() != text {
		t.Errorf("%v", err)
	}
}

// TestTwoDaemonsShareAState has both write, each what it has seen.
func TestTwoDaemonsShareAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Now: time.Now, Configured: anchored(t, a), Dir: t.TempDir()}
		one, two := &root{clock: time.Now}, &root{clock: time.Now}
		one.serve([]*signer{a, b}, a)
		two.serve([]*signer{a, b}, a)
		stopOne := run(Open(c), one)
		time.Sleep(time.Hour)
		stopTwo := run(Open(c), two)
		time.Sleep(31 * day)
		if !one.trusts(t, b) || !two.trusts(t, b) {
			t.Fatal("b is not trusted by both")
		}
		one.serve([]*signer{a.revoked(), b}, b, a.revoked())
		two.fall(true)
		time.Sleep(day)
		stopOne()
		two.serve([]*signer{a, b}, a, b) // two never sees the revocation itself
		two.fall(false)
		time.Sleep(day)
		if two.trusts(t, a) {
			t.Error("the second daemon still trusts what the first saw revoked")
		}
		stopTwo()
		if k := Open(c); trusts(k.Anchors(), a) || !trusts(k.Anchors(), b) {
			t.Error("one has undone the other's writing")
		}
	})
}

func TestStateThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocked := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d, r := &diary{}, &root{clock: time.Now}
		r.serve([]*signer{a, b}, a)
		k := Open(Config{Now: time.Now, Configured: anchored(t, a), Dir: filepath.Join(blocked, "anchors"), Log: logTo(d)})
		defer run(k, r)()
		time.Sleep(31 * day)
		if !r.trusts(t, b) {
			t.Error("without a file nothing is learnt")
		}
		if n := d.count("its state is not kept"); n != 1 {
			t.Errorf("said %d times that nothing is kept", n)
		}
	})
}

func TestFileNames(t *testing.T) {
	s, seen := store{dir: "/d"}, map[string]string{}
	for name, want := range map[string]string{
		".": "root.state", "root.": "root..state", "corp.example.": "corp.example..state", `a\/b.`: "a%5c%2fb..state", `\..`: "%5c...state", "_x.": "_x..state",
	} {
		got := filepath.Base(s.path(name))
		if got != want || filepath.Dir(s.path(name)) != "/d" || seen[got] != "" {
			t.Errorf("%s is kept in %s, want %s", name, s.path(name), want)
		}
		seen[got] = name
	}
	long := strings.Repeat(strings.Repeat("x", 60)+".", 4)
	if got := filepath.Base(s.path(long)); len(got) > 200 {
		t.Errorf("%d octets of a file's name", len(got))
	}
}

func ExampleOpen() {
	root := dnssec.RootAnchors()
	k := Open(Config{Now: time.Now, Configured: root})
	os.Stdout.WriteString(k.Anchors().At(".").String() + "\n")
	// Output: trust anchor DS 20326 (alg 8, digest 2), DS 38696 (alg 8, digest 2)
}
