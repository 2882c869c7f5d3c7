package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"cnfd/acme"
)

func accountsByID(t *testing.T, s acme.Store) {
	for _, id := range []string{"b", "a", "é", "B", "c-2", "c", "_"} {
		puts(t, s, acme.Tx.PutAccount, &acme.Account{ID: id, Status: acme.Valid})
	}
	for _, tc := range []struct {
		after string
		most  int
		want  string
	}{
		{"", 10, "B _ a b c c-2 é "}, // by octets
		{"", 2, "B _ "},
		{"_", 2, "a b "},
		{"c", 9, "c-2 é "},
		{"bb", 1, "c "}, // which is no account's
		{"é", 9, ""},
		{"", 0, ""},
		{"", -1, ""},
	} {
		got := ids(reads(t, s, func(tx acme.Tx) ([]*acme.Account, error) { return tx.Accounts(tc.after, tc.most) }), accountID)
		if got != tc.want {
			t.Errorf("%d after %q: %s, want %s", tc.most, tc.after, got, tc.want)
		}
	}
}

func keyUses(t *testing.T, s acme.Store) {
	use := func(key, account string, current bool) error {
		return s.Update(t.Context(), func(tx acme.Tx) error {
			return tx.PutKeyUse(&acme.KeyUse{Thumbprint: key, Account: account, Current: current})
		})
	}
	is := func(key string, want acme.KeyUse) {
		t.Helper()
		if got := reads(t, s, func(tx acme.Tx) (*acme.KeyUse, error) { return tx.KeyUse(key) }); *got != want {
			t.Errorf("%+v, want %+v", *got, want)
		}
	}
	if err := errors.Join(use("k1", "a", true), use("k2", "b", true)); err != nil {
		t.Fatal(err)
	}
	is("k1", acme.KeyUse{Thumbprint: "k1", Account: "a", Current: true})
	if err := use("k1", "b", true); !errors.Is(err, acme.ErrExists) {
		t.Errorf("a key of another account: %v", err)
	}
	if err := errors.Join(use("k1", "a", false), use("k3", "a", true)); err != nil { // a has changed its key
		t.Fatal(err)
	}
	if err := use("k1", "b", true); !errors.Is(err, acme.ErrExists) {
		t.Errorf("a former key of another account: %v", err)
	}
	puts(t, s, acme.Tx.PutAccount, &acme.Account{ID: "a", Status: acme.Deactivated})
	update(t, s, func(tx acme.Tx) error { _, err := tx.Prune(day.AddDate(100, 0, 0), 1000); return err })
	is("k1", acme.KeyUse{Thumbprint: "k1", Account: "a"})
	is("k2", acme.KeyUse{Thumbprint: "k2", Account: "b", Current: true})
	is("k3", acme.KeyUse{Thumbprint: "k3", Account: "a", Current: true})
}

func externals(t *testing.T, s acme.Store) {
	puts(t, s, acme.Tx.PutExternalAccount, &acme.ExternalAccount{KID: "two", Key: []byte("secret")}, &acme.ExternalAccount{KID: "one", Removed: true})
	puts(t, s, acme.Tx.PutExternalAccount, &acme.ExternalAccount{KID: "two", Key: []byte("secret"), Account: "a"})
	all := reads(t, s, acme.Tx.ExternalAccounts)
	if got := ids(all, func(e *acme.ExternalAccount) string { return e.KID + e.Account }); got != "one twoa " {
		t.Errorf("external accounts: %s", got)
	}
	g := []acme.Grantee{{Account: "b", Domain: "a.example"}, {Account: "a", Domain: "b.example"}, {Account: "a", Domain: "*.b.example"}}
	puts(t, s, acme.Tx.PutGrant, append(g, g[0])...)
	want := []acme.Grantee{g[2], g[1], g[0]}
	if got := reads(t, s, acme.Tx.Grants); !slices.Equal(got, want) {
		t.Errorf("grants: %v, want %v", got, want)
	}
	of := func(account string) []acme.Grantee {
		return reads(t, s, func(tx acme.Tx) ([]acme.Grantee, error) { return tx.GrantsOf(account) })
	}
	if a, b, c := of("a"), of("b"), of("c"); !slices.Equal(a, want[:2]) || !slices.Equal(b, want[2:]) || len(c) > 0 {
		t.Errorf("of a: %v, b: %v, c: %v", a, b, c)
	}
	puts(t, s, acme.Tx.DropGrant, g[1])
	if got := reads(t, s, acme.Tx.Grants); !slices.Equal(got, []acme.Grantee{g[2], g[0]}) {
		t.Errorf("grants after one was dropped: %v", got)
	}
	for _, none := range []acme.Grantee{g[1], {Account: "b", Domain: "b.example"}, {}} {
		if err := s.Update(t.Context(), func(tx acme.Tx) error { return tx.DropGrant(none) }); !errors.Is(err, acme.ErrNotFound) {
			t.Errorf("dropping %v, which is not there: %v", none, err)
		}
	}
}

