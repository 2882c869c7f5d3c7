package acme_test

import (
	"crypto"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cnfd/acme"
)

const keyChangeURL = "https://ca.example/acme/key-change"

// change is the inner object of a key change: payload signed by key, for url.
func change(t *testing.T, key crypto.Signer, url string, payload any, header map[jose.HeaderKey]any) string {
	t.Helper()
	all := map[jose.HeaderKey]any{"url": url}
	for k, v := range header {
		all[k] = v
	}
	return signed(t, jose.ES256, key, octets(t, payload), all, "")
}

// jkt is the RFC 7638 thumbprint of a key.
func jkt(t *testing.T, key crypto.Signer) string {
	t.Helper()
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return b64(sum)
}

func TestKeyChange(t *testing.T) {
	s := newScene(t, nil)
	c, other := registered(t, s.Server), registered(t, s.Server)
	its, others := s.rest(c), s.rest(other)
	old, fresh := c.key, newKey(t)
	r, body := c.post("/acme/key-change", change(t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(t, old)}, nil))
	wantStatus(t, r, body, http.StatusOK)
	if got := read[accountDoc](t, body); got.Status != acme.Valid || r.Header.Get("Location") != c.kid {
		t.Errorf("%+v, %q", got, r.Header.Get("Location"))
	}
	its.wantVoid("the account's key has changed: order anew")
	others.wantWhole()
	for key, current := range map[crypto.Signer]bool{old: false, fresh: true} {
		use := stored(s, func(tx acme.Tx) (*acme.KeyUse, error) { return tx.KeyUse(jkt(t, key)) })
		if use.Current != current || use.Account != c.account() {
			t.Errorf("%+v, want current %v", use, current)
		}
	}

	r, body = c.post(c.kid, nil)
	wantRefused(t, r, body, 403, acme.Unauthorized, "")
	r, body = c.as(fresh, c.kid).post(c.kid, nil)
	wantStatus(t, r, body, http.StatusOK)
	// The new key finds the account, the former finds none and makes none.
	r, body = c.as(fresh, "").post("/acme/new-account", `{"onlyReturnExisting":true}`)
	wantStatus(t, r, body, http.StatusOK)
	if r.Header.Get("Location") != c.kid {
		t.Errorf("Location %q", r.Header.Get("Location"))
	}
	r, body = c.as(old, "").post("/acme/new-account", "{}")
	wantRefused(t, r, body, 403, acme.Unauthorized, "comes back to none")
	// Neither does it come back by another change, of its own account or another's.
	for _, who := range []*client{c.as(fresh, c.kid), other} {
		r, body = who.post("/acme/key-change", change(t, old, keyChangeURL, map[string]any{"account": who.kid, "oldKey": jwk(t, who.key)}, nil))
		wantRefused(t, r, body, http.StatusConflict, acme.Malformed, "is, or was, an account's")
		if r.Header.Get("Location") != c.kid {
			t.Errorf("Location %q, want %q (RFC 8555 §7.3.5)", r.Header.Get("Location"), c.kid)
		}
	}
}

