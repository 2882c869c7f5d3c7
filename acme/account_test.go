package acme_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"cnfd/acme"
	"cnfd/acme/weakkey"
)

type accountDoc struct {
	Status  acme.Status    `json:"status"`
	Contact []string       `json:"contact"`
	Terms   bool           `json:"termsOfServiceAgreed"`
	Orders  string         `json:"orders"`
	Binding map[string]any `json:"externalAccountBinding"`
}

func accountsOf(s *scene) []*acme.Account {
	return stored(s, func(tx acme.Tx) ([]*acme.Account, error) { return tx.Accounts("", 1000) })
}

func TestNewAccount(t *testing.T) {
	s := newScene(t, nil)
	c := newClient(t, s.Server)
	_, body := c.register(map[string]any{"contact": []string{"mailto:ops@vendor.example"}, "termsOfServiceAgreed": true}, http.StatusCreated)
	want := accountDoc{Status: acme.Valid, Contact: []string{"mailto:ops@vendor.example"}, Terms: true, Orders: c.kid + "/orders"}
	if got := read[accountDoc](t, body); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !strings.HasPrefix(c.kid, "https://ca.example/acme/acct/") {
		t.Errorf("Location %q", c.kid)
	}
	url := c.kid
	// The same key again: the same account, unchanged (RFC 8555 §7.3.1).
	for _, payload := range []any{
		map[string]any{"contact": []string{"nonsense"}}, map[string]any{"onlyReturnExisting": true}, map[string]any{},
		map[string]any{"externalAccountBinding": "nonsense"},
	} {
		r, body := c.as(c.key, "").post("/acme/new-account", payload)
		wantStatus(t, r, body, http.StatusOK)
		if got := read[accountDoc](t, body); r.Header.Get("Location") != url || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %s %+v, want what there was", payload, r.Header.Get("Location"), got)
		}
	}
	// Another key: another account.
	if other := registered(t, s.Server); other.kid == url {
		t.Error("one account of two keys")
	}
}

func TestNewAccountRefused(t *testing.T) {
	for _, tc := range []struct {
		claim   string
		payload any
		status  int
		kind    acme.Kind
		says    string
	}{
		{"onlyReturnExisting of a key that has none", `{"termsOfServiceAgreed":true,"onlyReturnExisting":true}`, 400, acme.AccountDoesNotExist, "no account with this key"},
		{"terms not agreed to", `{}`, 403, acme.UserActionRequired, "https://ca.example/terms"},
		{"terms refused", `{"termsOfServiceAgreed":false}`, 403, acme.UserActionRequired, "https://ca.example/terms"},
		{"a contact without an address", `{"termsOfServiceAgreed":true,"contact":["mailto:"]}`, 400, acme.InvalidContact, "contact[0]"},
		{"a contact that is no mail", `{"termsOfServiceAgreed":true,"contact":["mailto:a@b.example","tel:+12025551212"]}`, 400, acme.UnsupportedContact, "contact[1]"},
		{"too many contacts", `{"termsOfServiceAgreed":true,"contact":["` + strings.Repeat(`mailto:a@b.example","`, 10) + `mailto:a@b.example"]}`, 400, acme.InvalidContact, "11 of them"},
		{"a member twice", `{"termsOfServiceAgreed":true,"termsOfServiceAgreed":true}`, 400, acme.Malformed, "twice"},
		{"a member in another case", `{"TermsOfServiceAgreed":true}`, 400, acme.Malformed, "case"},
		{"no JSON", `nonsense`, 400, acme.Malformed, "payload"},
		{"no payload", nil, 400, acme.Malformed, "payload"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			s := newScene(t, func(c *acme.Config) { c.Terms = "https://ca.example/terms" })
			c := newClient(t, s.Server)
			r, body := c.post("/acme/new-account", tc.payload)
			wantRefused(t, r, body, tc.status, tc.kind, tc.says)
			if tc.kind == acme.UserActionRequired && !strings.Contains(strings.Join(r.Header.Values("Link"), " "), `<https://ca.example/terms>;rel="terms-of-service"`) {
				t.Errorf("Link %q: not the terms", r.Header.Values("Link"))
			}
			if n := len(accountsOf(s)); n != 0 {
				t.Errorf("%d accounts were made", n)
			}
			// The same key, and nothing wrong.
			c.register(map[string]any{"termsOfServiceAgreed": true}, http.StatusCreated)
		})
	}
}

