package acme_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme"
)

// external puts an external account into the store, and returns its key.
func (s *scene) external(kid string) []byte {
	s.t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	s.update(func(tx acme.Tx) error {
		return tx.PutExternalAccount(&acme.ExternalAccount{KID: kid, Key: key, Created: s.clock.Now()})
	})
	return key
}

// bound is a newAccount payload with an external account's binding.
func bound(t *testing.T, c *client, kid string, key []byte, url string, payload []byte) map[string]any {
	t.Helper()
	return map[string]any{"externalAccountBinding": json.RawMessage(signed(t, jose.HS256, key, payload, map[jose.HeaderKey]any{"url": url}, kid))}
}

const newAccountURL = "https://ca.example/acme/new-account"

func TestExternalAccount(t *testing.T) {
	s := newScene(t, func(c *acme.Config) { c.ExternalAccounts = true })
	key := s.external("kid-1")
	c := newClient(t, s.Server)
	r, body := c.post("/acme/new-account", "{}")
	wantRefused(t, r, body, 400, acme.ExternalAccountRequired, "operator")
	r, body = c.post("/acme/new-account", `{"externalAccountBinding":null}`)
	wantRefused(t, r, body, 400, acme.ExternalAccountRequired, "operator")

	payload := bound(t, c, "kid-1", key, newAccountURL, jwk(t, c.key))
	_, body = c.register(payload, http.StatusCreated)
	if got := read[accountDoc](t, body).Binding; !reflect.DeepEqual(got, read[map[string]any](t, payload["externalAccountBinding"].(json.RawMessage))) {
		t.Errorf("binding %v: not the one that was sent (RFC 8555 §7.1.2)", got)
	}
	a := stored(s, func(tx acme.Tx) (*acme.Account, error) { return tx.Account(c.account()) })
	e := stored(s, func(tx acme.Tx) (*acme.ExternalAccount, error) { return tx.ExternalAccount("kid-1") })
	if a.External != "kid-1" || e.Account != a.ID {
		t.Errorf("account of %q, external account of %q", a.External, e.Account)
	}
	// It is there: whoever asks again needs no binding.
	c.as(c.key, "").register("{}", http.StatusOK)
	// Another account of the same external one.
	other := newClient(t, s.Server)
	r, body = other.post("/acme/new-account", bound(t, other, "kid-1", key, newAccountURL, jwk(t, other.key)))
	wantRefused(t, r, body, 403, acme.Unauthorized, "made with it already")
	if n := len(accountsOf(s)); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestExternalAccountRefused(t *testing.T) {
	for _, tc := range []struct {
		claim  string
		status int
		kind   acme.Kind
		says   string
		make   func(s *scene, c *client, key []byte) map[string]any
	}{
		{"another key's MAC", 403, acme.Unauthorized, "not made with the key of this kid", func(s *scene, c *client, key []byte) map[string]any {
			return bound(s.t, c, "kid-1", append([]byte{key[0] ^ 1}, key[1:]...), newAccountURL, jwk(s.t, c.key))
		}},
		{"a kid that there is not", 403, acme.Unauthorized, "no such external account", func(s *scene, c *client, key []byte) map[string]any {
			return bound(s.t, c, "kid-2", key, newAccountURL, jwk(s.t, c.key))
		}},
		{"a kid that was removed", 403, acme.Unauthorized, "no such external account", func(s *scene, c *client, key []byte) map[string]any {
			s.update(func(tx acme.Tx) error {
				e, err := tx.ExternalAccount("kid-1")
				if err != nil {
					return err
				}
				e.Removed = true
				return tx.PutExternalAccount(e)
			})
			return bound(s.t, c, "kid-1", key, newAccountURL, jwk(s.t, c.key))
		}},
		{"of another account key", 400, acme.Malformed, "payload: not the key", func(s *scene, c *client, key []byte) map[string]any {
			return bound(s.t, c, "kid-1", key, newAccountURL, jwk(s.t, newKey(s.t)))
		}},
		{"of no key", 400, acme.Malformed, "payload: not the key", func(s *scene, c *client, key []byte) map[string]any {
			return bound(s.t, c, "kid-1", key, newAccountURL, []byte("{}"))
		}},
		{"for another URL", 400, acme.Malformed, "protected.url", func(s *scene, c *client, key []byte) map[string]any {
			return bound(s.t, c, "kid-1", key, "https://other.example/acme/new-account", jwk(s.t, c.key))
		}},
		{"with a nonce of its own", 400, acme.Malformed, "protected.nonce", func(s *scene, c *client, key []byte) map[string]any {
			return map[string]any{"externalAccountBinding": json.RawMessage(signed(s.t, jose.HS256, key, jwk(s.t, c.key),
				map[jose.HeaderKey]any{"url": newAccountURL, "nonce": "AAAA"}, "kid-1"))}
		}},
		{"signed by a key of two parts", 400, acme.BadSignatureAlgorithm, "want a MAC", func(s *scene, c *client, key []byte) map[string]any {
			return map[string]any{"externalAccountBinding": json.RawMessage(signed(s.t, jose.ES256, c.key, jwk(s.t, c.key),
				map[jose.HeaderKey]any{"url": newAccountURL}, "kid-1"))}
		}},
		{"no JWS", 400, acme.Malformed, "externalAccountBinding", func(*scene, *client, []byte) map[string]any {
			return map[string]any{"externalAccountBinding": "kid-1"}
		}},
	} {
		for _, required := range []bool{true, false} { // one that is sent is checked, wanted or not
			s := newScene(t, func(c *acme.Config) { c.ExternalAccounts = required })
			key := s.external("kid-1")
			c := newClient(t, s.Server)
			good := bound(t, c, "kid-1", key, newAccountURL, jwk(t, c.key))
			r, body := c.post("/acme/new-account", tc.make(s, c, key))
			t.Run(tc.claim, func(t *testing.T) { wantRefused(t, r, body, tc.status, tc.kind, tc.says) })
			if n := len(accountsOf(s)); n != 0 {
				t.Errorf("%s: %d accounts", tc.claim, n)
			}
			s.update(func(tx acme.Tx) error {
				e, err := tx.ExternalAccount("kid-1")
				if err != nil || e.Account != "" {
					t.Errorf("%s: used by %q, %v", tc.claim, e.Account, err)
					return err
				}
				e.Removed = false
				return tx.PutExternalAccount(e)
			})
			c.register(good, http.StatusCreated) // the same, and nothing wrong
		}
	}
}

// A failure after the account was made uses up nothing that the client needs.
func TestExternalAccountWhereTheStoreFails(t *testing.T) {
	s := newScene(t, func(c *acme.Config) { c.ExternalAccounts = true })
	key := s.external("kid-1")
	c := newClient(t, s.Server)
	payload := bound(t, c, "kid-1", key, newAccountURL, jwk(t, c.key))
	s.store.before.Store(1)
	r, body := c.post("/acme/new-account", payload)
	wantRefused(t, r, body, 500, acme.ServerInternal, "")
	if e := stored(s, func(tx acme.Tx) (*acme.ExternalAccount, error) { return tx.ExternalAccount("kid-1") }); e.Account != "" {
		t.Fatalf("used by %q, and there is no account", e.Account)
	}
	s.store.after.Store(1)
	r, body = c.post("/acme/new-account", payload)
	wantRefused(t, r, body, 500, acme.ServerInternal, "")
	c.register(payload, http.StatusOK)
	if n := len(accountsOf(s)); n != 1 {
		t.Errorf("%d accounts", n)
	}
}