func noncesOnce(t *testing.T, s acme.Store) {
	taken := func() []string {
		var n []string
		update(t, s, func(tx acme.Tx) (err error) { n, err = tx.Nonces(); return err })
		slices.Sort(n)
		return n
	}
	many := make([]string, 65536)
	for i := range many {
		many[i] = fmt.Sprintf("%022d", i)
	}
	puts(t, s, acme.Tx.PutNonces, many, nil, []string{"b", "a"}, []string{"b"})
	if err := s.Update(t.Context(), func(tx acme.Tx) error { _, err := tx.Nonces(); return errors.Join(err, errOwn) }); !errors.Is(err, errOwn) {
		t.Fatal(err) // nothing is taken out by what comes to nothing
	}
	if n := taken(); !slices.Equal(n, append(many, "a", "b")) {
		t.Errorf("%d nonces were taken out of %d", len(n), len(many)+2)
	}
	if n := taken(); len(n) != 0 {
		t.Errorf("%d were taken out twice", len(n))
	}
}

// samples are one of each thing, with all that it can have.
func samples() map[string]struct {
	thing any
	put   func(acme.Tx) error
	get   func(acme.Tx) (any, error)
} {
	type sample = struct {
		thing any
		put   func(acme.Tx) error
		get   func(acme.Tx) (any, error)
	}
	at := func(n int) time.Time { return day.Add(time.Duration(n) * time.Nanosecond) }
	p := &acme.Problem{Kind: acme.Unauthorized, Detail: "add <this> & \"that\": ☃", Status: 403, Identifier: &acme.Identifier{Type: "dns", Value: "a.example"},
		Subproblems: []*acme.Problem{{Kind: acme.CAA, Detail: "x"}}, Algorithms: []string{"ES256"}}
	names := []acme.Identifier{{Type: "dns", Value: "*.a.example"}, {Type: "ip", Value: "2001:db8::1"}}
	octets := []byte{0, 1, 0xff, '"'}
	account := &acme.Account{ID: "a", Status: acme.Valid, Key: []byte(`{"kty":"OKP"}`), Thumbprint: "t", Contact: []string{"mailto:a@a.example"}, Terms: true, TermsURL: "u", External: "e", Binding: octets, Created: at(1)}
	use := &acme.KeyUse{Thumbprint: "t", Account: "a", Current: true}
	order := &acme.Order{ID: "o", Account: "a", Thumbprint: "t", Profile: "p", State: acme.OrderProcessing, Identifiers: names, Authorizations: []string{"z", "z", "y"},
		Created: at(2), Expires: at(3), NotBefore: at(4), NotAfter: at(5), Replaces: "r.s", Error: p, Certificate: "c", CSR: octets, Lease: at(6), Tries: 7}
	authorization := &acme.Authorization{ID: "z", Account: "a", Thumbprint: "t", Identifier: names[1], Wildcard: true, Status: acme.Valid, Expires: at(8), Profile: "p", Method: acme.MethodDNS, Ahead: true,
		Challenges: []acme.Challenge{{Type: acme.MethodDNS, Token: "k", Status: acme.Invalid, Validated: at(9), Error: p, Lease: at(10), Tries: 11}}}
	reservation := &acme.Reservation{Serial: "c", Order: "o", TBS: octets, Created: at(12)}
	certificate := &acme.Certificate{Serial: "c0", Issuer: "i", Account: "a", Order: "o", Profile: "p", Identifiers: names, Leaf: octets, Chains: []string{"b", "b2"}, KeyHash: "h", AKI: octets,
		Issued: at(13), NotBefore: at(14), NotAfter: at(15), ReplacedBy: "d", Revoked: at(16), Reason: 4}
	list := &acme.CRL{Issuer: "i", Number: 1 << 60, DER: octets, ThisUpdate: at(17), NextUpdate: at(18), Count: 19}
	external := &acme.ExternalAccount{KID: "e", Key: octets, Note: "n", Domains: []string{"*.a.example"}, Account: "a", Created: at(20), Removed: true}
	return map[string]sample{
		"account":          {account, func(tx acme.Tx) error { return tx.PutAccount(account) }, func(tx acme.Tx) (any, error) { return tx.Account("a") }},
		"key use":          {use, func(tx acme.Tx) error { return tx.PutKeyUse(use) }, func(tx acme.Tx) (any, error) { return tx.KeyUse("t") }},
		"order":            {order, func(tx acme.Tx) error { return tx.PutOrder(order) }, func(tx acme.Tx) (any, error) { return tx.Order("o") }},
		"authorization":    {authorization, func(tx acme.Tx) error { return tx.PutAuthorization(authorization) }, func(tx acme.Tx) (any, error) { return tx.Authorization("z") }},
		"reservation":      {reservation, func(tx acme.Tx) error { return tx.Reserve(reservation) }, func(tx acme.Tx) (any, error) { return tx.Reservation("c") }},
		"certificate":      {certificate, func(tx acme.Tx) error { return tx.PutCertificate(certificate) }, func(tx acme.Tx) (any, error) { return tx.Certificate("c0") }},
		"revocation list":  {list, func(tx acme.Tx) error { return tx.PutCRL(list) }, func(tx acme.Tx) (any, error) { return tx.CRL("i") }},
		"external account": {external, func(tx acme.Tx) error { return tx.PutExternalAccount(external) }, func(tx acme.Tx) (any, error) { return tx.ExternalAccount("e") }},
	}
}