func TestContact(t *testing.T) {
	for _, tc := range []struct {
		contact string
		kind    acme.Kind // "": taken
	}{
		{"mailto:ops@vendor.example", ""},
		{"MAILTO:ops+acme@vendor.example", ""},
		{"mailto:ops%2Bacme@vendor.example", ""},
		{"mailto:ops@vendor.example?subject=x", acme.InvalidContact},
		{"mailto:ops@vendor.example,b@vendor.example", acme.InvalidContact},
		{"mailto:ops@vendor.example%2Cb@vendor.example", acme.InvalidContact},
		{"mailto:Ops <ops@vendor.example>", acme.InvalidContact},
		{"mailto:<ops@vendor.example>", acme.InvalidContact},
		{"mailto:ops@vendor.example\n", acme.InvalidContact},
		{"mailto:ops%0A@vendor.example", acme.InvalidContact},
		{"mailto:ops%zz@vendor.example", acme.InvalidContact},
		{"mailto: ops@vendor.example", acme.InvalidContact},
		{"mailto:ops", acme.InvalidContact},
		{"mailto:", acme.InvalidContact},
		{"ops@vendor.example", acme.InvalidContact},
		{"", acme.InvalidContact},
		{"mailto:" + strings.Repeat("a", 400) + "@vendor.example", acme.InvalidContact},
		{"https://vendor.example/", acme.UnsupportedContact},
		{"tel:+12025551212", acme.UnsupportedContact},
	} {
		kind, what := acme.WrongContact(tc.contact)
		if kind != tc.kind || (what == "") != (kind == "") {
			t.Errorf("%.60q: %s %q, want %q", tc.contact, kind, what, tc.kind)
		}
	}
}

func FuzzContact(f *testing.F) {
	for _, seed := range []string{"mailto:ops@vendor.example", "mailto:a%2Cb@x", "mailto:a@[1.2.3.4]", "tel:1", "mailto:\"a b\"@x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, contact string) {
		kind, what := acme.WrongContact(contact)
		if (kind == "") != (what == "") {
			t.Errorf("%q: %q %q", contact, kind, what)
		}
		if kind == "" && (!strings.EqualFold(contact[:min(7, len(contact))], "mailto:") || strings.ContainsAny(contact, "?,<>\r\n") || len(contact) > 320) {
			t.Errorf("%q: taken", contact)
		}
	})
}

func TestOneKeyOneAccountAtOnce(t *testing.T) {
	s := newScene(t, nil)
	key := newKey(t)
	var all sync.WaitGroup
	urls := make(chan string, 8)
	for range cap(urls) {
		c := newClient(t, s.Server)
		c.key = key
		body := c.sign("/acme/new-account", "{}")
		all.Go(func() {
			r, _ := c.send("/acme/new-account", body)
			urls <- r.Header.Get("Location")
		})
	}
	all.Wait()
	close(urls)
	first := <-urls
	for u := range urls {
		if u != first || u == "" {
			t.Errorf("%q and %q", first, u)
		}
	}
	if n := len(accountsOf(s)); n != 1 {
		t.Errorf("%d accounts of one key", n)
	}
}

func TestNewAccountWhereTheStoreFails(t *testing.T) {
	s := newScene(t, nil)
	c := newClient(t, s.Server)
	s.store.before.Store(1)
	r, body := c.post("/acme/new-account", "{}")
	wantRefused(t, r, body, http.StatusInternalServerError, acme.ServerInternal, "its log says why")
	if n := len(accountsOf(s)); n != 0 {
		t.Fatalf("%d accounts", n)
	}
	s.store.after.Store(1)
	r, body = c.post("/acme/new-account", "{}")
	wantRefused(t, r, body, http.StatusInternalServerError, acme.ServerInternal, "its log says why")
	made := accountsOf(s)
	if len(made) != 1 {
		t.Fatalf("%d accounts: the fault came after it was made", len(made))
	}
	// The client tries again, and gets the one that there is.
	c.register("{}", http.StatusOK)
	if c.account() != made[0].ID || len(accountsOf(s)) != 1 {
		t.Errorf("%s, and there was %s", c.account(), made[0].ID)
	}
}

