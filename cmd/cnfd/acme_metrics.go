package main

import (
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/metrics"
)

// acmeCounts counts what the ACME server does, for GET /metrics. It is made by newACMECounts.
type acmeCounts struct {
	mu   sync.Mutex // guards all
	all  [acme.FigureCount]map[string]uint64
	took *metrics.Histogram
}

// acmeFigures are the figures as they are shown, each with the names of its labels.
var acmeFigures = [acme.FigureCount]struct {
	name, help string
	labels     []string
}{
	acme.Orders:      {"cnfd_acme_orders_total", "Orders, by what they came to: begun or refused, and then issued or failed.", []string{"outcome"}},
	acme.Issuances:   {"cnfd_acme_certificates_total", "Certificates issued to clients.", []string{"profile"}},
	acme.Refusals:    {"cnfd_acme_refusals_total", "What stood against identifiers, by when it was found and its reason (docs/reasons.md) or kind; each time that nothing is proven counts.", []string{"at", "reason"}},
	acme.Validations: {"cnfd_acme_challenges_total", "Challenges that were looked at; unproven: it is looked at again.", []string{"type", "outcome"}},
	acme.Problems:    {"cnfd_acme_problems_total", "Problem documents sent, by type: badNonce, rateLimited and so on.", []string{"type"}},
	acme.Revocations: {"cnfd_acme_revocations_total", "Certificates revoked by requests of clients, by the reason's number.", []string{"reason"}},
}

// finalizeBounds end where an order is given up.
var finalizeBounds = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 90}

// newACMECounts begins at nothing: what an operator watches is there before it first happens.
func newACMECounts(c *config.Config) *acmeCounts {
	n := &acmeCounts{took: metrics.NewHistogram(finalizeBounds...)}
	for f := range n.all {
		n.all[f] = map[string]uint64{}
	}
	begin := func(f acme.Figure, words ...string) { n.all[f][strings.Join(words, "\x00")] = 0 }
	for _, outcome := range []string{acme.OrderBegun, acme.OrderRefused, acme.OrderIssued, acme.OrderFailed} {
		begin(acme.Orders, outcome)
	}
	for _, p := range profilesOf(&c.ACME) {
		begin(acme.Issuances, p.Name)
	}
	for _, method := range []string{acme.MethodCNF, acme.MethodDNS, acme.MethodHTTP, acme.MethodTLSALPN} {
		for _, outcome := range []string{string(acme.Valid), string(acme.Invalid), acme.ChallengeUnproven} {
			begin(acme.Validations, method, outcome)
		}
	}
	for _, kind := range []acme.Kind{acme.BadNonce, acme.RateLimited, acme.ServerInternal} {
		begin(acme.Problems, string(kind))
	}
	return n
}

// Count counts one thing.
func (n *acmeCounts) Count(f acme.Figure, words ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all[f][strings.Join(words, "\x00")]++
}

// Finalized counts how long an order took.
func (n *acmeCounts) Finalized(took time.Duration) { n.took.Observe(took) }

// samples are those of a figure, in the order of their words.
func (n *acmeCounts) samples(f acme.Figure) (all []metrics.Sample) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(n.all[f])) {
		var labels []string
		for i, word := range strings.Split(key, "\x00") {
			labels = append(labels, acmeFigures[f].labels[i], word)
		}
		all = append(all, metrics.Sample{Labels: labels, Value: float64(n.all[f][key])})
	}
	return all
}

// acmeFamilies are what there is to see of the ACME server; nothing where it is off. Nothing in them names an account, an
// address or a domain.
func (d *daemon) acmeFamilies(c *config.Config) (all []metrics.Family) {
	if c.ACME.Listen == "" {
		return nil
	}
	d.figures = newACMECounts(c)
	for f := range acmeFigures {
		shown := &acmeFigures[f]
		all = append(all, metrics.Family{Name: shown.name, Help: shown.help, Kind: metrics.Counter, Read: func() []metrics.Sample { return d.figures.samples(acme.Figure(f)) }})
	}
	open := func(read func(*acmeService) []metrics.Sample) func() []metrics.Sample {
		return func() []metrics.Sample {
			if !d.acme.isOpen() {
				return nil
			}
			return read(d.acme)
		}
	}
	return append(all,
		metrics.Family{Name: "cnfd_acme_finalize_duration_seconds", Help: "From the time that an order's certificate is begun until it is there, or it is known that there is none.", Histogram: d.figures.took},
		metrics.Family{Name: "cnfd_acme_open", Help: "1 where the ACME server issues, 0 while it cannot yet (the log says why).", Read: func() []metrics.Sample {
			if d.acme.isOpen() {
				return metrics.One(1)
			}
			return metrics.One(0)
		}},
		metrics.Family{Name: "cnfd_acme_turns_waiting", Help: "Identifiers that wait for a turn: to be looked up for a new order, for what has begun, and to be validated.", Read: open((*acmeService).waiting)},
		metrics.Family{Name: "cnfd_acme_certificate_not_after_seconds", Help: "When the root, the intermediate in use and the certificate that ACME clients are shown end, in seconds since 1970.", Read: open((*acmeService).ends)},
		metrics.Family{Name: "cnfd_acme_crl_next_update_seconds", Help: "When the first revocation list of the intermediates, and that of the root, ends, in seconds since 1970; 0 where there should be one and is none.", Read: open((*acmeService).listEnds)},
	)
}

func (a *acmeService) waiting() []metrics.Sample {
	beginning, begun, validating := a.server.Waiting()
	return []metrics.Sample{
		{Labels: []string{"for", "order"}, Value: float64(beginning)},
		{Labels: []string{"for", "begun"}, Value: float64(begun)},
		{Labels: []string{"for", "validation"}, Value: float64(validating)},
	}
}

func (a *acmeService) ends() (all []metrics.Sample) {
	end := func(which string, c *x509.Certificate) {
		all = append(all, metrics.Sample{Labels: []string{"certificate", which}, Value: float64(c.NotAfter.Unix())})
	}
	if c, err := x509.ParseCertificate(a.ca.RootDER()); err == nil {
		end("root", c)
	}
	der, _ := a.ca.IssuerDER(a.ca.Issuers()[0])
	if c, err := x509.ParseCertificate(der); err == nil {
		end("intermediate", c)
	}
	if pair := a.pair.Load(); pair != nil && pair.Leaf != nil {
		end("own", pair.Leaf)
	}
	return all
}

func (a *acmeService) listEnds() (all []metrics.Sample) {
	end := func(of string, at time.Time) {
		value := 0.0
		if !at.IsZero() {
			value = float64(at.Unix())
		}
		all = append(all, metrics.Sample{Labels: []string{"of", of}, Value: value})
	}
	if at, ok := a.server.NextUpdate(); ok {
		end("intermediates", at)
	}
	var root time.Time
	if list, err := a.ca.RootList(); err == nil && list != nil {
		root = list.NextUpdate
	}
	end("root", root)
	return all
}
