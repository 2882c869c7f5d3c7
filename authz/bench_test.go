package authz

import (
	"net/http"
	"testing"
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
	for b.Loop() {
		clear(w.head)
		h.ServeHTTP(w, r)
		if w.status != want {
			b.Fatal(w.status)
		}
	}
}