func TestAccountUpdate(t *testing.T) {
	s := newScene(t, nil)
	c, other := registered(t, s.Server), registered(t, s.Server)
	r, body := c.post(c.kid, `{"contact":["mailto:a@vendor.example"]}`)
	wantStatus(t, r, body, http.StatusOK)
	want := []string{"mailto:a@vendor.example"}
	contact := func() []string {
		r, body := c.post(c.kid, nil)
		wantStatus(t, r, body, http.StatusOK)
		return read[accountDoc](t, body).Contact
	}
	if got := contact(); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(read[accountDoc](t, body).Contact, want) {
		t.Fatalf("got %q", got)
	}
	for _, payload := range []string{`{}`, `{"contact":null}`, `{"status":"valid","orders":"x","termsOfServiceAgreed":false}`} { // nothing to change, or nothing that may be
		r, body = c.post(c.kid, payload)
		wantStatus(t, r, body, http.StatusOK)
		if got := contact(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q", payload, got)
		}
	}
	r, body = c.post(c.kid, `{"contact":["mailto:a@vendor.example?cc=b"]}`)
	wantRefused(t, r, body, 400, acme.InvalidContact, "header fields")
	r, body = other.post(c.kid, `{"contact":[]}`)
	wantRefused(t, r, body, 403, acme.Unauthorized, "another account's")
	r, body = other.post(c.kid, nil)
	wantRefused(t, r, body, 403, acme.Unauthorized, "another account's")
	r, body = other.post(c.kid, `{"status":"deactivated"}`)
	wantRefused(t, r, body, 403, acme.Unauthorized, "another account's")
	if got := contact(); !reflect.DeepEqual(got, want) {
		t.Errorf("another account has changed it: %q", got)
	}
	r, body = c.post(c.kid, `{"contact":[]}`)
	wantStatus(t, r, body, http.StatusOK)
	if got := contact(); len(got) != 0 {
		t.Errorf("%q: not taken away", got)
	}
}

func TestDeactivatedForGood(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	resting := s.rest(c)
	r, body := c.post(c.kid, `{"status":"deactivated","contact":["mailto:x@vendor.example"]}`)
	wantStatus(t, r, body, http.StatusOK)
	if got := read[accountDoc](t, body); got.Status != acme.Deactivated || len(got.Contact) != 0 {
		t.Errorf("%+v", got)
	}
	resting.wantVoid("the account was deactivated")
	r, body = c.post(c.kid, nil)
	wantRefused(t, r, body, 401, acme.Unauthorized, "deactivated") // RFC 8555 §7.3.6
	r, body = c.post("/acme/new-order", `{"identifiers":[{"type":"dns","value":"vendor.example"}]}`)
	wantRefused(t, r, body, 401, acme.Unauthorized, "deactivated")
	for _, payload := range []string{`{}`, `{"onlyReturnExisting":true}`} {
		r, body = c.as(c.key, "").post("/acme/new-account", payload)
		wantRefused(t, r, body, 401, acme.Unauthorized, "neither it nor its key comes back")
	}
	if n := len(accountsOf(s)); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestKnownKeysMakeNoAccount(t *testing.T) {
	key := newKey(t)
	for _, known := range []bool{true, false} {
		s := newScene(t, func(c *acme.Config) {
			if known {
				c.Blocked = blocklist(t, key)
			}
		})
		c := newClient(t, s.Server)
		c.key = key
		r, body := c.post("/acme/new-account", "{}")
		if !known {
			wantStatus(t, r, body, http.StatusCreated)
			continue
		}
		wantRefused(t, r, body, 400, acme.BadPublicKey, "known to others")
		if n := len(accountsOf(s)); n != 0 {
			t.Errorf("%d accounts", n)
		}
	}
}

// blocklist has one key.
func blocklist(t *testing.T, key *ecdsa.PrivateKey) func() *weakkey.Blocklist {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	list, err := weakkey.ParseBlocklist(fmt.Appendf(nil, "%x\n", sha256.Sum256(der)))
	if err != nil {
		t.Fatal(err)
	}
	return func() *weakkey.Blocklist { return list }
}
