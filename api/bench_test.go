package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct {
	head   http.Header
	octets int
}

func (w *nowhere) Header() http.Header         { return w.head }
func (w *nowhere) Write(b []byte) (int, error) { w.octets += len(b); return len(b), nil }
func (w *nowhere) WriteHeader(int)             {}

// BenchmarkVerify is what /v1/verify adds to net/http: a claim set in, a verdict
// from the cache out.
func BenchmarkVerify(b *testing.B) {
	h := newReal(b, nil)
	body := []byte(`{"claims":{"iss":"https://iss.example","sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}}`)
	r := httptest.NewRequest("POST", "/v1/verify", nil)
	r.Header.Set("Content-Type", "application/json")
	reader := bytes.NewReader(body)
	r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
	w := &nowhere{head: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.head)
		w.octets = 0
		h.ServeHTTP(w, r)
	}
	if w.octets < 400 {
		b.Fatalf("%d octets are no verdict", w.octets)
	}
}
