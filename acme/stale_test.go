package acme_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"cnfd/acme"
)

// meddled is a Store in which something happens between the time that a request was
// authenticated and its Update.
type meddled struct {
	acme.Store
	first func(acme.Tx) error // once
	skip  int                 // so many Updates come before it
}

// after has f happen before the Update that comes after n others.
func (m *meddled) after(n int, f func(acme.Tx) error) { m.skip, m.first = n, f }

func (m *meddled) Update(ctx context.Context, f func(acme.Tx) error) error {
	if m.skip--; m.skip >= 0 {
		return m.Store.Update(ctx, f)
	}
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

// TestNothingIsBegunWithAFormerKey: neither a challenge nor a certificate, where the account has another key by the time
// that it would be noted.
func TestNothingIsBegunWithAFormerKey(t *testing.T) {
	for _, changed := range []bool{false, true} {
		for _, change := range []func(*acme.Config){nil, challenged} {
			var m *meddled
			p := newPlay(t, func(c *acme.Config) {
				if change != nil {
					change(c)
				}
				m = &meddled{Store: c.Store}
				c.Store = m
			})
			ask := func() (*http.Response, []byte) {
				if change == nil {
					return p.finalize(p.order(ordering("vendor.example"), acme.Ready), "vendor.example")
				}
				return p.post(p.authz(p.order(ordering("vendor.example"), acme.Pending).Authorizations[0]).Challenges[0].URL, "{}")
			}
			if !changed {
				r, body := ask()
				wantStatus(t, r, body, http.StatusOK)
				continue
			}
			// It is the last Update of each that notes it.
			p.gate.says(func(*acme.Claim) *acme.Problem {
				m.after(1, func(tx acme.Tx) error {
					a, err := tx.Account(p.account())
					if err != nil {
						return err
					}
					a.Thumbprint = "another"
					return tx.PutAccount(a)
				})
				return nil
			})
			r, body := ask()
			wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "changed meanwhile")
			p.Wait()
			if n := len(p.gate.claims()); n != 1 { // newOrder's
				t.Errorf("the gate was asked %d times", n)
			}
		}
	}
}
