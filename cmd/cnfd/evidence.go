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
	Chain(a *dnssec.Answer) []dnssec.Link
}

// fact is one answer of the DNS as evidence: its records, signatures and denials as
// they were received, in zone-file form, and the chain of trust to its zone.
type fact struct {
	Name      string        `json:"name"`
	Type      string        `json:"type"`
	Security  string        `json:"security"`
	Zone      string        `json:"zone,omitempty"`
	Fetched   string        `json:"fetched"` // RFC 3339
	Until     string        `json:"until"`
	Answer    []string      `json:"answer"`
	Authority []string      `json:"authority"`
	Trouble   string        `json:"trouble,omitempty"`
	Chain     []dnssec.Link `json:"chain"`
}

func factOf(a *dnssec.Answer, chain []dnssec.Link) fact {
	r := api.ResolutionOf(a, chain, a.Fetched)
	return fact{
		Name: r.Name, Type: r.Type, Security: r.Security, Zone: r.Zone,
		Fetched: a.Fetched.UTC().Format(time.RFC3339), Until: a.Until.UTC().Format(time.RFC3339),
		Answer: zoneLines(a.AnswerSection), Authority: zoneLines(a.AuthoritySection),
		Trouble: a.Trouble.Text, Chain: r.Chain,
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
			facts = append(facts, factOf(a, d.chain.Chain(a)))
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
