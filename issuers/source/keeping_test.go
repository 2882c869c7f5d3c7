package source

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefresh: at the start, then every hour, and what is new is there.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.run(t)
		i.wants(t, false, "a")
		i.says("b", "c")
		time.Sleep(time.Hour - 1)
		i.wants(t, false, "a")
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		i.wants(t, false, "b", "c")
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		equal(t, "fetches", i.fetched(), 0, time.Hour, 2*time.Hour, 3*time.Hour, 4*time.Hour)
		equal(t, "log", i.log.said())
	})
}

// TestFailure: the last good keys are kept, however long; it is tried again after 5 s,
// doubled to 5 min; the log says it once, and once when it is over.
func TestFailure(t *testing.T) {
	long := bytes.Repeat([]byte(" "), 1<<20+1)
	for claim, fail := range map[string]func(*issuer){
		"no answer": (*issuer).fails,
		"nothing but a secret": func(i *issuer) {
			i.does(func(context.Context) ([]byte, error) { return []byte(`{"kty":"oct","k":"c2VjcmV0"}`), nil })
		},
		"a web page": func(i *issuer) { i.does(func(context.Context) ([]byte, error) { return []byte("<html>"), nil }) },
		"over 1 MiB": func(i *issuer) {
			i.does(func(context.Context) ([]byte, error) { return long, nil })
		},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.run(t)
				i.wants(t, false, "a")
				equal(t, "fetches", i.fetched(), 0)
				fail(i)
				time.Sleep(3 * 24 * time.Hour)
				synctest.Wait()
				i.wants(t, false, "a")
				got := i.fetched()
				var want []time.Duration
				for at, wait := time.Hour, 5*time.Second; at <= 3*24*time.Hour; wait = min(2*wait, 5*time.Minute) {
					want = append(want, at)
					at += wait
				}
				equal(t, "fetches", got, want...)
				said := i.log.said()
				if len(said) != 1 || !strings.HasPrefix(said[0], "WARN issuer: its keys cannot be had: the last good ones are kept issuer="+name+" err=") || strings.Contains(said[0], "c2Vj") {
					t.Errorf("said %q", said)
				}
				i.says("b")
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				i.wants(t, false, "b")
				equal(t, "log", i.log.said(), "INFO issuer: its keys are had again issuer="+name)
				// The next failure is said again, and begins at five seconds.
				i.fails()
				i.fetched()
				time.Sleep(time.Hour + 20*time.Second)
				synctest.Wait()
				if got := i.fetched(); len(got) < 3 || got[1]-got[0] != 5*time.Second || got[2]-got[1] != 10*time.Second {
					t.Errorf("fetches %v", got)
				}
				if said := i.log.said(); len(said) != 1 {
					t.Errorf("said %q", said)
				}
			})
		})
	}
}

