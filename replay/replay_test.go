package replay

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/thumbprint"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// key is one of many keys.
func key(t testing.TB, n byte) thumbprint.Thumbprint {
	t.Helper()
	k, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, append(make([]byte, 31), n))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// memory is one with a clock of its own.
func memory(t testing.TB, proofs int) (*Memory, *time.Time) {
	t.Helper()
	now := noon
	m, err := New(Config{Now: func() time.Time { return now }, Proofs: proofs})
	if err != nil {
		t.Fatal(err)
	}
	return m, &now
}

// take takes a proof, which may not be an error.
func take(t testing.TB, m *Memory, k thumbprint.Thumbprint, jti string, until time.Time) bool {
	t.Helper()
	first, err := m.Take(context.Background(), k, []byte(jti), until)
	if err != nil {
		t.Fatalf("%s: %v", jti, err)
	}
	return first
}

// refused takes a proof, which must be an error that says so.
func refused(t testing.TB, m *Memory, k thumbprint.Thumbprint, jti string, until time.Time, want string) {
	t.Helper()
	if first, err := m.Take(context.Background(), k, []byte(jti), until); first || err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, %v, want an error with %q", jti, first, err, want)
	}
}

func TestAProofIsTakenOnce(t *testing.T) {
	m, now := memory(t, 0)
	until := noon.Add(2 * time.Minute)
	if !take(t, m, key(t, 1), "a", until) {
		t.Fatal("the first is not the first")
	}
	for claim, again := range map[string]time.Time{
		"the same":                  until,
		"the same, made out longer": until.Add(time.Hour),
		"the same, made out for no longer than now": noon,
	} {
		if take(t, m, key(t, 1), "a", again) {
			t.Errorf("%s: taken twice", claim)
		}
	}
	ckt, _ := thumbprint.New(thumbprint.COSEKey, thumbprint.SHA256, append(make([]byte, 31), 1))
	for claim, other := range map[string]struct {
		key thumbprint.Thumbprint
		jti string
	}{
		"another jti":                       {key(t, 1), "b"},
		"a jti that goes on":                {key(t, 1), "aa"},
		"another key":                       {key(t, 2), "a"},
		"another kind of thumbprint":        {ckt, "a"},
		"a jti with a NUL, and it is whole": {key(t, 1), "a\x00"},
	} {
		if !take(t, m, other.key, other.jti, until) {
			t.Errorf("%s: not the first", claim)
		}
	}
	*now = until
	if take(t, m, key(t, 1), "a", until) {
		t.Error("forgotten while its time has not passed")
	}
}

func TestWhatHasPassedGoes(t *testing.T) {
	m, now := memory(t, 0)
	const proofs = 1000
	for i := range proofs {
		take(t, m, key(t, byte(i)), fmt.Sprint(i), noon.Add(time.Duration(i%100)*time.Second))
	}
	if got := m.Len(); got != proofs {
		t.Fatalf("%d are remembered, want %d", got, proofs)
	}
	*now = noon.Add(200 * time.Second)
	for i := range proofs / (sweepEach - 1) {
		take(t, m, key(t, 1), fmt.Sprint("new", i), now.Add(time.Minute))
	}
	if got := m.Len(); got > proofs/(sweepEach-1)+sweepEach {
		t.Errorf("%d are remembered: those of the past stay", got)
	}
	if !take(t, m, key(t, 7), "7", now.Add(time.Minute)) {
		t.Error("a jti cannot be used again after its time")
	}
	if len(m.held) > 256 || m.table.used > proofs+sweepEach {
		t.Errorf("%d keys, %d entries: what is free is not used again", len(m.held), m.table.used)
	}
}

func TestFullIsAnError(t *testing.T) {
	m, now := memory(t, 16)
	end := noon.Add(time.Minute)
	for i := range 8 {
		take(t, m, key(t, byte(i)), "a", end)
		take(t, m, key(t, byte(i)), "b", end)
		if i < 7 { // after the eighth there is no room for anybody
			refused(t, m, key(t, byte(i)), "c", end, "one key holds 2 proofs")
		}
	}
	refused(t, m, key(t, 9), "a", end, "full: 16 proofs")
	for i := range 8 {
		if take(t, m, key(t, byte(i)), "a", end) {
			t.Errorf("key %d: forgotten for want of room", i)
		}
	}
	*now = end
	refused(t, m, key(t, 9), "a", end.Add(time.Minute), "full: 16 proofs")
	*now = end.Add(time.Second)
	if !take(t, m, key(t, 9), "a", end.Add(time.Minute)) {
		t.Error("there is room and it is not used")
	}
}

