package authz

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

// discard is a ResponseWriter that costs nothing.
type discard struct {
	head   http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.head }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// BenchmarkAsk asks about a request that passes: two signatures by P-256 are verified, the token's and the proof's.
func BenchmarkAsk(b *testing.B) {
	for _, g := range []Gateway{Nginx, Envoy} {
		b.Run(g.String(), func(b *testing.B) {
			s := newScene(b, g)
			s.verifying.Proofs = everyOne{}
			benchmark(b, s, http.StatusOK)
		})
	}
	b.Run("by certificate", func(b *testing.B) {
		s := newScene(b, Nginx)
		s.byCertificate()
		benchmark(b, s, http.StatusOK)
	})
	b.Run("refused by its headers", func(b *testing.B) {
		s := newScene(b, Nginx)
		s.head["Authorization"] = nil
		benchmark(b, s, http.StatusUnauthorized)
	})
	b.Run("all but the verifier", func(b *testing.B) {
		s := newScene(b, Nginx)
		s.config.Verifier = verdicts{}
		benchmark(b, s, http.StatusForbidden)
	})
}

func benchmark(b *testing.B, s *scene, want int) {
	h, r := s.handler(), s.request()
	w := &discard{head: http.Header{}}
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		clear(w.head)
		h.ServeHTTP(w, r)
		if w.status != want {
			b.Fatal(w.status)
		}
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op") // on a machine that is busy, too
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
