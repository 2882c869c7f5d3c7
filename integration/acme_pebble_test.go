package integration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// TestACMEClientsOnPebble shows that the clients are run as they want to be: an ACME server that is not ours validates what they
// answer to challenges, by names that it finds in the lab's DNS, and issues to them.
func TestACMEClientsOnPebble(t *testing.T) {
	t.Parallel()
	l := newACMELab(t, 160)
	const port = 16000
	roots := l.startPebble(t, port, []string{"PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0"}, "-dnsserver", l.resolver)
	l.front(t, fmt.Sprintf("127.0.0.1:%d", port+9), fmt.Sprintf("127.0.0.1:%d", port), "/dir", l.ca)
	clients := acmeClients(t)
	for i, name := range slices.Sorted(maps.Keys(clients)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clients[name]
			o := l.client(t, i, name, "www")
			if name != "caddy" {
				l.web(t, o)
			}
			o.challenge = c.answers()[0]
			t.Log(c.account(t, o))
			for _, o.challenge = range c.answers() {
				chain, said, err := c.obtain(t, o)
				if err != nil {
					t.Fatalf("%s: %v\n%s", o.challenge, err, acmeSaid(said))
				}
				o.proven(t, chain, roots)
			}
			chain, said, err := c.renew(t, o)
			if err != nil {
				t.Fatalf("renewal: %v\n%s", err, acmeSaid(said))
			}
			o.proven(t, chain, roots)
			if said, err := c.revoke(t, o); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("revocation: %v\n%s", err, acmeSaid(said))
			}
		})
	}
}
