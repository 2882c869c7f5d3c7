package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cnfd/authz"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/credential"
	"cnfd/dnssec"
	"cnfd/issuers/source"
	"cnfd/record"
	"cnfd/resolver"
	"cnfd/resolver/anchor"
	"cnfd/resolver/transport"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// engine is a resolver and the verifier that asks it: what the daemon serves,
// and what the commands use that resolve by themselves.
type engine struct {
	resolver *resolver.Resolver
	source   *gate // the resolver as the verifier asks it
	upstream *upstream
	proofs   *proofs
	anchors  *anchor.Keeper // what the resolver trusts; not running
	gateways *authz.Counts  // what gateways were answered
	nonces   *authz.Nonces  // that clients of gateways were given
	judges
}

// judges is the part of an engine that a reload replaces.
type judges struct {
	verifier   *verifier.Verifier
	keys       *source.Keeper     // what issuers sign with; not running, and fetching what it is asked for
	credential credential.Options // how the verifier reads one
}

// newEngine makes what c describes. Nothing is sent until the first question.
// forCommand: what a daemon knows of the trust anchors is read and not touched.
func newEngine(c *config.Config, now func() time.Time, log *slog.Logger, forCommand bool) (*engine, error) {
	rc, err := resolverConfig(c, now)
	if err != nil {
		return nil, err
	}
	e := &engine{upstream: &upstream{Net: &transport.Net{Now: now}}, gateways: &authz.Counts{}, nonces: authz.NewNonces(now)}
	e.anchors = newAnchors(c, *rc.Anchors, now, log, forCommand)
	trusted := e.anchors.Anchors()
	rc.Anchors, rc.Exchanger, rc.Forwarded = &trusted, e.upstream, e.upstream.count
	if e.resolver, err = resolver.New(rc); err != nil {
		return nil, err
	}
	e.source = &gate{resolver: e.resolver, each: e.resolver, now: now}
	e.source.most.Store(int64(c.Limits.Misses))
	if e.proofs, err = newProofs(c, now, log, forCommand); err != nil {
		return nil, err
	}
	if e.judges, err = e.newJudges(c, now, log, nil); err != nil {
		return nil, err
	}
	return e, nil
}

func newAnchors(c *config.Config, configured dnssec.Anchors, now func() time.Time, log *slog.Logger, forCommand bool) *anchor.Keeper {
	return anchor.Open(anchor.Config{
		Now: now, Configured: configured, SHA1: c.Resolver.SHA1 == "validate", Dir: anchorDir(c), ReadOnly: forCommand, Log: log,
		Still: !c.Resolver.TrustAnchorUpdates,
	})
}

// newJudges makes the verifier that c describes over e's resolver. before are the
// issuers' keys of the one that it follows: what was had is not asked for again.
func (e *engine) newJudges(c *config.Config, now func() time.Time, log *slog.Logger, before *source.Keeper) (j judges, err error) {
	opener, err := openerOf(c, log)
	if err != nil {
		return j, err
	}
	vc, err := verifierConfig(c)
	if err != nil {
		return j, err
	}
	vc.Source, vc.Cached, vc.Each, vc.Now = e.source, e.source, e.source, now
	vc.Credential.Confirmation.Opener = opener
	if j.keys, err = keeperOf(c, now, log, before); err != nil {
		return j, err
	}
	vc.Keys, vc.Proofs = j.keys, e.proofs
	j.credential = vc.Credential
	j.verifier, err = verifier.New(vc)
	return j, err
}

// anchorDir is where the state of the trust anchors is kept; "" for nowhere.
func anchorDir(c *config.Config) string { return stateOf(c, "anchors") }

// stateOf is where something that outlives the daemon is kept; "" for nowhere.
// What is tested under another time or with other servers must not teach a real
// daemon: it needs a state_dir of its own, and has another name there.
func stateOf(c *config.Config, name string) string {
	switch {
	case c.StateDir == "" || c.Resolver.ValidationTime != "":
		return ""
	case c.Testing && c.StateDir == config.Default(user()).StateDir:
		return ""
	case c.Testing:
		return filepath.Join(c.StateDir, name+"-testing")
	}
	return filepath.Join(c.StateDir, name)
}

