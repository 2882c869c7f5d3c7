package acme

import (
	"context"
	"time"

	"cnfd/thumbprint"
)

// Gate is what stands before every certificate: it decides whether an identifier's
// domain, asked now and past the cache, vouches for the keys. It is used by many
// callers at once, and fails closed.
type Gate interface {
	// Judge returns nil where all of the claim holds, and else why not, with what to
	// do about it: which record to add where. What was not proven either way, the end of ctx
	// included, is a Passing problem.
	Judge(ctx context.Context, c *Claim) *Problem
}

// ChainAge is how old the DS and DNSKEY records may be that a certificate, or the answer to a challenge, rests on,
// from the trust anchor down. A zone that was sold or unsigned must not be believed for as long as a resolver may
// keep its keys; a minute has many orders ask the root and the top-level domains once.
const ChainAge = time.Minute

// Claim is what has to hold of one identifier.
type Claim struct {
	Identifier Identifier // as ordered: with its "*."
	// Keys must each be published in the confirmation record of the identifier's
	// domain (draft-steele-spice-tlsa-cnf): RFC 7638 thumbprints by SHA-256. None: no
	// record is asked for here, since the key is not known yet (BindCSR).
	Keys []thumbprint.Thumbprint
	// Method is how the authorization was or will be proven, for CAA (RFC 8657 §3):
	// "http-01" …, MethodCNF. "": not known yet, and only whether CAA forbids all is asked.
	Method string
	// Account is the account's URI, for CAA (RFC 8657 §3).
	Account string
	// Granted says that the operator lets the record alone suffice for this account and
	// domain. Otherwise, where Method is MethodCNF, the domain's own CAA set must.
	Granted bool
}

// MethodCNF is the challenge type that the confirmation record alone fulfils.
const MethodCNF = "cnf-01"

// The challenge types that prove control of an identifier (RFC 8555 §8, RFC 8737).
const (
	MethodHTTP    = "http-01"
	MethodDNS     = "dns-01"
	MethodTLSALPN = "tls-alpn-01"
)

// Validator carries out the challenges other than MethodCNF. It is used by many callers at once.
type Validator interface {
	// Validate returns nil where the identifier's holder answers the challenge, and
	// else why not. The identifier is a base. The end of ctx is a Connection problem.
	Validate(ctx context.Context, method string, i Identifier, token, keyAuthorization string) *Problem
}