// TestAKeyIsNotHeldToWhatHasPassed: what of its own has passed makes room, also
// where much of others is still to be swept before it.
func TestAKeyIsNotHeldToWhatHasPassed(t *testing.T) {
	m, now := memory(t, 64)
	for i := range 6 {
		for j := range 8 {
			take(t, m, key(t, byte(i)), fmt.Sprint(j), noon.Add(time.Second))
		}
	}
	for j := range 8 {
		take(t, m, key(t, 7), fmt.Sprint(j), noon.Add(2*time.Second))
	}
	*now = noon.Add(3 * time.Second)
	if !take(t, m, key(t, 7), "new", now.Add(time.Minute)) {
		t.Error("not the first")
	}
}

func TestAClockSetBack(t *testing.T) {
	m, now := memory(t, 0)
	until := noon.Add(time.Minute)
	take(t, m, key(t, 1), "a", until)
	*now = noon.Add(-24 * time.Hour)
	if take(t, m, key(t, 1), "a", until) {
		t.Error("a live proof is forgotten")
	}
	// The clock runs ahead, so that the proof is forgotten, and is set right again.
	*now = noon.Add(time.Hour)
	take(t, m, key(t, 1), "b", now.Add(time.Minute))
	*now = noon
	refused(t, m, key(t, 1), "a", until, "older than what is remembered")
	// Nobody is kept out for longer than that proof lived.
	if !take(t, m, key(t, 1), "c", until.Add(time.Second)) {
		t.Error("not the first")
	}
}

// TestWhatCannotBeRememberedIsAnError: a proof of which nobody can say whether it
// was the first is never the first.
func TestWhatCannotBeRememberedIsAnError(t *testing.T) {
	m, now := memory(t, 0)
	until := noon.Add(time.Minute)
	refused(t, m, thumbprint.Thumbprint{}, "a", until, "no key or no jti")
	refused(t, m, key(t, 1), "", until, "no key or no jti")
	refused(t, m, key(t, 1), "a", time.Time{}, "no time")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if first, err := m.Take(ended, key(t, 1), []byte("a"), until); first || err != context.Canceled {
		t.Errorf("a caller who is gone: %v, %v", first, err)
	}
	if !take(t, m, key(t, 1), "a", until) {
		t.Error("what was an error was remembered all the same")
	}
	// One that was looked at for so long that its time has passed meanwhile.
	*now = until.Add(2 * time.Second)
	take(t, m, key(t, 1), "b", now.Add(time.Minute))
	refused(t, m, key(t, 1), "a", until, "older than what is remembered")
	for claim, c := range map[string]Config{"no clock": {}, "less than none": {Now: time.Now, Proofs: -1}, "too many": {Now: time.Now, Proofs: 1<<30 + 1}} {
		if m, err := New(c); m != nil || err == nil || !strings.HasPrefix(err.Error(), "replay: Config.") {
			t.Errorf("%s: %v", claim, err)
		}
	}
}

// TestWhatTheMemoryBeforeMayHaveTaken is an error, and nothing that lives longer is.
func TestWhatTheMemoryBeforeMayHaveTaken(t *testing.T) {
	m, err := New(Config{Now: func() time.Time { return noon }, Forgotten: noon.Add(2 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, m, key(t, 1), "a", noon.Add(time.Minute), "older than what is remembered")
	refused(t, m, key(t, 1), "a", noon.Add(2*time.Minute), "older than what is remembered")
	until := noon.Add(2*time.Minute + time.Second)
	if !take(t, m, key(t, 1), "a", until) || take(t, m, key(t, 1), "a", until) {
		t.Error("a proof of this process is not taken once")
	}
}

func TestFractionsOfASecond(t *testing.T) {
	m, now := memory(t, 0)
	until := noon.Add(time.Minute + time.Nanosecond)
	take(t, m, key(t, 1), "a", until)
	*now = until
	take(t, m, key(t, 1), "b", until.Add(time.Minute))
	if take(t, m, key(t, 1), "a", until) {
		t.Error("forgotten before its time")
	}
}

// TestOfManyOneIsFirst: of those who take one proof at the same time.
func TestOfManyOneIsFirst(t *testing.T) {
	m, err := New(Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const takers, proofs = 16, 200
	until := time.Now().Add(time.Hour)
	var first [proofs]atomic.Int32
	var all sync.WaitGroup
	k := key(t, 1)
	for range takers {
		all.Go(func() {
			for i := range proofs {
				ok, err := m.Take(context.Background(), k, fmt.Append(nil, i), until)
				if err != nil {
					t.Error(err)
				}
				if ok {
					first[i].Add(1)
				}
			}
		})
	}
	all.Wait()
	for i := range first {
		if n := first[i].Load(); n != 1 {
			t.Errorf("proof %d: %d were told that they are first", i, n)
		}
	}
}
