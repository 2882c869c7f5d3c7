package provider

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

// still is a world in which the zone is signed and nothing is to be waited for.
type still struct{}

func (still) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	name := q.Name.String()
	return &dnssec.Each{
		Hops:   []dnssec.Hop{{Name: name, Zone: vendorZone}},
		Answer: &dnssec.Answer{Name: name, Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoData, Zone: vendorZone},
	}, ctx.Err()
}

func (still) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	return &dnssec.Answer{Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoData, Zone: vendorZone}, false, ctx.Err()
}

// publisher publishes over the stage; what it tells is noted in told.
func (s *stage) publisher(t *testing.T, told *[]string) *publish.Publisher {
	t.Helper()
	p, err := publish.New(publish.Config{
		Target: s.target, World: still{}, Now: noon, TTL: time.Hour, Timeout: -1, Every: time.Millisecond,
		Progress: func(e publish.Event) { *told = append(*told, e.Step.String()+" "+e.Text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// written takes from an error that nothing was waited for, which is as it should be here.
func written(err error) error {
	var e *publish.Error
	if errors.As(err, &e) && e.Kind == publish.NotProven {
		return nil
	}
	return err
}

// there is another name of the same key.
const there = "jkt.cnf.vendor.example."

func entries(t *testing.T) []publish.Entry {
	return []publish.Entry{
		{Name: here, Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: tlsa(t, ours)},
		{Name: there, Domain: "vendor.example", Method: "jkt", Form: "dotted", Record: tlsa(t, ours)},
	}
}

func TestAPublisherOverEveryProvider(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s, told := play(t, word, owner), []string(nil)
		s.set(here, 7200, theirs...)
		before, p := s.lines(), s.publisher(t, &told)
		for range 2 { // the second time all is there already
			if report, err := p.Publish(t.Context(), entries(t)); written(err) != nil || len(report.Sets) != 2 {
				t.Fatal(report, err)
			}
			if come := less(s.lines(), before); len(less(before, s.lines())) != 0 || len(come) != 2 || !holds(come[0], tlsa(t, ours)) || !holds(come[1], tlsa(t, ours)) {
				t.Fatalf("come: %q", come)
			}
		}
		if _, err := p.Withdraw(t.Context(), entries(t)); written(err) != nil {
			t.Fatal(err)
		}
		unchanged(t, before, s.lines())
	})
}

func TestAPublisherAndAProviderThatBreaksDown(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fault
		done  bool
	}{
		{"before", failBefore, false},
		{"silently before", dropBefore, false},
		{"after", failAfter, true},
		{"silently after", dropAfter, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everyProvider(t, func(t *testing.T, word string) {
				s, told := play(t, word, owner), []string(nil)
				s.set(here, 7200, theirs...)
				before, p := s.lines(), s.publisher(t, &told)
				writes := 0
				second := func(r *http.Request) bool {
					if s.writes(r) {
						writes++
					}
					return writes == 2
				}
				s.next(second, tt.fault)
				report, err := p.Publish(t.Context(), entries(t))
				err = written(err)
				switch {
				case s.pending():
					t.Fatalf("%d writes were seen: %q", writes, s.calls)
				case err == nil:
					// The second call that writes was a part of a write that went on, or had been done.
					if !report.Written() || len(less(s.lines(), before)) != 2 || len(less(before, s.lines())) != 0 {
						t.Errorf("lines gone %q, come %q", less(before, s.lines()), less(s.lines(), before))
					}
				case tt.done:
					t.Errorf("it was done, and found to be: %v", err)
				default:
					var e *publish.Error
					if !errors.As(err, &e) || report.Written() {
						t.Errorf("%v, %+v", err, report)
					}
					unchanged(t, before, s.lines()) // the first was taken back
				}
			})
		})
	}
}

func TestAPublisherAndAProviderThatMangles(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s, told := play(t, word, owner), []string(nil)
		p := s.publisher(t, &told)
		if _, err := p.Publish(t.Context(), entries(t)[:1]); written(err) != nil {
			t.Fatal("without it:", err)
		}
		s.mangle()
		_, err := p.Publish(t.Context(), entries(t)[1:])
		var e *publish.Error
		if !errors.As(err, &e) || e.Kind != publish.Mangled {
			t.Errorf("%v; told %q", err, told)
		}
	})
}

// Where a provider takes a precondition nobody's work is lost, and where it does not
// that is said before.
func TestAPublisherAndSomebodyElse(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s, told := play(t, word, owner), []string(nil)
		s.set(here, 7200, theirs...)
		p := s.publisher(t, &told)
		s.next(s.writes, meanwhile(func() { s.set(here, 7200, append(slices.Clone(theirs), later)...) }))
		_, err := p.Publish(t.Context(), entries(t)[:1])
		warned := slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, "takes no precondition") })
		if warned != s.target.Limits.Unguarded {
			t.Errorf("told %q", told)
		}
		if s.target.Limits.Unguarded {
			return
		}
		if got := s.read(t, here); written(err) != nil || !got.Has(tlsa(t, later)) || !got.Has(tlsa(t, ours)) || len(got.Records) != len(theirs)+2 {
			t.Errorf("%v; read %+v", err, got)
		}
	})
}
