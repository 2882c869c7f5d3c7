package hook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

// world is a signed zone without name servers that could be asked.
type world struct{}

func (world) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	name := q.Name.String()
	a := &dnssec.Answer{Name: name, Type: dnssec.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.NoData, Zone: "vendor.example."}
	return &dnssec.Each{Answer: a, Hops: []dnssec.Hop{{Name: name, Zone: a.Zone}}}, ctx.Err()
}

func (world) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	return &dnssec.Answer{Name: q.Name.String(), Security: dnssec.Secure, Kind: dnssec.NoData, Zone: "vendor.example."}, false, ctx.Err()
}

// TestPublish: whatever the program says of its work, what it holds is read back.
func TestPublish(t *testing.T) {
	cases := []struct {
		how     string
		there   bool // ours, afterwards
		written bool // as the report has it
		kind    publish.Kind
		says    string
	}{
		{"well", true, true, publish.NotProven, "not waited for"},
		{"after", true, true, publish.NotProven, "not waited for"}, // it said that it failed, and had done it
		{"before", false, false, publish.Failed, "no more disk"},
		{"lies", false, true, publish.Mangled, "it lacks " + ours},
	}
	for _, tc := range cases {
		t.Run(tc.how, func(t *testing.T) {
			target, dir := place(t, "HOW="+tc.how)
			p, err := publish.New(publish.Config{Target: target, World: world{}, Now: time.Now, Timeout: -1})
			if err != nil {
				t.Fatal(err)
			}
			others := contents(t, dir, "1.8.vendor.example.")
			report, err := p.Publish(t.Context(), []publish.Entry{{Name: owner, Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: record(t, ours)}})
			var e *publish.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || !strings.Contains(err.Error(), tc.says) || report.Written() != tc.written {
				t.Errorf("error %v, written %t, want one of kind %s that says %q, written %t", err, report.Written(), tc.kind, tc.says, tc.written)
			}
			held := contents(t, dir, owner)
			if strings.Contains(held, ours) != tc.there || !strings.Contains(held, theirs) || contents(t, dir, "1.8.vendor.example.") != others {
				t.Errorf("it holds %s", held)
			}
		})
	}
}