func wholeThings(t *testing.T, s acme.Store) {
	for name, one := range samples() {
		full(t, one.thing)
		update(t, s, one.put)
		if got := reads(t, s, one.get); !reflect.DeepEqual(got, one.thing) {
			t.Errorf("%s: %+v came back as %+v", name, one.thing, got)
		}
	}
	// What has as little as it can, and times of another zone.
	bare := &acme.Account{ID: "bare", Created: day.In(time.FixedZone("", 3600)), Contact: []string{}}
	puts(t, s, acme.Tx.PutAccount, bare)
	got := reads(t, s, func(tx acme.Tx) (*acme.Account, error) { return tx.Account("bare") })
	if !got.Created.Equal(bare.Created) || got.Contact == nil || got.Key != nil {
		t.Errorf("%+v came back as %+v", bare, got)
	}
	puts(t, s, putOrder, &acme.Order{ID: "bare"})
	if got := reads(t, s, func(tx acme.Tx) (*acme.Order, error) { return tx.Order("bare") }); !reflect.DeepEqual(got, &acme.Order{ID: "bare"}) {
		t.Errorf("an order of nothing came back as %+v", got)
	}
}

func absentThings(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error {
		for name, one := range samples() {
			if _, err := one.get(tx); !errors.Is(err, acme.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := tx.Blob("b"); !errors.Is(err, acme.ErrNotFound) {
			t.Errorf("blob: %v", err)
		}
		if err := tx.DropGrant(acme.Grantee{Account: "a"}); !errors.Is(err, acme.ErrNotFound) {
			t.Errorf("grant: %v", err)
		}
		if err := errors.Join(tx.Reserve(&acme.Reservation{Serial: "1"}), tx.PutKeyUse(&acme.KeyUse{Thumbprint: "t", Account: "a"})); err != nil {
			t.Error(err)
		}
		if err := tx.Reserve(&acme.Reservation{Serial: "1"}); !errors.Is(err, acme.ErrExists) {
			t.Error(err)
		}
		return putCounter(tx, "a", 1)
	})
	nothingOf(t, s)
}

func copies(t *testing.T, s acme.Store) {
	given := &acme.Account{ID: "a", Key: []byte("key"), Contact: []string{"mailto:a@a.example"}}
	blob := []byte("blob")
	update(t, s, func(tx acme.Tx) error {
		if err := errors.Join(tx.PutAccount(given), tx.PutBlob("b", blob)); err != nil {
			return err
		}
		given.Key[0], given.Contact[0], blob[0] = 'X', "X", 'X'
		for range 2 {
			got, err := tx.Account("a")
			if err != nil {
				return err
			}
			octets, err := tx.Blob("b")
			if err != nil {
				return err
			}
			if string(got.Key) != "key" || got.Contact[0] != "mailto:a@a.example" || string(octets) != "blob" {
				t.Errorf("another's hand is seen: %+v, %s", got, octets)
			}
			got.Key[0], got.Contact[0], octets[0] = 'Y', "Y", 'Y'
		}
		return nil
	})
	if got := reads(t, s, func(tx acme.Tx) (*acme.Account, error) { return tx.Account("a") }); string(got.Key) != "key" {
		t.Errorf("another's hand was kept: %+v", got)
	}
}
