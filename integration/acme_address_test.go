package integration

import (
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestACMEAddresses has clients that others wrote order certificates of addresses (RFC 8738). It is the reverse name that vouches
// for the account's key, in a signed zone on BIND: alone where the name says that this is enough, and beside each challenge.
func TestACMEAddresses(t *testing.T) {
	t.Parallel()
	clients := acmeClients(t)
	for number, grant := range map[int]string{200: "record", 202: "challenge"} {
		t.Run("grant "+grant, func(t *testing.T) {
			s := newACMEScene(t, number, grant)
			ipv4, ipv6 := fmt.Sprintf("127.%d.1.", number), fmt.Sprintf("fd7f:%d::", number)
			zone4, zone6 := s.reverseZone(t, ipv4+"0", 2), s.reverseZone(t, ipv6, 24)
			for i, name := range []string{"acmez", "caddy", "uacme", "xcrypto"} {
				t.Run(name, func(t *testing.T) {
					a := &acmeAddress{acmeActor: &acmeActor{client: clients[name], acmeOrder: s.client(t, i, name)}, zone: zone4}
					a.names = []string{a.address}
					s.playAddress(t, a, grant)
				})
			}
			s.reconfigure(t, "ipv6: false", "ipv6: true")
			for i, name := range []string{"acmez", "xcrypto"} {
				t.Run(name+" and IPv6", func(t *testing.T) {
					a := &acmeAddress{acmeActor: &acmeActor{client: clients[name], acmeOrder: s.client(t, 10+i, name+"-6")}, zone: zone6}
					a.names = []string{fmt.Sprintf("%s%x", ipv6, i+1)}
					a.address = "[" + a.names[0] + "]"
					run(t, "", "", "ip", "-6", "address", "replace", a.names[0]+"/128", "dev", "lo", "nodad")
					s.playAddress(t, a, grant)
				})
			}
		})
	}
}

// An acmeAddress is a client that orders its address.
type acmeAddress struct {
	*acmeActor
	zone    *zone  // which the reverse name is in
	reverse string // without the final dot
}

// reverseZone has the root delegate a signed zone to the domain's own name server: that of an address less so many labels.
func (s *acmeScene) reverseZone(t *testing.T, address string, less int) *zone {
	t.Helper()
	name, err := dns.ReverseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	z := s.add(t, s.leaf, dns.Fqdn(strings.Join(dns.SplitDomainName(name)[less:], ".")), dns.ECDSAP256SHA256)
	s.leaf.process.stop()
	s.leaf.start(t)
	root := s.internet.zones["."]
	root.edit(nil, z.records)
	s.root.edit(t, root, nil, s.leaf.ds(t, z))
	return z
}

// secured has the root say of a zone's keys what it is given, and returns what it said before.
func (s *acmeScene) secured(t testing.TB, z *zone, ds []dns.RR) (before []dns.RR) {
	t.Helper()
	root := s.internet.zones["."]
	before = root.set(z.name, dns.TypeDS)
	s.root.edit(t, root, before, ds)
	s.daemon.forget(t, strings.TrimSuffix(z.name, ".")) // a delegation may be known for its TTL
	return before
}

// playAddress has a client get certificates of its address, then none while one thing is wrong, then one again.
func (s *acmeScene) playAddress(t *testing.T, a *acmeAddress, grant string) {
	name, err := dns.ReverseAddr(a.names[0])
	if err != nil {
		t.Fatal(err)
	}
	a.reverse = strings.TrimSuffix(name, ".")
	optIn := records(t, fmt.Sprintf(`%s CAA 0 issue "%s; validationmethods=ca-cnf-01"`, name, acmeIdentity))
	a.challenge = acmeNone
	if grant == "challenge" {
		a.challenge = "http-01"
		if _, itself := a.client.(*caddy); !itself {
			s.web(t, a.acmeOrder)
		}
	} else {
		s.leaf.edit(t, a.zone, nil, optIn)
	}
	a.key = a.client.account(t, a.acmeOrder)
	s.publish(t, "add", a.key, a.reverse)
	s.certified(t, a)
	for _, other := range a.client.answers() {
		// The Caddy of Debian 12 writes the address into a dNSName, which is not what RFC 8738 §6 says.
		if _, is := a.client.(*caddy); grant == "challenge" && other == "tls-alpn-01" && !is {
			a.challenge = other
			s.certified(t, a)
			a.challenge = "http-01"
		}
	}
	for _, f := range []struct {
		claim, says, only string
		breaks            func() (mend func())
	}{
		{"the record is removed", "(record_absent). Add to its zone: jwk.cnf." + name, "", func() func() {
			s.publish(t, "remove", a.key, a.reverse)
			return func() { s.publish(t, "add", a.key, a.reverse) }
		}},
		{"the record is of another key", "(record_differs)", "", func() func() {
			other := s.another(t)
			s.publish(t, "add", other, a.reverse)
			s.publish(t, "remove", a.key, a.reverse)
			return func() {
				s.publish(t, "add", a.key, a.reverse)
				s.publish(t, "remove", other, a.reverse)
			}
		}},
		{"the reverse zone is not secure", "(insecure", "", func() func() {
			ds := s.secured(t, a.zone, nil)
			return func() { s.secured(t, a.zone, ds) }
		}},
		{"the reverse name does not opt in", "validationmethods=ca-cnf-01", "record", func() func() {
			s.leaf.edit(t, a.zone, optIn, nil)
			return func() { s.leaf.edit(t, a.zone, nil, optIn) }
		}},
	} {
		if f.only != "" && f.only != grant {
			continue
		}
		mend := f.breaks()
		s.refusesAt(t, a.acmeActor, f.says)
		mend()
	}
	s.certified(t, a)
}

// certified has a client obtain a certificate, and OpenSSL say that it is its address's and nothing else's.
func (s *acmeScene) certified(t *testing.T, a *acmeAddress) {
	t.Helper()
	openssl := testneeds.Binary(t, "openssl", "openssl")
	s.requests()
	chain, told, err := a.client.obtain(t, a.acmeOrder)
	seen := s.requests()
	if err != nil {
		t.Fatalf("%s: %v\n%s\nthe server:\n%s", a.challenge, err, acmeSaid(told), seen)
	}
	leaf := a.proven(t, chain, s.roots)[0]
	if answered := strings.Contains(seen, "POST /acme/chall/"); answered != (a.challenge != acmeNone) {
		t.Errorf("a challenge was answered: %v\n%s", answered, seen)
	}
	write(t, a.path("leaf.pem"), inPEM("CERTIFICATE", leaf.Raw))
	_, above := pem.Decode(chain)
	write(t, a.path("above.pem"), string(above))
	names := run(t, "", "", openssl, "x509", "-in", a.path("leaf.pem"), "-noout", "-ext", "subjectAltName")
	if strings.Count(names, "IP Address:") != 1 || strings.Contains(names, "DNS:") || strings.Contains(names, ",") {
		t.Errorf("OpenSSL reads %s", names)
	}
	verify := func(address string) string {
		return said(openssl, "verify", "-CAfile", filepath.Join(s.dir, "ca", "root.pem"), "-untrusted", a.path("above.pem"), "-verify_ip", address, a.path("leaf.pem"))
	}
	if out := verify(a.names[0]); !strings.Contains(out, ": OK") {
		t.Errorf("OpenSSL: %s", out)
	}
	if out := verify("127.0.0.1"); !strings.Contains(out, "IP address mismatch") {
		t.Errorf("OpenSSL on another address: %s", out)
	}
}
