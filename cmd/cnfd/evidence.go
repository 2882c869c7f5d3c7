package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"cnfd/api"
	"cnfd/dnssec"
)

// rests are the answers that one question's verdict rests on.
type rests struct {
	mu      sync.Mutex
	answers []*dnssec.Answer
}

type restsKey struct{}

// keep notes an answer where the evidence of ctx's question is wanted.
func keep(ctx context.Context, a *dnssec.Answer) {
	if r, ok := ctx.Value(restsKey{}).(*rests); ok && a != nil {
		r.mu.Lock()
		r.answers = append(r.answers, a)
		r.mu.Unlock()
	}
}

// chainOf says what zones an answer rests on.
type chainOf interface {
	Chain(a *dnssec.Answer) ([]dnssec.Link, []dnssec.Records)
}

// fact is one answer of the DNS as evidence: its records, signatures and denials as
// they were received, in zone-file form, and the chain of trust to its zone.
type fact struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Security  string   `json:"security"`
	Zone      string   `json:"zone,omitempty"`
	Fetched   string   `json:"fetched"` // RFC 3339
	Until     string   `json:"until"`
	Answer    []string `json:"answer"`
	Authority []string `json:"authority"`
	Trouble   string   `json:"trouble,omitempty"`
	Chain     []step   `json:"chain"`
}

// step is one zone of the chain of trust, with its DS and DNSKEY records and their
// signatures where they are kept.
type step struct {
	dnssec.Link
	Records []string `json:"records,omitempty"`
}

func factOf(a *dnssec.Answer, links []dnssec.Link, proofs []dnssec.Records) fact {
	r := api.ResolutionOf(a, nil, a.Fetched)
	chain := []step{}
	for i, l := range links {
		chain = append(chain, step{l, zoneLines(proofs[i])})
	}
	return fact{
		Name: r.Name, Type: r.Type, Security: r.Security, Zone: r.Zone,
		Fetched: a.Fetched.UTC().Format(time.RFC3339), Until: a.Until.UTC().Format(time.RFC3339),
		Answer: zoneLines(a.AnswerSection), Authority: zoneLines(a.AuthoritySection),
		Trouble: a.Trouble.Text, Chain: chain,
	}
}

func zoneLines(records dnssec.Records) []string {
	lines := []string{}
	for _, rr := range records.RRs() {
		lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
	}
	return lines
}

// evidence writes what a decision rests on. The line names the domain, in the names of
// the records: who asks for it wants to see it.
func (d *decisions) evidence(ctx context.Context, one *api.Decision) {
	facts := []fact{}
	if r, ok := ctx.Value(restsKey{}).(*rests); ok {
		r.mu.Lock()
		for _, a := range r.answers {
			links, proofs := d.chain.Chain(a)
			facts = append(facts, factOf(a, links, proofs))
		}
		r.mu.Unlock()
	}
	d.json.LogAttrs(context.Background(), slog.LevelInfo, "evidence",
		slog.String("id", string(one.ID)),
		slog.String("outcome", one.Verdict.Outcome().String()),
		slog.String("reason", one.Verdict.Reason.String()),
		slog.Any("facts", facts),
	)
}
