package validate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509/pkix"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzExtensions: a certificate's extensions are good only where they are, octet for
// octet, those that the one right certificate has, but for the case of the name.
func FuzzExtensions(f *testing.F) {
	sum := sha256.Sum256([]byte(keyAuth))
	name := append([]byte{0x30, 2 + byte(len(vendor)), 0x82, byte(len(vendor))}, vendor...)
	address := []byte{0x30, 6, 0x87, 4, 1, 2, 3, 4}
	id := append([]byte{4, 32}, sum[:]...)
	for _, seed := range [][]byte{name, address, bytes.ToUpper(name), append(name[:len(name):len(name)], 0), {0x30, 0}, {0x30, 6, 0x82, 4, 1, 2, 3, 4}, nil, append([]byte{0x30, 0x81, 2 + byte(len(vendor))}, name[2:]...)} {
		f.Add(seed, id, true, false)
	}
	f.Add(name, id[:33], true, false)
	f.Add(name, append([]byte{4, 0x81, 32}, sum[:]...), true, false)
	f.Add(name, id, false, false)
	f.Add(name, id, true, true)
	f.Fuzz(func(t *testing.T, san, value []byte, critical, twice bool) {
		extensions := []pkix.Extension{{Id: oidSAN, Value: san}, {Id: oidACMEIdentifier, Critical: critical, Value: value}}
		if twice {
			extensions = append(extensions, extensions[1])
		}
		rightID := bytes.Equal(value, id) && critical && !twice
		for _, tc := range []struct {
			host  host
			right bool
		}{
			{host{name: vendor}, len(san) == len(name) && bytes.Equal(san[:4], name[:4]) && lower(string(san[4:])) == vendor},
			{host{address: netip.AddrFrom4([4]byte{1, 2, 3, 4})}, bytes.Equal(san, address)},
			{host{}, false},
		} {
			if err := judgeExtensions(extensions, tc.host, sum[:]); (err == nil) != (tc.right && rightID) {
				t.Errorf("%s: %x, %x, critical %t, twice %t: %v", tc.host, san, value, critical, twice, err)
			}
		}
	})
}

// FuzzRedirect: wherever a server redirects to, what is asked next has a name or the
// identifier's own address, the scheme's port, no user and no fragment, in one form.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{
		"/a", "//b.example/c", "http://b.example:80/", "https://b.example:443/?q#f", "http://1.2.3.4/", "http://[::1]/", "http://[fe80::1%25lo]/",
		"http://me:pw@b.example/", "http:b.example", "http://b.example:22/", "http://b.example:/", "HTTP://B.EXAMPLE./", "https://127.1/", "javascript:1",
		"http://b.example\\@c.example/", "http://b.example%2f@c.example/", "http://%62.example/", "///", "http://0x7f.1/", "?a", "..", "http://b\u212a.example/",
		"http://b.example:0080/", "http://b.example:65536/", "http:///a", "\thttp://b.example/", "http://b.example/%zz", "http://b.example/\r\nHost: c",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, location string, address bool) {
		from, d := host{name: vendor}, doors{http: 80, tls: 443}
		if address {
			from.address, from.name = netip.AddrFrom4([4]byte{1, 2, 3, 4}), ""
			d.literal = from.address
		}
		c := &challenge{host: from, token: token, keyAuthorization: keyAuth}
		to, err := c.start().redirected([]string{location}, d)
		if err != nil {
			return
		}
		u, err := url.Parse(to.target.String())
		if err != nil {
			t.Fatalf("%q: %q: %v", location, to.target, err)
		}
		switch {
		case u.Scheme != "http" && u.Scheme != "https" || (u.Scheme == "https") != to.tls,
			u.Host != to.host.inURL() || u.Host != to.target.Host, u.Port() != "", u.User != nil, u.Opaque != "", strings.Contains(u.String(), "#"),
			to.host.name != "" && to.host.address.IsValid(),
			to.host.address != netip.Addr{} && to.host.address != d.literal,
			to.host.name != lower(to.host.name) || strings.ContainsAny(to.host.name, "*:/@%[]\\ \x00"):
			t.Fatalf("%q: %q of %v", location, u, to.host)
		}
		if _, err := netip.ParseAddr(to.host.name); err == nil {
			t.Fatalf("%q: %q is an address", location, to.host.name)
		}
		again, err := to.redirected([]string{to.target.String()}, d)
		if len(to.target.String()) <= maxURL && (err != nil || again.host != to.host || again.tls != to.tls || again.target.String() != u.String()) {
			t.Fatalf("%q: %q is read again as %v, %v", location, u, again, err)
		}
	})
}

// FuzzText: the strings of a TXT record are those that another reader finds.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x03abc", "\x03abc\x02de", "\x03ab", "\x01a\x00", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, rdata []byte) {
		if len(rdata) > 1<<12 {
			return
		}
		text, ok := textOf(rdata)
		wire := append([]byte{0, 0, 16, 0, 1, 0, 0, 0, 0, byte(len(rdata) >> 8), byte(len(rdata))}, rdata...)
		rr, _, err := dns.UnpackRR(wire, 0)
		txt, isTXT := rr.(*dns.TXT)
		if other := err == nil && isTXT && len(rdata) > 0; other != ok {
			t.Fatalf("%x: %t, the other says %v", rdata, ok, err)
		}
		if !ok {
			return
		}
		packed := make([]byte, dns.Len(txt)+1)
		n, err := dns.PackRR(txt, packed, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for rest := packed[11:n]; len(rest) > 0; rest = rest[1+int(rest[0]):] {
			want = append(want, rest[1:1+int(rest[0])]...)
		}
		if !bytes.Equal(text, want) {
			t.Fatalf("%x: %q, the other reads %q", rdata, text, want)
		}
	})
}
