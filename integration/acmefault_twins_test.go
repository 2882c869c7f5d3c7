package integration

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestACMETwins has two daemons serve from one CA and one store. One is killed again and again, and in the end for good: clients
// of the other notice nothing of it, and the other takes up what was left.
func TestACMETwins(t *testing.T) {
	t.Parallel()
	f := newACMEFault(t, 178, bind{}, true, "")
	f.serve(t)
	g := f.twin(t)
	g.serve(t)
	dying := &crowd{acmeFault: f, clients: f.clients(t, "a", "b"), revoked: map[string]bool{}, others: map[string]int{}}
	living := &crowd{acmeFault: g, clients: g.clients(t, "c", "d"), revoked: map[string]bool{}, others: map[string]int{}}
	for _, c := range []*crowd{dying, living} {
		for _, client := range c.clients {
			client.register(t)
			client.obtains(t)
		}
	}
	restDying, restLiving := dying.begin(t), living.begin(t)
	defer restDying()
	defer restLiving()
	for i := range 15 {
		if i > 0 {
			f.serve(t)
		}
		for before := dying.issued.Load(); dying.issued.Load() < before+3 && !t.Failed(); time.Sleep(time.Millisecond) {
		}
		time.Sleep(time.Duration(rand.Int64N(int64(100 * time.Millisecond)))) // any instant
		f.kill()
	}
	restDying()
	restLiving()
	left := audit(t, f.store(), append(dying.received(), living.received()...)...).processing
	for _, client := range dying.clients {
		client.wire.Transport = g.transport()
	}
	dying.resume(t)
	living.number(t) // what its clients have revoked is on its list
	after := audit(t, f.store(), append(dying.received(), living.received()...)...)
	for _, c := range []*crowd{dying, living} {
		for serial := range c.revoked {
			if !after.revoked[serial] {
				t.Errorf("certificate %s was revoked, and its client told so: it is not", serial)
			}
		}
		for what, n := range c.others {
			t.Errorf("%d times: %s", n, what)
		}
	}
	if living.cut > 0 || len(living.left) > 0 {
		t.Errorf("of the server that lived %d answers were cut off", living.cut)
	}
	if dying.cut == 0 || left == 0 {
		t.Errorf("%d answers cut off, %d orders left while they were being worked on: nothing is shown", dying.cut, left)
	}
	t.Logf("figure: one of two killed 15 times: %d certificates, %d of them by the other; %d orders left of which %d were being worked on", after.certificates, living.issued.Load(), len(dying.left), left)
}

// twin is another daemon on the same CA and store, at an address of its own; clients know both by the same URL.
func (f *acmeFault) twin(t testing.TB) *acmeFault {
	t.Helper()
	text, err := os.ReadFile(f.config())
	if err != nil {
		t.Fatal(err)
	}
	g, n := *f, daemons.Add(1)
	g.dir, g.address = filepath.Join(work, fmt.Sprintf("cnfd-%d", n)), f.address[:len(f.address)-1]+"1"
	g.served = &daemon{tcp: fmt.Sprintf("127.0.0.1:%d", 8000+n), unix: filepath.Join(g.dir, "sock"), dns: netip.MustParseAddrPort(fmt.Sprintf("127.0.0.2:%d", 8000+n))}
	config := string(text)
	for _, change := range [][2]string{
		{"listen: " + f.address, fmt.Sprintf("listen: %s\n  directory: %q", g.address, f.ca)},
		{f.served.tcp, g.served.tcp}, {f.served.unix, g.served.unix}, {f.served.dns.String(), g.served.dns.String()},
		{filepath.Join(f.dir, "state") + `"` + "\n", filepath.Join(g.dir, "state") + `"` + "\n"},
	} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("the configuration has no %s", change[0])
		}
		config = strings.Replace(config, change[0], change[1], 1)
	}
	write(t, g.config(), config)
	return &g
}
