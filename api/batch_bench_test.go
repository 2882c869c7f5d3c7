package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkVerifyBatch is what an item of a batch costs beside what net/http does
// with its octets: 1,000 claim sets in, their verdicts from the cache out.
func BenchmarkVerifyBatch(b *testing.B) {
	const items = 1000
	h := newReal(b, nil)
	body := bytes.Repeat([]byte(`{"claims":{"iss":"https://iss.example","sub":"https://vendor.example","cnf":{"jwk":`+publicJWK+"}}}\n"), items)
	r := httptest.NewRequest("POST", "/v1/verify/batch", nil)
	r.Header.Set("Content-Type", "application/x-ndjson")
	reader := bytes.NewReader(body)
	r.Body = io.NopCloser(reader)
	w := &nowhere{head: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.head)
		w.octets = 0
		h.ServeHTTP(w, r)
	}
	if w.octets < 400*items {
		b.Fatalf("%d octets are not %d verdicts", w.octets, items)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/items, "ns/item")
}
