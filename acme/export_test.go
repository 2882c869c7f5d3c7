package acme

import (
	"context"
	"crypto"
	"math/big"
	"testing"
)

// What tests outside of the package call as the rest of it does.

const (
	MostNonces = mostNonces / 2
	OrdersPage = ordersPage
	LookEvery  = lookEvery
)

var (
	ReadCertID   = readCertID
	WrongContact = wrongContact
)

func (s *Server) Replaced(tx Tx, a *Account, certID string, ids []Identifier) (string, *Problem) {
	return s.replaced(tx, a, certID, ids)
}

func (s *Server) RefreshLists(ctx context.Context) error   { return s.refreshLists(ctx) }
func (s *Server) PutNoncesAside(ctx context.Context) error { return s.putNoncesAside(ctx) }
func (s *Server) RestoreNonces(ctx context.Context) error  { return s.restoreNonces(ctx) }
func (s *Server) MakeNonce() string                        { return s.nonces.make() }
func (s *Server) TakeNonceOfRequest(ctx context.Context, text string) bool {
	return s.takeNonce(ctx, text)
}
func (s *Server) TakeNonce(text string) bool { return s.nonces.take(text) }

// Sweep is one round of Run.
func (s *Server) Sweep(ctx context.Context) { s.sweep(ctx); s.work.Wait() }

// Wait waits for what is being worked on.
func (s *Server) Wait() { s.work.Wait() }

// Leave ends the server as a killed process does, with nothing put aside.
func (s *Server) Leave() { s.stop(); s.work.Wait() }

// Ended is closed once the server has been asked to end.
func (s *Server) Ended() <-chan struct{} { return s.end.Done() }

const (
	SweepMost       = sweepMost
	OrderLease      = orderLease
	ChallengeLease  = challengeLease
	MostTries       = mostTries
	AtOnce          = atOnce
	ValidatedAtOnce = validatedAtOnce
	ClaimTime       = claimTime
	JudgedAtOnce    = judgedAtOnce
)

// OfPrimes is an RSA key of the prime after p and the prime after p+gap.
func OfPrimes(t testing.TB, p, gap *big.Int) crypto.Signer { return ofPrimes(t, p, gap) }
