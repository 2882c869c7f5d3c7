// Package metrics counts decisions and writes what is counted, here and elsewhere,
// in the text format of Prometheus (version 0.0.4).
//
// To count allocates nothing and takes no lock.
package metrics

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cnfd/verifier"
)

// Kind is what a family of samples is. The zero value is a gauge.
type Kind uint8

const (
	Gauge   Kind = iota // may go up and down
	Counter             // only ever goes up; its name ends in _total
)

// Family is a metric that somebody else keeps.
type Family struct {
	Name, Help string
	Kind       Kind
	// Read gives the samples of now. It is called for each page, by many at once.
	Read func() []Sample
	// Histogram, where it is not nil, is shown instead of what Read gives.
	Histogram *Histogram
}

// Sample is one value of a family.
type Sample struct {
	Labels []string // name, value, name, value …
	Value  float64
}

// One is the sample of a family without labels.
func One(value float64) []Sample { return []Sample{{Value: value}} }

// Metrics are the counts of decisions, and the families that New was given. It is
// made by New.
type Metrics struct {
	families []Family
	reasons  []verifier.Reason
	byReason [256]atomic.Uint64 // by verifier.Reason
	took     [2]*Histogram      // of those that had to ask, and of those that the cache answered
}

// New makes Metrics that begin at nothing and show those families, too.
func New(families ...Family) *Metrics {
	return &Metrics{families: families, reasons: verifier.Reasons(), took: [2]*Histogram{NewHistogram(bounds[:]...), NewHistogram(bounds[:]...)}}
}

// Decided counts one decision: its reason, how long it took, and whether the network
// had no part in it.
func (m *Metrics) Decided(r verifier.Reason, took time.Duration, cached bool) {
	m.byReason[r].Add(1)
	which := 0
	if cached {
		which = 1
	}
	m.took[which].Observe(took)
}

// bounds are the upper ends of the buckets, in seconds: hits take microseconds,
// and a question ends after some seven seconds.
var bounds = [...]float64{
	.000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
}

// Histogram counts how long things took. It is made by NewHistogram.
type Histogram struct {
	bounds  []float64
	buckets []atomic.Uint64 // each its own alone
	nanos   atomic.Int64
}

// NewHistogram makes one whose buckets end at these bounds, in seconds, which ascend; one more is without an end.
func NewHistogram(bounds ...float64) *Histogram {
	return &Histogram{bounds: bounds, buckets: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts one.
func (h *Histogram) Observe(took time.Duration) {
	took = max(took, 0) // a clock may have been set back
	at, seconds := 0, took.Seconds()
	for at < len(h.bounds) && seconds > h.bounds[at] {
		at++
	}
	h.buckets[at].Add(1)
	h.nanos.Add(int64(took))
}

// ServeHTTP writes the page.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(m.Append(nil))
}

// Append appends the page to dst.
func (m *Metrics) Append(dst []byte) []byte {
	dst = head(dst, "cnfd_decisions_total", "Decisions, by outcome and reason (docs/reasons.md).", "counter")
	for _, r := range m.reasons {
		labels := []string{"outcome", r.Outcome().String(), "reason", r.String()}
		dst = sample(dst, "cnfd_decisions_total", labels, float64(m.byReason[r].Load()))
	}
	const took = "cnfd_decision_duration_seconds"
	dst = head(dst, took, "From the reading of a question to its verdict; cached: the network had no part in it.", "histogram")
	for cached, word := range [...]string{"false", "true"} {
		dst = m.took[cached].append(dst, took, "cached", word)
	}
	for i := range m.families {
		f := &m.families[i]
		if f.Histogram != nil {
			dst = f.Histogram.append(head(dst, f.Name, f.Help, "histogram"), f.Name)
			continue
		}
		kind := "gauge"
		if f.Kind == Counter {
			kind = "counter"
		}
		dst = head(dst, f.Name, f.Help, kind)
		for _, s := range merged(f.Read()) {
			dst = sample(dst, f.Name, s.Labels, s.Value)
		}
	}
	return dst
}

// merged adds up samples with the same labels: a page that has one twice is read by
// nobody.
func merged(all []Sample) []Sample {
	at := make(map[string]int, len(all))
	out := all[:0:0]
	for _, s := range all {
		key := strings.Join(s.Labels, "\x00")
		if i, there := at[key]; there {
			out[i].Value += s.Value
			continue
		}
		at[key] = len(out)
		out = append(out, s)
	}
	return out
}

// append writes a histogram. Its count is that of its buckets as they were read, so
// that the page is one with itself however much is counted meanwhile.
func (h *Histogram) append(dst []byte, name string, labels ...string) []byte {
	var sum uint64
	for i := range h.buckets {
		sum += h.buckets[i].Load()
		end := math.Inf(1)
		if i < len(h.bounds) {
			end = h.bounds[i]
		}
		dst = sample(dst, name+"_bucket", append(labels[:len(labels):len(labels)], "le", number(end)), float64(sum))
	}
	dst = sample(dst, name+"_sum", labels, time.Duration(h.nanos.Load()).Seconds())
	return sample(dst, name+"_count", labels, float64(sum))
}

func head(dst []byte, name, help, kind string) []byte {
	dst = append(dst, "# HELP "+name+" "...)
	dst = append(dst, strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(help)...)
	return append(dst, "\n# TYPE "+name+" "+kind+"\n"...)
}

func sample(dst []byte, name string, labels []string, value float64) []byte {
	dst = append(dst, name...)
	for i := 0; i+1 < len(labels); i += 2 {
		between := byte(',')
		if i == 0 {
			between = '{'
		}
		dst = append(append(append(dst, between), labels[i]...), `="`...)
		dst = append(dst, escapes.Replace(labels[i+1])...)
		dst = append(dst, '"')
	}
	if len(labels) > 0 {
		dst = append(dst, '}')
	}
	return append(append(append(dst, ' '), number(value)...), '\n')
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
