package metrics_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/metrics"
	"cnfd/verifier"
)

func page(m *metrics.Metrics) string { return string(m.Append(nil)) }

func TestEachReasonHasItsCount(t *testing.T) {
	m := metrics.New()
	for i, r := range verifier.Reasons() {
		for range i + 1 {
			m.Decided(r, time.Millisecond, false)
		}
	}
	for i, r := range verifier.Reasons() {
		want := fmt.Sprintf("cnfd_decisions_total{outcome=%q,reason=%q} %d\n", r.Outcome(), r, i+1)
		if !strings.Contains(page(m), want) {
			t.Errorf("%s is not there", want)
		}
	}
}

// TestBucketsHoldWhatIsNotLonger: a bucket counts all up to its end, the end itself too.
func TestBucketsHoldWhatIsNotLonger(t *testing.T) {
	m := metrics.New()
	for _, took := range []time.Duration{-time.Second, 25 * time.Microsecond, 26 * time.Microsecond, time.Millisecond, time.Hour} {
		m.Decided(verifier.RecordMatches, took, true)
	}
	m.Decided(verifier.RecordMatches, 2*time.Millisecond, false)
	for _, want := range []string{
		`_bucket{cached="true",le="2.5e-05"} 2`, `_bucket{cached="true",le="5e-05"} 3`,
		`_bucket{cached="true",le="0.001"} 4`, `_bucket{cached="true",le="10"} 4`, `_bucket{cached="true",le="+Inf"} 5`,
		`_count{cached="true"} 5`, `_sum{cached="true"} 3600.001051`,
		`_bucket{cached="false",le="0.001"} 0`, `_bucket{cached="false",le="0.0025"} 1`, `_count{cached="false"} 1`,
	} {
		if !strings.Contains(page(m), "cnfd_decision_duration_seconds"+want+"\n") {
			t.Errorf("%s is not there:\n%s", want, page(m))
		}
	}
}

func TestTheSameLabelsAreOneSample(t *testing.T) {
	m := metrics.New(metrics.Family{Name: "cnfd_x_total", Help: "X.", Kind: metrics.Counter, Read: func() []metrics.Sample {
		return []metrics.Sample{{Labels: []string{"a", "1"}, Value: 2}, {Labels: []string{"a", "2"}, Value: 3}, {Labels: []string{"a", "1"}, Value: 5}}
	}})
	if got := page(m); !strings.HasSuffix(got, "counter\ncnfd_x_total{a=\"1\"} 7\ncnfd_x_total{a=\"2\"} 3\n") {
		t.Error(got)
	}
}

// TestAHistogramOfOthers is shown as those of decisions are, with its own bounds and without labels.
func TestAHistogramOfOthers(t *testing.T) {
	h := metrics.NewHistogram(.5, 30)
	m := metrics.New(metrics.Family{Name: "cnfd_took_seconds", Help: "Took.", Histogram: h})
	for _, took := range []time.Duration{500 * time.Millisecond, 501 * time.Millisecond, 30 * time.Second, time.Minute} {
		h.Observe(took)
	}
	const want = `# HELP cnfd_took_seconds Took.
# TYPE cnfd_took_seconds histogram
cnfd_took_seconds_bucket{le="0.5"} 1
cnfd_took_seconds_bucket{le="30"} 3
cnfd_took_seconds_bucket{le="+Inf"} 4
cnfd_took_seconds_sum 91.001
cnfd_took_seconds_count 4
`
	if got := page(m); !strings.HasSuffix(got, "\n"+want) {
		t.Error(got)
	}
}

func TestFamilies(t *testing.T) {
	m := metrics.New(
		metrics.Family{Name: "cnfd_things", Help: "Things,\nand \\ more.", Read: func() []metrics.Sample { return metrics.One(1.5) }},
		metrics.Family{Name: "cnfd_events_total", Help: "Events.", Kind: metrics.Counter, Read: func() []metrics.Sample {
			return []metrics.Sample{{Labels: []string{"kind", "a\"b\\c\nd", "of", "x"}, Value: 7}}
		}},
	)
	const want = `# HELP cnfd_things Things,\nand \\ more.
# TYPE cnfd_things gauge
cnfd_things 1.5
# HELP cnfd_events_total Events.
# TYPE cnfd_events_total counter
cnfd_events_total{kind="a\"b\\c\nd",of="x"} 7
`
	if got := page(m); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, nil)
	if w.Body.String() != page(m) || w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Error(w.Header(), w.Body)
	}
}

// TestThePageIsOneWithItself: while others count, no page says less in total than in part.
func TestThePageIsOneWithItself(t *testing.T) {
	m := metrics.New()
	stop := make(chan struct{})
	var counting sync.WaitGroup
	for range 2 {
		counting.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					m.Decided(verifier.RecordMatches, time.Microsecond, true)
				}
			}
		})
	}
	for range 200 {
		var last, count uint64
		for line := range strings.Lines(page(m)) {
			fmt.Sscanf(line, `cnfd_decision_duration_seconds_bucket{cached="true",le="+Inf"} %d`, &last)
			fmt.Sscanf(line, `cnfd_decision_duration_seconds_count{cached="true"} %d`, &count)
		}
		if last != count {
			t.Fatalf("%d in all buckets, a count of %d", last, count)
		}
	}
	close(stop)
	counting.Wait()
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := metrics.New()
	if n := testing.AllocsPerRun(100, func() { m.Decided(verifier.RecordMatches, time.Millisecond, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPromtoolFindsNothing has Prometheus' own tool judge names, help and types. It
// first finds something on a page that is wrong.
func TestPromtoolFindsNothing(t *testing.T) {
	testneeds.Binary(t, "promtool", "prometheus")
	check := func(text string) (string, error) {
		c := exec.Command("promtool", "check", "metrics")
		c.Stdin = strings.NewReader(text)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	m := metrics.New()
	m.Decided(verifier.RecordMatches, time.Millisecond, true)
	good := page(m)
	if out, err := check(strings.ReplaceAll(good, "cnfd_decisions_total", "cnfd_decisions")); err == nil {
		t.Fatalf("a counter without _total is found to be good: %s", out)
	}
	if out, err := check(good); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("%v: %s", err, out)
	}
}

func BenchmarkDecided(b *testing.B) {
	m := metrics.New()
	b.ReportAllocs()
	for b.Loop() {
		m.Decided(verifier.RecordMatches, 4*time.Microsecond, true)
	}
}

func ExampleMetrics() {
	m := metrics.New()
	m.Decided(verifier.RecordAbsent, 3*time.Millisecond, false)
	for line := range bytes.Lines(m.Append(nil)) {
		if bytes.Contains(line, []byte("record_absent")) {
			fmt.Print(string(line))
		}
	}
	// Output:
	// cnfd_decisions_total{outcome="refuted",reason="record_absent"} 1
}
