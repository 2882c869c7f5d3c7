package integration

import (
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	cnfdacme "cnfd/acme"

	"github.com/miekg/dns"
	"golang.org/x/crypto/acme"
)

// A dnsTrouble is what happens to a domain between an authorization and its order's end, and how that is put right again.
type dnsTrouble struct {
	claim, reason string
	proven        bool // that the record is not there: the order is refused for good
	breaks        func(t testing.TB, f *acmeFault, c *faultClient) (mend func())
}

// taken takes records of a client's name away by a dynamic update.
func taken(rtype uint16, label string) func(testing.TB, *acmeFault, *faultClient) func() {
	return func(t testing.TB, f *acmeFault, c *faultClient) func() {
		gone := f.zone.set(label+c.name+".", rtype)
		f.leaf.edit(t, f.zone, gone, nil)
		return func() { f.leaf.edit(t, f.zone, nil, gone) }
	}
}

var bindTroubles = []dnsTrouble{
	{"the record is removed by its owner", "record_absent", true, func(t testing.TB, f *acmeFault, c *faultClient) func() {
		key := f.accountFile(t, c)
		f.publish(t, "remove", key, c)
		return func() { f.publish(t, "add", key, c) }
	}},
	{"the record is deleted by nsupdate", "record_absent", true, taken(dns.TypeTLSA, "jwk.cnf.")},
	{"the record is replaced", "record_differs", true, func(t testing.TB, f *acmeFault, c *faultClient) func() {
		mine, other := f.zone.set("jwk.cnf."+c.name+".", dns.TypeTLSA), records(t, "jwk.cnf."+c.name+". TLSA 255 255 255 "+subjectsKey)
		f.leaf.edit(t, f.zone, mine, other)
		return func() { f.leaf.edit(t, f.zone, other, mine) }
	}},
	{"the domain takes its opt-in back", "it has no CAA records of its own", true, taken(dns.TypeCAA, "")},
	{"the registry takes the DS away, a minute ago", "insecure", false, func(t testing.TB, f *acmeFault, c *faultClient) func() {
		example := f.internet.zones["example."]
		gone := example.set(f.zone.name, dns.TypeDS)
		f.internet.tld.edit(t, example, gone, nil)
		f.jumps(t, f.later+cnfdacme.ChainAge+time.Second)
		return func() { f.internet.tld.edit(t, example, nil, gone) }
	}},
	{"the zone is served without its signatures", "bogus", false, func(t testing.TB, f *acmeFault, c *faultClient) func() {
		f.leaf.unsign(t, f.zone)
		return func() {
			f.leaf.process.stop()
			f.zone.unsigned = false
			f.leaf.start(t)
		}
	}},
	{"the only server is dead", "unreachable", false, func(t testing.TB, f *acmeFault, c *faultClient) func() {
		f.leaf.process.stop()
		return func() { f.leaf.start(t) }
	}},
	{"the only server hears and does not answer", "unreachable", false, func(t testing.TB, f *acmeFault, c *faultClient) func() {
		f.leaf.process.signal(syscall.SIGSTOP)
		return func() { f.leaf.process.signal(syscall.SIGCONT) }
	}},
}

var nsdTroubles = []dnsTrouble{
	{"the signatures are of last month", "bogus", false, lags(30 * day)},
	{"the signatures are of next week", "bogus", false, lags(-7 * day)},
}

func lags(behind time.Duration) func(testing.TB, *acmeFault, *faultClient) func() {
	return func(t testing.TB, f *acmeFault, c *faultClient) func() {
		f.internet.sign(t, f.zone.name, behind)
		return func() { f.internet.sign(t, f.zone.name, 0) }
	}
}

// TestACMEDNSTrouble lets something happen to the DNS after an order has become ready: no certificate comes of it.
func TestACMEDNSTrouble(t *testing.T) {
	t.Parallel()
	for i, s := range []struct {
		name     string
		leaf     software
		troubles []dnsTrouble
	}{{"BIND", bind{}, bindTroubles}, {"NSD", nsd{}, nsdTroubles}} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			f := newACMEFault(t, 172+i, s.leaf, false, "")
			f.serve(t)
			c := f.clients(t, "vouched")[0]
			c.register(t)
			for _, trouble := range s.troubles {
				t.Run(trouble.claim, func(t *testing.T) { f.befalls(t, c, trouble) })
			}
		})
	}
}

func (f *acmeFault) befalls(t *testing.T, c *faultClient, trouble dnsTrouble) {
	c.obtains(t)
	o, err := c.orders(shortly(t))
	if err != nil {
		t.Fatal(err)
	}
	before := audit(t, f.store()).certificates
	mend := trouble.breaks(t, f, c)
	leaf, err := c.finalizes(shortly(t), o)
	if err == nil {
		t.Errorf("certificate %s", serialOf(leaf))
	}
	said := c.said()
	if !strings.Contains(said, "("+trouble.reason) {
		t.Errorf("no %q in %q (%v)", trouble.reason, said, err)
	}
	if now := audit(t, f.store()).certificates; now != before {
		t.Errorf("%d certificates more", now-before)
	}
	if _, err := c.orders(shortly(t)); err == nil || !strings.Contains(c.said(), "("+trouble.reason) {
		t.Errorf("a new order: %v\n%s", err, c.said())
	}
	if again := c.wire.problem.Retry; (again == "") != trouble.proven {
		t.Errorf("Retry-After: %q", again)
	}
	mend()
	f.later += time.Minute + time.Second
	f.clock.set(t, f.later) // for so long a failure is remembered (RFC 9520 section 3.2)
	now, err := c.GetOrder(shortly(t), o.URI)
	if want := map[bool]string{true: acme.StatusInvalid, false: acme.StatusReady}[trouble.proven]; err != nil || now.Status != want {
		t.Fatalf("the order is %v, want %s: %v", now, want, err)
	}
	await(t, "a new order", func() error {
		_, err := c.orders(shortly(t))
		return err
	})
	if _, err := c.finalizes(shortly(t), o); (err == nil) == trouble.proven {
		t.Errorf("the order, once all is right again: %v", err)
	}
	c.obtains(t)
}

// accountFile writes the key of an account into a file, for `cnfd publish`.
func (f *acmeFault) accountFile(t testing.TB, c *faultClient) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.dir, c.name+".key")
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return path
}

// publish has `cnfd publish` add or remove a client's record; what the zone's owner knows of it follows.
func (f *acmeFault) publish(t testing.TB, verb, key string, c *faultClient) {
	t.Helper()
	if out, code := commandLine(t, "", "publish", verb, "--config", f.config(), "--subject", "https://"+c.name, "--key", key); code != 0 {
		t.Fatalf("publish %s: exit code %d: %s", verb, code, out)
	}
	owner := "jwk.cnf." + c.name + "."
	f.zone.records = slices.DeleteFunc(f.zone.records, func(rr dns.RR) bool { return rr.Header().Name == owner })
	if verb == "add" {
		f.zone.records = append(f.zone.records, tlsa(t, owner, c.digest))
	}
}
