package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"cnfd/api"
	"cnfd/authz"
	"cnfd/dnssec"
)

// rests are the answers that one question's verdict rests on.
type rests struct {
	mu  sync.Mutex
	all []rest // guarded by mu
}

// rest is one answer of the DNS, and what each name server said where each was asked.
type rest struct {
	answer *dnssec.Answer
	hops   []dnssec.Hop
}

type restsKey struct{}

// keep notes an answer where the evidence of ctx's question is wanted.
func keep(ctx context.Context, a *dnssec.Answer, hops []dnssec.Hop) {
	if r, ok := ctx.Value(restsKey{}).(*rests); ok && a != nil {
		r.mu.Lock()
		r.all = append(r.all, rest{a, hops})
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
	Servers   []saying `json:"servers,omitempty"` // of a precheck, as is what follows

	Delegations []delegation `json:"delegations,omitempty"`
}

// delegation is how one server of the zone above delegates a zone: the DS records are
// those that it proves, and where they differ from server to server so does the verdict.
type delegation struct {
	Zone    string   `json:"zone"`
	Above   string   `json:"above"`
	Server  string   `json:"server"`
	Address string   `json:"address,omitempty"`
	NS      []string `json:"ns"` // none: it holds the zone itself
	DS      []string `json:"ds"`
	Trouble string   `json:"trouble,omitempty"`
}

// delegations are those by all servers that were heard, alias by alias.
func delegations(hops []dnssec.Hop) (all []delegation) {
	for _, h := range hops {
		for i := range h.Parents {
			p := &h.Parents[i]
			one := delegation{Zone: h.Zone, Above: h.Above, Server: p.Name, NS: []string{}, DS: []string{}, Trouble: p.Trouble.Text}
			one.NS, one.DS = append(one.NS, p.NS...), append(one.DS, p.DS...)
			if p.Address.IsValid() {
				one.Address = p.Address.String()
			}
			all = append(all, one)
		}
	}
	return all
}

// saying is what one name server said at one address, as it was received: without
// records where it said nothing of use, and Trouble then says why.
type saying struct {
	Asked     string   `json:"asked"` // the name
	Server    string   `json:"server"`
	Address   string   `json:"address,omitempty"`
	Serial    *uint32  `json:"serial,omitempty"` // of its copy of the zone, where servers differ
	Security  string   `json:"security,omitempty"`
	Answer    []string `json:"answer"`
	Authority []string `json:"authority"`
	Trouble   string   `json:"trouble,omitempty"`
	Skipped   bool     `json:"skipped,omitempty"` // it counts for nobody
}

// sayings are those of all servers that were asked, alias by alias.
func sayings(hops []dnssec.Hop) (all []saying) {
	for _, h := range hops {
		for i := range h.Servers {
			s := &h.Servers[i]
			one := saying{Asked: h.Name, Server: s.Name, Answer: []string{}, Authority: []string{}, Trouble: s.Trouble.Text, Skipped: s.Skipped}
			if s.Address.IsValid() {
				one.Address = s.Address.String()
			}
			if s.HasSerial {
				one.Serial = &s.Serial
			}
			if a := s.Answer; a != nil {
				one.Security, one.Answer, one.Authority = a.Security.String(), zoneLines(a.AnswerSection), zoneLines(a.AuthoritySection)
			}
			all = append(all, one)
		}
	}
	return all
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
		for _, one := range r.all {
			links, proofs := d.chain.Chain(one.answer)
			f := factOf(one.answer, links, proofs)
			f.Servers, f.Delegations = sayings(one.hops), delegations(one.hops)
			facts = append(facts, f)
		}
		r.mu.Unlock()
	}
	d.json.LogAttrs(context.Background(), slog.LevelInfo, "evidence",
		slog.String("id", idOf(ctx, one)),
		slog.String("outcome", one.Verdict.Outcome().String()),
		slog.String("reason", one.Verdict.Reason.String()),
		slog.Any("facts", facts),
	)
}

// idOf is the id by which the answer to a decision's question is known: that to a
// gateway has one before there is a decision.
func idOf(ctx context.Context, one *api.Decision) string {
	if id := authz.IDOf(ctx); id != "" {
		return id
	}
	return string(one.ID)
}
