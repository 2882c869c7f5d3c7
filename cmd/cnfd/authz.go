package main

import (
	"fmt"
	"log/slog"
	"net/http"

	"cnfd/authz"
	"cnfd/cmd/cnfd/internal/config"
)

// authzOf makes what answers gateways by asking v, which reads credentials as the
// engine does.
func authzOf(c *config.Config, v authz.Verifier, e *engine, log *slog.Logger) (_ *authz.Handler, err error) {
	a := &c.Authz
	ac := authz.Config{
		Verifier: v, Credential: e.credential, Log: log,
		Peers: a.Peers, Issuers: len(c.Issuers) > 0,
		Audience: a.Audience, NonceHeader: http.CanonicalHeaderKey(a.NonceHeader),
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
