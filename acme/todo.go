//go:build acmeserver

package acme

import (
	"context"
	"net/http"
)

// What follows is being built.
func (s *Server) todo(*call) (*answer, *Problem) {
	return nil, Problemf(ServerInternal, "not built yet")
}
func (s *Server) directory(*http.Request) (*answer, *Problem)   { return s.todo(nil) }
func (s *Server) newNonce(*http.Request) (*answer, *Problem)    { return s.todo(nil) }
func (s *Server) renewalInfo(*http.Request) (*answer, *Problem) { return s.todo(nil) }
func (s *Server) newAccount(c *call) (*answer, *Problem)        { return s.todo(c) }
func (s *Server) account(c *call) (*answer, *Problem)           { return s.todo(c) }
func (s *Server) orders(c *call) (*answer, *Problem)            { return s.todo(c) }
func (s *Server) keyChange(c *call) (*answer, *Problem)         { return s.todo(c) }
func (s *Server) newOrder(c *call) (*answer, *Problem)          { return s.todo(c) }
func (s *Server) newAuthorization(c *call) (*answer, *Problem)  { return s.todo(c) }
func (s *Server) order(c *call) (*answer, *Problem)             { return s.todo(c) }
func (s *Server) finalize(c *call) (*answer, *Problem)          { return s.todo(c) }
func (s *Server) authorization(c *call) (*answer, *Problem)     { return s.todo(c) }
func (s *Server) challenge(c *call) (*answer, *Problem)         { return s.todo(c) }
func (s *Server) certificate(c *call) (*answer, *Problem)       { return s.todo(c) }
func (s *Server) revoke(c *call) (*answer, *Problem)            { return s.todo(c) }

// Public answers those who check certificates.
func (s *Server) Public() http.Handler { return http.NotFoundHandler() }

// Run works on what was begun.
func (s *Server) Run(ctx context.Context) error { <-ctx.Done(); return nil }

type nonces struct{}

func (n *nonces) take(string) bool { return false }
func (n *nonces) make() string     { return "" }

const accountPath = "/acme/acct/"