func resolverConfig(c *config.Config, now func() time.Time) (resolver.Config, error) {
	r := &c.Resolver
	anchors, err := anchorsOf(r)
	if err != nil {
		return resolver.Config{}, err
	}
	rc := resolver.Config{
		Now:               now,
		Anchors:           &anchors,
		WholeNames:        !r.QNAMEMinimisation,
		SHA1:              r.SHA1 == "validate",
		AllowLocalServers: r.AllowLocalServers,
		NoIPv4:            !r.IPv4,
		NoIPv6:            !r.IPv6,
		ServerPort:        r.ServerPort,
		MaxBytes:          int64(c.Cache.MaxBytes),
		MaxTTL:            c.Cache.MaxTTL,
		MaxNegativeTTL:    c.Cache.MaxNegativeTTL,
		Prefetch:          c.Cache.Prefetch,

		PrefetchConfirmations: c.Cache.PrefetchConfirmations,
		Snapshots:             c.Cache.Snapshot && stateOf(c, "cache-snapshot") != "" || c.Log.Evidence != "off",
	}
	for _, h := range r.RootHints {
		rc.Hints = append(rc.Hints, resolver.Hint{Name: h.Name, Addresses: h.Addresses})
	}
	for _, n := range r.NegativeTrustAnchors {
		rc.NegativeAnchors = append(rc.NegativeAnchors, resolver.NegativeAnchor{Name: n.Name, Until: n.Until})
	}
	for _, f := range r.Forwarders {
		rc.Forwarders = append(rc.Forwarders, resolver.Forwarder{Network: f.Network, Address: f.Address, Name: f.Name, Path: f.Path})
	}
	if rc.ForwarderRoots, err = authoritiesIn(r.ForwarderCA); err != nil {
		return resolver.Config{}, fmt.Errorf("resolver.forwarder_ca: %w", err)
	}
	for _, s := range r.Stubs {
		rc.Stubs = append(rc.Stubs, resolver.Stub{Zone: s.Zone, Addresses: s.Addresses})
	}
	return rc, nil
}

// anchorsOf returns what is trusted: the anchors that are written, else those of
// the root, and in any case those of the stubs.
func anchorsOf(r *config.Resolver) (dnssec.Anchors, error) {
	anchors := dnssec.RootAnchors()
	var err error
	switch {
	case slices.Equal(r.TrustAnchors, []string{config.NoAnchors}):
		anchors = dnssec.Anchors{}
	case len(r.TrustAnchors) > 0:
		if anchors, err = dnssec.ParseAnchors(r.TrustAnchors); err != nil {
			return anchors, fmt.Errorf("resolver.trust_anchors: %w", err)
		}
	}
	for _, s := range r.Stubs {
		if len(s.TrustAnchors) == 0 || slices.Equal(s.TrustAnchors, []string{config.NoAnchors}) {
			continue
		}
		own, err := dnssec.ParseAnchors(s.TrustAnchors)
		if err != nil {
			return anchors, fmt.Errorf("resolver.stubs: %s: %w", s.Zone, err)
		}
		anchors = anchors.With(own)
	}
	return anchors, nil
}

func verifierConfig(c *config.Config) (verifier.Config, error) {
	r := &c.Record
	vc := verifier.Config{
		Subjects: subjects(c),
		Credential: credential.Options{
			CredentialSubject: c.Subjects.CredentialSubject,
			Confirmation:      thumbprint.Options{X5T: r.X5T, TBH: r.TBH, Symmetric: r.Symmetric},
		},
		AllowInsecure:  r.AllowInsecure,
		AllowWildcard:  r.AllowWildcard,
		AllowDelegated: r.AllowDelegated,
		Testing:        c.Testing,
	}
	for _, word := range r.Forms {
		f, err := record.ParseForm(word)
		if err != nil {
			return vc, fmt.Errorf("record.forms: %w", err)
		}
		vc.Forms = append(vc.Forms, f)
	}
	var err error
	if vc.Checks, err = checksOf(c.Check); err != nil {
		return vc, fmt.Errorf("check: %w", err)
	}
	if vc.Issuers, err = issuersOf(c); err != nil {
		return vc, err
	}
	if r.LegacyDID {
		vc.Forms = append(vc.Forms, record.LegacyDID)
	}
	return vc, nil
}

// subjects is which subjects name a domain. Names under a stub or an anchor of
// the operator's own may be special-use ones: they never leave for the public DNS.
func subjects(c *config.Config) record.Subjects {
	s := record.Subjects{Mailto: c.Subjects.Mailto, Acct: c.Subjects.Acct, SPIFFE: c.Subjects.SPIFFE, Bare: c.Subjects.Bare}
	local := func(name string) {
		if name = strings.TrimSuffix(dnssec.Canonical(name), "."); name != "" {
			s.Local = append(s.Local, name)
		}
	}
	for _, stub := range c.Resolver.Stubs {
		local(stub.Zone)
	}
	if anchors, err := anchorsOf(&c.Resolver); err == nil {
		for _, name := range anchors.Names() {
			local(name)
		}
	}
	slices.Sort(s.Local)
	s.Local = slices.Compact(s.Local)
	return s
}
