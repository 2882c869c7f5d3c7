package integration

import (
	"strings"
	"testing"
)

// TestACMEAccountsOfClients has clients look after their accounts: change the contact, ask for nothing new, and end them. With the
// key of an account that was ended nobody comes to a certificate again, whatever vouches for it.
func TestACMEAccountsOfClients(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	s := newACMEScene(t, 186, "record")
	certbot, uacme, dehydrated, node := clients["certbot"].(*certbot), clients["uacme"].(*uacme), clients["dehydrated"].(*dehydrated), clients["acme-client"].(*nodeACME)
	for i, tc := range []struct {
		name    string
		changes [][]string
		end     []string
		runs    func(t testing.TB, a *acmeActor, args ...string) (string, error)
	}{
		{"certbot", [][]string{{"update_account", "--email", acmeMail, "--no-eff-email"}, {"show_account"}}, []string{"unregister"},
			func(_ testing.TB, a *acmeActor, args ...string) (string, error) {
				return certbot.runs(a.acmeOrder, args...)
			}},
		{"uacme", [][]string{{"update", acmeMail}, {"update"}}, []string{"deactivate"},
			func(t testing.TB, a *acmeActor, args ...string) (string, error) {
				return uacme.runs(t, a.acmeOrder, args...)
			}},
		{"dehydrated", [][]string{{"--account"}}, []string{"--deactivate"},
			func(t testing.TB, a *acmeActor, args ...string) (string, error) {
				return dehydrated.runs(t, a.acmeOrder, args...)
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.actor(t, clients[tc.name], i, tc.name, acmeNone)
			s.grants(t, a, a.client.obtain)
			kept := a.path("kept")
			run(t, "", "", "cp", a.key, kept)
			for _, args := range tc.changes {
				if said, err := tc.runs(t, a, args...); err != nil {
					t.Errorf("%s: %v\n%s", args, err, acmeSaid(said))
				}
			}
			s.grants(t, a, a.client.obtain)
			if said, err := tc.runs(t, a, tc.end...); err != nil {
				t.Fatalf("%s: %v\n%s\nthe server:\n%s", tc.end, err, acmeSaid(said), s.requests())
			}
			out, code := commandLine(t, "", "acme", "accounts", "list", "--config", s.config)
			if code != 0 || strings.Count(out, "deactivated") != i+1 {
				t.Errorf("exit code %d: %s", code, out)
			}
			if tc.name != "uacme" { // the others throw the key away
				return
			}
			run(t, "", "", "cp", kept, a.key)
			if said, err := uacme.runs(t, a.acmeOrder, "new"); err == nil {
				t.Errorf("an account of a key whose account was ended:\n%s", acmeSaid(said))
			}
			s.refusesAt(t, a, "deactivated")
		})
	}
	t.Run("acme-client asks for its account again, with nothing new to say", func(t *testing.T) {
		a := s.actor(t, node, 7, "acme-client", acmeNone)
		for range 2 {
			if said, err := node.runs(t, a.acmeOrder, "account"); err != nil {
				t.Errorf("%v\n%s\nthe server:\n%s", err, acmeSaid(said), s.requests())
			}
		}
	})
}
