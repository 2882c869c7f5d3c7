package integration

import (
	"testing"
)

// TestACMEDirectoryOfAProfile gives clients that cannot choose a profile the directory of one: what the first profile wants a
// challenge for, the other gives by the record alone.
func TestACMEDirectoryOfAProfile(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	s := newACMEScene(t, 214, "challenge}, {name: machines, grant: record")
	first := s.directory
	for i, name := range []string{"acme-tiny", "lego", "uacme"} {
		t.Run(name, func(t *testing.T) {
			s.directory = first + "/machines"
			a := s.actor(t, clients[name], i, name, acmeNone)
			s.grants(t, a, a.client.obtain)
			a.directory = first
			key := a.client.account(t, a.acmeOrder)
			if key != a.key {
				s.publish(t, "add", key, a.names...)
			}
			if _, said, err := a.client.obtain(t, a.acmeOrder); err == nil {
				t.Errorf("the first profile wants a challenge, and none can be answered:\n%s", acmeSaid(said))
			}
			a.directory = first + "/machines"
			s.grants(t, a, a.client.obtain)
		})
	}
}
