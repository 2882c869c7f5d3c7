package acme_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"cnfd/acme"
)

// meddled is a Store in which something happens between the time that a request was
// authenticated and its Update.
type meddled struct {
	acme.Store
	first func(acme.Tx) error // once
}

func (m *meddled) Update(ctx context.Context, f func(acme.Tx) error) error {
	if first := m.first; first != nil {
		m.first = nil
		if err := m.Store.Update(ctx, first); err != nil {
			return err
		}
	}
	return m.Store.Update(ctx, f)
}

// What an account's holder has asked for with a key that left it meanwhile, or after
// its end, does not happen.
func TestChangedMeanwhile(t *testing.T) {
	meddle := map[string]func(s *scene, c *client) func(acme.Tx) error{
		"another key": func(s *scene, c *client) func(acme.Tx) error {
			return func(tx acme.Tx) error {
				a, err := tx.Account(c.account())
				if err != nil {
					return err
				}
				a.Key, a.Thumbprint = jwk(s.t, newKey(s.t)), "another"
				return errors.Join(tx.PutAccount(a), tx.PutKeyUse(&acme.KeyUse{Thumbprint: "another", Account: a.ID, Current: true}))
			}
		},
		"its end": func(s *scene, c *client) func(acme.Tx) error {
			return func(tx acme.Tx) error {
				return acme.DeactivateAccount(tx, c.account(), acme.Revoked, acme.Problemf(acme.Unauthorized, "ended"), s.clock.Now())
			}
		},
	}
	for claim, happens := range meddle {
		for name, ask := range map[string]func(s *scene, c *client) (path string, payload any){
			"an update":      func(_ *scene, c *client) (string, any) { return c.kid, `{"contact":["mailto:x@vendor.example"]}` },
			"a deactivation": func(_ *scene, c *client) (string, any) { return c.kid, `{"status":"deactivated"}` },
			"a key change": func(s *scene, c *client) (string, any) {
				return "/acme/key-change", change(s.t, newKey(s.t), keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}, nil)
			},
			"a revocation": func(s *scene, c *client) (string, any) {
				cert, _ := s.issued(c.account(), "vendor.example")
				return "/acme/revoke-cert", map[string]any{"certificate": b64(cert.Leaf)}
			},
		} {
			t.Run(name+" and "+claim, func(t *testing.T) {
				for _, changed := range []bool{false, true} {
					s := newScene(t, nil)
					m := &meddled{Store: s.store}
					s.Server = s.again(func(c *acme.Config) { c.Store = m })
					c := registered(t, s.Server)
					path, payload := ask(s, c)
					if changed {
						m.first = happens(s, c)
					}
					r, body := c.post(path, payload)
					if !changed {
						wantStatus(t, r, body, 200)
						continue
					}
					wantRefused(t, r, body, 403, acme.Unauthorized, "changed meanwhile")
					a := stored(s, func(tx acme.Tx) (*acme.Account, error) { return tx.Account(c.account()) })
					if a.Status == acme.Deactivated || len(a.Contact) != 0 || claim == "another key" && a.Thumbprint != "another" {
						t.Errorf("%+v", a)
					}
					revoked := stored(s, func(tx acme.Tx) ([]*acme.Certificate, error) {
						return tx.Certificates(acme.Filter{Revoked: true}, "", 10)
					})
					if len(revoked) != 0 {
						t.Error("the certificate is revoked")
					}
				}
			})
		}
	}
}

func TestOneAccountOfOneExternalAtOnce(t *testing.T) {
	s := newScene(t, func(c *acme.Config) { c.ExternalAccounts = true })
	key := s.external("kid-1")
	var all sync.WaitGroup
	for range 6 {
		c := newClient(t, s.Server)
		body := c.sign("/acme/new-account", bound(t, c, "kid-1", key, newAccountURL, jwk(t, c.key)))
		all.Go(func() { c.send("/acme/new-account", body) })
	}
	all.Wait()
	if n := len(accountsOf(s)); n != 1 {
		t.Errorf("%d accounts of one external account", n)
	}
}
