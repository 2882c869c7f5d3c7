package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"cnfd/api"
	"cnfd/authz"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/metrics"
)

// authzOf makes what answers gateways by asking v, which reads credentials as the
// engine does.
func authzOf(c *config.Config, v authz.Verifier, e *engine, log *slog.Logger) (_ *authz.Handler, err error) {
	a := &c.Authz
	ac := authz.Config{
		Verifier: v, NewID: api.NewIDs(time.Now), Credential: e.credential, Log: log, Counts: e.gateways,
		Peers: a.Peers, Issuers: len(c.Issuers) > 0,
		Audience: a.Audience, NonceHeader: http.CanonicalHeaderKey(a.NonceHeader), DPoPNonce: a.DPoPNonce, Nonces: e.nonces,
		Unproven: int(a.Unproven), Observe: a.Observe, Deadline: a.Deadline,
	}
	if ac.Gateway, err = authz.ParseGateway(a.Gateway); err != nil {
		return nil, fmt.Errorf("authz.gateway: %w", err)
	}
	if ac.Possession, err = checksOf(a.Possession); err != nil {
		return nil, fmt.Errorf("authz.possession: %w", err)
	}
	for i, s := range a.Subjects {
		domain := authz.Any
		if s != config.AnySubject {
			if domain, err = config.SubjectDomain(s); err != nil {
				return nil, fmt.Errorf("authz.subjects[%d]: %w", i, err)
			}
		}
		ac.Subjects = append(ac.Subjects, domain)
	}
	return authz.New(ac)
}

// gatewayFamily is what gateways were answered, for GET /metrics.
func gatewayFamily(counts *authz.Counts) metrics.Family {
	return metrics.Family{
		Name: "cnfd_authz_total", Kind: metrics.Counter,
		Help: "Answers to gateways, by outcome and reason; observed: all were let through, and the status is what it would have been.",
		Read: func() (all []metrics.Sample) {
			for _, c := range counts.All() {
				all = append(all, metrics.Sample{Value: float64(c.N), Labels: []string{
					"status", strconv.Itoa(c.Status), "outcome", c.Outcome, "reason", c.Reason, "observed", strconv.FormatBool(c.Observed),
				}})
			}
			return all
		},
	}
}