func TestKeyChangeRefused(t *testing.T) {
	for _, tc := range []struct {
		claim  string
		status int
		kind   acme.Kind
		says   string
		inner  func(s *scene, c *client, fresh crypto.Signer) any
	}{
		{"for another account", 400, acme.Malformed, "account: not the one", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, fresh, keyChangeURL, map[string]any{"account": registered(s.t, s.Server).kid, "oldKey": jwk(s.t, c.key)}, nil)
		}},
		{"of no account", 400, acme.Malformed, "account: not the one", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, fresh, keyChangeURL, map[string]any{"oldKey": jwk(s.t, c.key)}, nil)
		}},
		{"with another old key", 400, acme.Malformed, "oldKey: not the account's", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, fresh)}, nil)
		}},
		{"without an old key", 400, acme.Malformed, "oldKey: not the account's", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, fresh, keyChangeURL, map[string]any{"account": c.kid}, nil)
		}},
		{"for another URL", 400, acme.Malformed, "protected.url", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, fresh, "https://other.example/acme/key-change", map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}, nil)
		}},
		{"with a nonce inside", 400, acme.Malformed, "protected.nonce", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}, map[jose.HeaderKey]any{"nonce": "AAAA"})
		}},
		{"the new key has not signed", 403, acme.Unauthorized, "", func(s *scene, c *client, fresh crypto.Signer) any {
			good := read[map[string]string](s.t, []byte(change(s.t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}, nil)))
			bad := read[map[string]string](s.t, []byte(change(s.t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key), "x": 1}, nil)))
			good["signature"] = bad["signature"]
			return good
		}},
		{"signed by a kid", 400, acme.Malformed, "protected.kid", func(s *scene, c *client, fresh crypto.Signer) any {
			return signed(s.t, jose.ES256, fresh, octets(s.t, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}), map[jose.HeaderKey]any{"url": keyChangeURL}, c.kid)
		}},
		{"to the key that it has", 409, acme.Malformed, "is, or was, an account's", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, c.key, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}, nil)
		}},
		{"to another account's key", 409, acme.Malformed, "is, or was, an account's", func(s *scene, c *client, fresh crypto.Signer) any {
			return change(s.t, registered(s.t, s.Server).key, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(s.t, c.key)}, nil)
		}},
		{"no JWS inside", 400, acme.Malformed, "inner object", func(*scene, *client, crypto.Signer) any { return "{}" }},
		{"nothing inside", 400, acme.Malformed, "inner object", func(*scene, *client, crypto.Signer) any { return nil }},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			s := newScene(t, nil)
			c, fresh := registered(t, s.Server), newKey(t)
			its := s.rest(c)
			r, body := c.post("/acme/key-change", tc.inner(s, c, fresh))
			wantRefused(t, r, body, tc.status, tc.kind, tc.says)
			its.wantWhole()
			r, body = c.post(c.kid, nil)
			wantStatus(t, r, body, http.StatusOK)
			// The same, and nothing wrong.
			r, body = c.post("/acme/key-change", change(t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(t, c.key)}, nil))
			wantStatus(t, r, body, http.StatusOK)
		})
	}
}

func TestKeyChangeToAKnownKey(t *testing.T) {
	fresh := newKey(t)
	s := newScene(t, func(c *acme.Config) { c.Blocked = blocklist(t, fresh) })
	c := registered(t, s.Server)
	r, body := c.post("/acme/key-change", change(t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(t, c.key)}, nil))
	wantRefused(t, r, body, 400, acme.BadPublicKey, "known to others")
	r, body = c.post("/acme/key-change", change(t, newKey(t), keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(t, c.key)}, nil))
	wantStatus(t, r, body, http.StatusOK)
}

func TestKeyChangeWhereTheStoreFails(t *testing.T) {
	s := newScene(t, nil)
	c, fresh := registered(t, s.Server), newKey(t)
	its := s.rest(c)
	inner := change(t, fresh, keyChangeURL, map[string]any{"account": c.kid, "oldKey": jwk(t, c.key)}, nil)
	s.store.before.Store(1)
	r, body := c.post("/acme/key-change", inner)
	wantRefused(t, r, body, 500, acme.ServerInternal, "")
	its.wantWhole()
	r, body = c.post(c.kid, nil)
	wantStatus(t, r, body, http.StatusOK)
	s.store.after.Store(1)
	r, body = c.post("/acme/key-change", inner)
	wantRefused(t, r, body, 500, acme.ServerInternal, "")
	its.wantVoid("the account's key has changed")
	// The client finds out by asking with each of its keys.
	r, body = c.post(c.kid, nil)
	wantRefused(t, r, body, 403, acme.Unauthorized, "")
	r, body = c.as(fresh, "").post("/acme/new-account", `{"onlyReturnExisting":true}`)
	wantStatus(t, r, body, http.StatusOK)
	if r.Header.Get("Location") != c.kid {
		t.Errorf("Location %q", r.Header.Get("Location"))
	}
}

// TestKeyThatIsNotItsAccounts: what the store says of a key must be what it says of the account, or the key finds none.
func TestKeyThatIsNotItsAccounts(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	r, body := c.as(c.key, "").post("/acme/new-account", "{}")
	wantStatus(t, r, body, http.StatusOK)
	s.update(func(tx acme.Tx) error {
		a, err := tx.Account(c.account())
		if err != nil {
			return err
		}
		a.Thumbprint = "another"
		return tx.PutAccount(a)
	})
	r, body = c.as(c.key, "").post("/acme/new-account", "{}")
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "comes back to none")
}