// TestWithdrawn: an issuer that gives whole sets, with no key to sign with any more, is
// believed at once, and again once it has one; what is not whole says nothing.
func TestWithdrawn(t *testing.T) {
	const enc = `{"use":"enc","kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`
	const exposed = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`
	for claim, c := range map[string]struct {
		set  string
		want []string
	}{
		"no keys":                            {`{"keys":[]}`, nil},
		"a key to encrypt with":              {`{"keys":[` + enc + `]}`, nil},
		"an exposed key":                     {exposed, nil},
		"an exposed key, and to encrypt":     {`{"keys":[` + exposed + `,` + enc + `]}`, nil},
		"an exposed key, and a fault":        {`{"keys":[{"kty":"EC"},` + exposed + `]}`, nil},
		"no keys, cut short":                 {`{"keys":[`, []string{"a"}},
		"a key to encrypt with, and a fault": {`{"keys":[` + enc + `,{"kty":"EC"}]}`, []string{"a"}},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.run(t)
				i.wants(t, false, "a")
				i.does(func(context.Context) ([]byte, error) { return []byte(c.set), nil })
				time.Sleep(time.Hour)
				synctest.Wait()
				i.wants(t, false, c.want...)
				kept := map[bool]string{true: "there are none", false: "the last good ones are kept"}[c.want == nil]
				if said := i.log.said(); len(said) != 1 || !strings.HasPrefix(said[0], "WARN issuer: its keys cannot be had: "+kept+" ") {
					t.Errorf("said %q", said)
				}
				i.says("b")
				time.Sleep(5 * time.Second)
				synctest.Wait()
				i.wants(t, false, "b")
			})
		})
	}
}

// TestNeverFetched: without keys there is an error, at once while it was tried
// lately, and none are made up.
func TestNeverFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.fails()
		for _, missing := range []bool{false, true} {
			i.wants(t, missing)
		}
		equal(t, "fetches on demand, nobody running", i.fetched(), 0)
		i.run(t)
		for range 3 {
			begun := time.Now()
			i.wants(t, false)
			if time.Since(begun) != 0 {
				t.Error("waited for")
			}
			time.Sleep(time.Second)
		}
		equal(t, "log", i.log.said(), "WARN issuer: its keys cannot be had: there are none issuer="+name+" err=down")
		if _, err := i.Keys(t.Context(), "https://other.example", false); err == nil {
			t.Error("keys of an issuer that nobody knows")
		}
		i.says("a")
		time.Sleep(time.Minute)
		i.wants(t, false, "a")
	})
}

// TestOnDemand: a key that is missing is asked for at once, and then for 30 seconds
// by nobody, whoever makes names up.
func TestOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.wants(t, false, "a")
		i.says("a", "b")
		time.Sleep(30*time.Second - 1)
		i.wants(t, true, "a")
		time.Sleep(time.Nanosecond)
		i.wants(t, false, "a")
		i.wants(t, true, "a", "b")
		i.says("a", "b", "c")
		for range 100 {
			i.wants(t, true, "a", "b")
		}
		equal(t, "fetches", i.fetched(), 0, 30*time.Second)
		// What cannot be fetched is not known to be missing.
		i.fails()
		time.Sleep(30 * time.Second)
		i.wants(t, true)
		i.wants(t, true)
		i.wants(t, false, "a", "b")
		equal(t, "fetches", i.fetched(), time.Minute)
		i.says("c")
		time.Sleep(30 * time.Second)
		i.wants(t, true, "c")
	})
}

// TestOneFetchForAll who wait, each no longer than its own context.
func TestOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.does(func(ctx context.Context) ([]byte, error) {
			time.Sleep(3 * time.Second)
			return jwks("a"), ctx.Err()
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { i.wants(t, false, "a") })
		}
		for range 100 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begun := time.Now()
				if set, err := i.Keys(ctx, name, true); !errors.Is(err, context.DeadlineExceeded) || set != nil || time.Since(begun) != time.Second {
					t.Errorf("%v, %v after %v", set, err, time.Since(begun))
				}
			})
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := i.Keys(ended, name, false); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
		all.Wait()
		equal(t, "fetches", i.fetched(), 0)
	})
}

// TestTimeout: a fetch that hangs is ended after five seconds, and is a failure.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.does(func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, errors.New("no whole answer in time")
		})
		i.wants(t, false)
		if got := time.Since(i.started); got != 5*time.Second {
			t.Errorf("ended after %v", got)
		}
		if said := i.log.said(); len(said) != 1 || !strings.Contains(said[0], "in time") {
			t.Errorf("said %q", said)
		}
	})
}

// TestEnd: Run ends the fetch that is under way and waits for it, says nothing of it,
// and nothing is fetched after it; the keys that are there still are.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, without := newIssuer(t), newIssuer(t)
		hang := func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			time.Sleep(time.Millisecond)
			return nil, ctx.Err()
		}
		i.wants(t, false, "a")
		without.does(hang)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		run := func(i *issuer) {
			i.Run(ctx)
			if got := time.Since(i.started); got != 31*time.Second+time.Millisecond {
				t.Errorf("Run ended after %v", got)
			}
		}
		all.Go(func() { run(i) })
		time.Sleep(31 * time.Second)
		i.does(hang)
		all.Go(func() { run(without) })
		all.Go(func() { i.wants(t, true) })
		all.Go(func() { without.wants(t, false) })
		synctest.Wait()
		equal(t, "fetches", i.fetched(), 0, 31*time.Second)
		equal(t, "fetches", without.fetched(), 31*time.Second)
		cancel()
		all.Wait()
		i.says("b")
		without.says("b")
		time.Sleep(time.Hour)
		i.wants(t, false, "a")
		i.wants(t, true)
		without.wants(t, false)
		without.wants(t, true)
		equal(t, "fetches", append(i.fetched(), without.fetched()...))
		equal(t, "log", append(i.log.said(), without.log.said()...))
	})
}

// TestClockSetBack: what was due at an hour that the clock has already shown is
// due at once.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		var mu sync.Mutex
		var off time.Duration
		i.issuers[name].now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(off)
		}
		i.run(t)
		mu.Lock()
		off = -40 * 24 * time.Hour
		mu.Unlock()
		i.says("b")
		time.Sleep(2*time.Hour + time.Minute)
		synctest.Wait()
		i.wants(t, false, "b")
		equal(t, "fetches", i.fetched(), 0, time.Hour, 2*time.Hour)
		mu.Lock()
		off *= 2
		mu.Unlock()
		i.says("c")
		i.wants(t, true, "c")
	})
}

// TestWrongKeys of an issuer are told once, until there are others.
func TestWrongKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.run(t)
		good := string(jwks("a"))
		secret := `,{"kty":"oct","k":"c2VjcmV0"}]}`
		i.does(func(context.Context) ([]byte, error) { return []byte(strings.Replace(good, "]}", secret, 1)), nil })
		time.Sleep(5*time.Hour + time.Second)
		i.wants(t, false, "a")
		said := i.log.said()
		if len(said) != 1 || !strings.HasPrefix(said[0], "WARN issuer: a key that it gives is not used issuer="+name+" err=jwks.keys[1]: a symmetric key") || strings.Contains(said[0], "c2Vj") {
			t.Errorf("said %q", said)
		}
		i.does(func(context.Context) ([]byte, error) {
			return []byte(strings.Replace(good, "]}", secret[:len(secret)-2]+secret, 1)), nil
		})
		time.Sleep(2 * time.Hour)
		if said := i.log.said(); len(said) != 1 || !strings.Contains(said[0], "(and 1 more)") {
			t.Errorf("said %q", said)
		}
	})
}

// TestFile: read at the start, again every hour, and where a key is missing; what
// has become unreadable leaves the last good keys.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(dir, "jwks.json")
		check(t, os.WriteFile(file, jwks("a"), 0o600))
		log := new(logged)
		k, err := New(Config{Now: time.Now, Log: slog.New(log), Sources: []Source{{Issuer: name, File: file}}})
		check(t, err)
		i := &issuer{Keeper: k, log: log}
		i.run(t)
		i.wants(t, false, "a")
		check(t, os.WriteFile(file, jwks("a", "b"), 0o600))
		i.wants(t, true, "a") // it was read just now
		time.Sleep(30 * time.Second)
		i.wants(t, true, "a", "b")
		check(t, os.WriteFile(file, jwks("c"), 0o600))
		time.Sleep(time.Hour)
		synctest.Wait()
		i.wants(t, false, "c")
		equal(t, "log", log.said())
		check(t, os.Remove(file))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		i.wants(t, false, "c")
		i.wants(t, true)
		if said := log.said(); len(said) != 1 || !strings.Contains(said[0], "the last good ones are kept") || !strings.Contains(said[0], "no such file") {
			t.Errorf("said %q", said)
		}
		check(t, os.WriteFile(file, jwks("d"), 0o600))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		i.wants(t, false, "d")
		equal(t, "log", log.said(), "INFO issuer: its keys are had again issuer="+name)
	})
}
