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
func (s *Server) certificate(c *call) (*answer, *Problem)       { return s.todo(c) }
func (s *Server) revoke(c *call) (*answer, *Problem)            { return s.todo(c) }

// Public answers those who check certificates.
func (s *Server) Public() http.Handler { return http.NotFoundHandler() }

type nonces struct{}

func (n *nonces) take(string) bool { return false }
func (n *nonces) make() string     { return "" }

const accountPath = "/acme/acct/"

func (s *Server) replaced(Tx, *Account, string, []Identifier) (string, *Problem) { return "", nil }
func (s *Server) restoreNonces(context.Context) error                            { return nil }
func (s *Server) putNoncesAside(context.Context) error                           { return nil }
func (s *Server) refreshLists(context.Context) error                             { return nil }
