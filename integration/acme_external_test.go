package integration

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestACMEExternalAccounts has clients make accounts with the keys that `cnfd acme external add` gives out, where there are no
// others. What is granted with the key needs no word of the domain's: the record is enough, for that name.
func TestACMEExternalAccounts(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	s := newACMEScene(t, 184, "record", "external_accounts: true")
	for i, name := range []string{"certbot", "lego", "uacme"} {
		t.Run(name, func(t *testing.T) {
			a := &acmeActor{client: clients[name], acmeOrder: s.client(t, i, name, "www")}
			a.challenge, a.external = acmeNone, s.external(t, a.names[0])
			a.key = a.client.account(t, a.acmeOrder)
			s.publish(t, "add", a.key, a.names...)
			both := a.names
			a.names = both[:1]
			s.grants(t, a, a.client.obtain)
			a.names = both
			s.refusesAt(t, a, "ca-cnf-01")
			s.optIn(t, both[1])
			s.grants(t, a, a.client.obtain)
			s.publish(t, "remove", a.key, both[0])
			s.refusesAt(t, a, "(record_absent)")
		})
	}
	t.Run("without a key there is no account", func(t *testing.T) {
		a := &acmeActor{client: clients["acmez"], acmeOrder: s.client(t, 9, "acmez")}
		a.challenge = acmeNone
		s.refusesAt(t, a, "externalAccountRequired")
	})
}

// external is a new external account, which is granted the names.
func (s *acmeScene) external(t testing.TB, names ...string) *acmeExternal {
	t.Helper()
	argv := []string{"acme", "external", "add", "--json", "--config", s.config}
	for _, name := range names {
		argv = append(argv, "--domain", name)
	}
	out, code := commandLine(t, "", argv...)
	var made struct {
		KID string
		Key string `json:"hmac_key"`
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&made); code != 0 || err != nil || made.KID == "" || made.Key == "" {
		t.Fatalf("exit code %d: %v: %s", code, err, out)
	}
	return &acmeExternal{made.KID, made.Key}
}
