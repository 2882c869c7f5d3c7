package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestGatewaysHandNoncesOn has nginx and Caddy ask a daemon that demands nonces in DPoP proofs: npm's openid-client gets
// through by itself, and a proof passes with the nonce that was given and with no other.
func TestGatewaysHandNoncesOn(t *testing.T) {
	t.Parallel()
	for name, launch := range map[string]func(*gateway, *testing.T){"nginx": launchNginx, "caddy": launchCaddy} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, name, map[string]int{"nginx": 91, "caddy": 92}[name], launch)
			of := g.steady(t)
			g.passes(t, g.fresh(t, of, townThing))
			file := filepath.Join(filepath.Dir(g.daemon.unix), "cnfd.yaml")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, replaced(string(text), "possession: [dpop, mtls]", "possession: [dpop, mtls]\n  dpop_nonce: true"))
			g.daemon.process.signal(syscall.SIGHUP)
			const wanted = `DPoP error="use_dpop_nonce", `
			given := ""
			await(t, "a nonce", func() error {
				status, head, _ := g.asks(t, g.fresh(t, of, townThing))
				if given = head.Get("DPoP-Nonce"); status != http.StatusUnauthorized || given == "" || !strings.HasPrefix(head.Get("WWW-Authenticate"), wanted) {
					return fmt.Errorf("%d %v", status, head)
				}
				return nil
			})
			t.Run("the client's own calls get through", func(t *testing.T) {
				g.behind.since()
				g.call(t, of, of.Holder, "GET", "https://gateway.example/things?of=7")
				if through := g.behind.since(); len(through) != 1 || through[0].Get("Cnf-Outcome") != "confirmed" {
					t.Errorf("%v", through)
				}
			})
			t.Run("a proof with another nonce", func(t *testing.T) {
				defer g.resource.demand("")
				g.resource.demand(given)
				status, head, _ := g.asks(t, g.fresh(t, of, townThing))
				// Caddy has no way to hand a header of what passes on to the client.
				if told := head.Get("DPoP-Nonce"); status != http.StatusOK || (told != "") != (name == "nginx") {
					t.Fatalf("with the right one: %d %v", status, head)
				}
				g.resource.demand("another")
				status, head, _ = g.asks(t, g.fresh(t, of, townThing))
				if status != http.StatusUnauthorized || !strings.HasPrefix(head.Get("WWW-Authenticate"), wanted) {
					t.Errorf("%d %v", status, head)
				}
			})
		})
	}
}
