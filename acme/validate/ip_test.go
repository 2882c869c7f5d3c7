package validate

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"cnfd/acme"
)

// families are loopback's addresses, as they stand in a URL, and their names in the reverse tree.
var families = []struct{ address, inURL, reverse string }{
	{"127.0.0.1", "127.0.0.1", "1.0.0.127.in-addr.arpa"},
	{"::1", "[::1]", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"},
}

// TestHTTPOfAddresses: an address is asked directly, the DNS is not (RFC 8738 §4), and it may be redirected to
// itself and to names.
func TestHTTPOfAddresses(t *testing.T) {
	for _, f := range families {
		t.Run(f.address, func(t *testing.T) {
			n := newNames(t)
			n.put(vendor, "A", "127.0.0.1")
			n.put(vendor, "AAAA", "::1")
			var hosts []string
			location := ""
			l, err := net.Listen("tcp", net.JoinHostPort(f.address, "0"))
			if err != nil {
				t.Fatal(err)
			}
			s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				hosts = append(hosts, r.Host)
				if location != "" && r.URL.Path != "/answer" {
					http.Redirect(out, r, location, http.StatusFound)
					return
				}
				fmt.Fprint(out, keyAuth)
			})}}
			s.Start()
			defer s.Close()
			v := validator(t, Config{Source: n, AllowNetworks: loopback, HTTPPort: portOf(t, l.Addr())})
			i := acme.Identifier{Type: acme.TypeIP, Value: f.address}
			passes(t, v, acme.MethodHTTP, i)
			if len(n.asked) > 0 || fmt.Sprint(hosts) != "["+f.inURL+"]" {
				t.Errorf("asked the DNS for %q; host %q", n.asked, hosts)
			}
			for _, to := range []string{"/answer", "http://" + f.inURL + "/answer", "http://" + vendor + "/answer"} {
				location = to
				passes(t, v, acme.MethodHTTP, i)
			}
			location = "http://127.0.0.2/answer"
			want{acme.IncorrectResponse, false, "no address that is not the identifier"}.holds(t, v.Validate(t.Context(), acme.MethodHTTP, i, token, keyAuth))
		})
	}
}

// TestTLSALPNOfAddresses: the server's name is the one in the reverse tree, and the certificate has the address (RFC 8738 §6).
func TestTLSALPNOfAddresses(t *testing.T) {
	for _, f := range families {
		t.Run(f.address, func(t *testing.T) {
			r := newResponder(t, f.address, acme.Identifier{Type: acme.TypeIP, Value: f.address}, f.reverse)
			r.template.DNSNames, r.template.IPAddresses = nil, []net.IP{net.ParseIP(f.address)}
			passes(t, validator(t, r.config), acme.MethodTLSALPN, r.identifier)
			if len(r.asked) > 0 {
				t.Errorf("asked the DNS for %q", r.asked)
			}
			right := r.template.IPAddresses
			for claim, flipped := range map[string]x509.Certificate{
				"another address":     {IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}},
				"two addresses":       {IPAddresses: []net.IP{right[0], net.ParseIP("192.0.2.1")}},
				"the address as text": {DNSNames: []string{f.address}},
				"the reverse name":    {DNSNames: []string{f.reverse}},
			} {
				t.Log(claim)
				r.change(func(r *responder) {
					r.template.IPAddresses, r.template.DNSNames = flipped.IPAddresses, flipped.DNSNames
				})
				want{acme.IncorrectResponse, false, "subjectAltName: "}.holds(t, r.validate(t))
			}
		})
	}
}

func TestPublicAddresses(t *testing.T) {
	for claim, all := range map[bool][]string{
		true: {
			"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
			"169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
			"198.20.0.0", "203.0.112.255", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00::1", "3ffe::1",
		},
		false: {
			"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
			"169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.0",
			"192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
			"::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
			"2001::1", "2001:0:4136:e378::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "3fff:fff::1",
			"4000::1", "5f00::1", "fc00::1", "fd12:3456::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
		},
	} {
		for _, text := range all {
			a := netip.MustParseAddr(text)
			v := validator(t, Config{Source: newNames(t)})
			if v.mayReach(a) != claim {
				t.Errorf("%s: reached: %t", a, !claim)
			}
			other := netip.MustParsePrefix("192.168.77.0/24")
			if v := validator(t, Config{Source: newNames(t), AllowNetworks: []netip.Prefix{other}}); v.mayReach(a) != claim {
				t.Errorf("%s: reached since %s is allowed", a, other)
			}
			if v := validator(t, Config{Source: newNames(t), AllowNetworks: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}}); !v.mayReach(a) {
				t.Errorf("%s: not reached, although the operator says so", a)
			}
		}
	}
}

// TestAnAllowedNetworkIsNotAllowedInside: who names 127.0.0.0/8 has not named the IPv6 addresses that mean the same.
func TestAnAllowedNetworkIsNotAllowedInside(t *testing.T) {
	v := validator(t, Config{Source: newNames(t), AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if !v.mayReach(netip.MustParseAddr("127.0.0.1")) {
		t.Fatal("127.0.0.1 is not reached")
	}
	for _, text := range []string{"::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::127.0.0.1"} {
		if v.mayReach(netip.MustParseAddr(text)) {
			t.Errorf("%s is reached", text)
		}
	}
}

// TestRefusedAddressesAreNotDialled: of each kind, as a name's address and as the identifier.
func TestRefusedAddressesAreNotDialled(t *testing.T) {
	for _, tc := range []struct{ rrtype, address string }{
		{"A", "127.0.0.2"}, {"A", "10.0.0.1"}, {"A", "169.254.169.254"}, {"A", "100.64.0.1"}, {"A", "0.0.0.0"}, {"A", "224.0.0.1"},
		{"AAAA", "::"}, {"AAAA", "::2"}, {"AAAA", "fe80::1"}, {"AAAA", "fd00::1"}, {"AAAA", "64:ff9b::7f00:1"}, {"AAAA", "::ffff:127.0.0.1"},
	} {
		for _, method := range []string{acme.MethodHTTP, acme.MethodTLSALPN} {
			t.Run(method+" "+tc.address, func(t *testing.T) {
				w := newWeb(t)
				v := validator(t, w.config)
				passes(t, v, acme.MethodHTTP, identifier)
				w.dialer.seen = nil
				clear(w.answers)
				w.put(vendor, tc.rrtype, tc.address)
				want{acme.Connection, false, tc.address + " is not public"}.holds(t, v.Validate(t.Context(), method, identifier, token, keyAuth))
				if a := netip.MustParseAddr(tc.address); !a.Is4In6() {
					ip := acme.Identifier{Type: acme.TypeIP, Value: tc.address}
					want{acme.Connection, false, tc.address + " is not public"}.holds(t, v.Validate(t.Context(), method, ip, token, keyAuth))
				}
				if len(w.dialer.seen) > 0 {
					t.Errorf("dialled %q", w.dialer.seen)
				}
			})
		}
	}
}
