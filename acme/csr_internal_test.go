package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names are what tests order: addresses where they look like some.
func names(values ...string) []Identifier {
	var all []Identifier
	for _, v := range values {
		if net.ParseIP(v) != nil {
			all = append(all, Identifier{TypeIP, v})
		} else {
			all = append(all, Identifier{TypeDNS, v})
		}
	}
	return all
}

var (
	ordered = names("vendor.example", "www.vendor.example")
	broad   = &Profile{Name: "default", KeyTypes: []KeyType{RSA, P256, P384, Ed25519}}
)

// refused holds a Problem to its kind and a word; "" is none.
func refused(t testing.TB, key crypto.PublicKey, p *Problem, word string) {
	t.Helper()
	switch {
	case (key == nil) == (p == nil):
		t.Fatalf("key %T, problem %v: want one of both", key, p)
	case word == "" && p != nil:
		t.Fatalf("refused: %v", p)
	case word != "" && p == nil:
		t.Fatalf("not refused: want %q", word)
	case word != "" && (p.Kind != BadCSR || p.Status != 400 || p.Passing || !strings.HasPrefix(p.Detail, "csr: ") || !strings.Contains(p.Detail, word)):
		t.Fatalf("%v: want badCSR with %q", p, word)
	}
}

// TestCSRsOfOthers: what clients and openssl make (testdata/csr/make.sh) is read, or
// refused for what its name says.
func TestCSRsOfOthers(t *testing.T) {
	files, err := filepath.Glob("testdata/csr/*.der")
	ok(t, err)
	want := map[string]string{
		"good-acme-tiny-vendor.example-alone": "", "good-acme-tiny": "", "good-by-hand": "", "good-certbot": "", "good-challenge-password": "",
		"good-dehydrated": "", "good-ed25519": "", "good-gnutls": "", "good-names-twice": "", "good-rsa-pss-signature": "",
		"good-two-addresses": "", "good-wildcard": "",
		"wrong-address-as-dns":              "an address is asked for as iPAddress",
		"wrong-address-in-commonname-alone": "an address that is no iPAddress",
		"wrong-ca":                          "CA:TRUE",
		"wrong-commonname":                  "not a host name",
		"wrong-dsa":                         "no key of this type: make one of rsa, p256, p384, ed25519",
		"wrong-ed448":                       "no key of this type",
		"wrong-explicit-curve":              "not a certificate request in DER",
		"wrong-exponent3":                   "exponent",
		"wrong-keycertsign":                 "keyCertSign",
		"wrong-md5":                         "signed by MD5-RSA: sign it with SHA-256",
		"wrong-must-staple":                 "must-staple",
		"wrong-no-name":                     "it asks for no name",
		"wrong-p521":                        "no key of this type",
		"wrong-rsa-pss-key":                 "no key of this type",
		"wrong-rsa1024":                     "2048 to 8192",
		"wrong-san-dirname":                 "a directoryName",
		"wrong-san-email":                   "an e-mail address",
		"wrong-san-othername":               "an otherName",
		"wrong-san-rid":                     "a registeredID",
		"wrong-san-uri":                     "a URI",
		"wrong-secp256k1":                   "unsupported elliptic curve",
		"wrong-sha1":                        "signed by SHA1-RSA: sign it with SHA-256",
		"wrong-two-commonnames":             `"other.example" is not among the order's names`,
	}
	if len(files) != len(want) {
		t.Fatalf("%d files, %d expected", len(files), len(want))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".der")
		t.Run(name, func(t *testing.T) {
			word, known := want[name]
			if !known || (word == "") != strings.HasPrefix(name, "good-") {
				t.Fatal("not among what is expected")
			}
			der, err := os.ReadFile(file)
			ok(t, err)
			order := ordered
			switch name {
			case "good-acme-tiny-vendor.example-alone":
				order = names("vendor.example")
			case "good-two-addresses":
				order = names("2001:db8::1", "192.0.2.1")
			case "good-wildcard":
				order = names("*.vendor.example")
			case "wrong-address-as-dns", "wrong-address-in-commonname-alone":
				order = names("192.0.2.1")
			}
			key, p := readCSR(der, order, broad, nil)
			refused(t, key, p, word)
			if word == "" {
				key, p := readCSR(der, append(names("third.example"), order...), broad, nil)
				refused(t, key, p, "in the order and not in the request: third.example")
			}
		})
	}
}

// newKey is an ECDSA key on a curve.
func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	ok(t, err)
	return key
}

func made(t testing.TB, key crypto.Signer, template *x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	ok(t, err)
	return der
}

// lego is a request as lego makes it.
func lego() *x509.CertificateRequest {
	return &x509.CertificateRequest{Subject: pkix.Name{CommonName: "vendor.example"}, DNSNames: []string{"vendor.example", "www.vendor.example"}}
}

// TestCSRNames: a request is read as ordered, and with one thing changed it is not.
func TestCSRNames(t *testing.T) {
	key := newKey(t, elliptic.P256())
	raw := func(id []int, value []byte) func(*x509.CertificateRequest) {
		return func(r *x509.CertificateRequest) {
			r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: id, Value: value})
		}
	}
	dns := func(names ...string) func(*x509.CertificateRequest) {
		return func(r *x509.CertificateRequest) { r.DNSNames = names }
	}
	cn := func(name string) func(*x509.CertificateRequest) {
		return func(r *x509.CertificateRequest) { r.Subject.CommonName = name }
	}
	long := strings.Repeat("a.", 128)
	for _, c := range []struct {
		name   string
		change func(*x509.CertificateRequest)
		order  []Identifier
		want   string
	}{
		{"as lego makes it", func(*x509.CertificateRequest) {}, ordered, ""},
		{"in another order", dns("www.vendor.example", "vendor.example"), ordered, ""},
		{"a name twice", dns("www.vendor.example", "vendor.example", "vendor.example"), ordered, ""},
		{"ordered twice", func(*x509.CertificateRequest) {}, append(names("vendor.example"), ordered...), ""},
		{"in capitals", dns("WWW.VENDOR.EXAMPLE", "Vendor.Example"), ordered, ""},
		{"without a commonName", cn(""), ordered, ""},
		{"the other name as commonName", cn("WWW.vendor.example"), ordered, ""},
		{"a name in the commonName alone", dns("www.vendor.example"), ordered, ""},
		{"all in the commonName", dns(), names("vendor.example"), ""},
		{"an address beside", func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.ParseIP("192.0.2.1")} }, append(names("192.0.2.1"), ordered...), ""},
		{"an address as commonName too", func(r *x509.CertificateRequest) {
			*r = x509.CertificateRequest{IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}, Subject: pkix.Name{CommonName: "2001:DB8:0::1"}}
		}, names("2001:db8::1"), ""},

		{"a name missing", dns("vendor.example"), ordered, "in the order and not in the request: www.vendor.example"},
		{"a name too many", dns("vendor.example", "www.vendor.example", "a.vendor.example"), ordered, "not in the order: a.vendor.example"},
		{"another name", dns("vendor.example", "a.vendor.example"), ordered, "not in the order: a.vendor.example; in the order and not in the request: www.vendor.example"},
		{"a wildcard for a name", dns("vendor.example", "*.vendor.example"), ordered, "not in the order: *.vendor.example"},
		{"a name for a wildcard", func(*x509.CertificateRequest) {}, names("vendor.example", "*.vendor.example"), "not in the order: www.vendor.example"},
		{"a final dot", dns("vendor.example.", "www.vendor.example"), ordered, "not in the order: vendor.example."},
		{"a commonName of another", cn("other.example"), ordered, `commonName "other.example" is not among`},
		{"a commonName with a final dot", cn("vendor.example."), ordered, "is not among"},
		{"a commonName that is an address and not ordered", cn("192.0.2.1"), ordered, "an address that is no iPAddress"},
		{"an address that was not ordered", func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.ParseIP("192.0.2.1")} }, ordered, "not in the order: 192.0.2.1"},
		{"an address that is ordered as a name", func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.ParseIP("192.0.2.1")} }, append([]Identifier{{TypeDNS, "192.0.2.1"}}, ordered...), "not in the order: 192.0.2.1"},
		{"IPv4 in IPv6", raw([]int{2, 5, 29, 17}, sequence(general(7, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"))), append(names("192.0.2.1"), ordered...), "::ffff:192.0.2.1"},
		{"nothing was ordered", func(*x509.CertificateRequest) {}, nil, "is not among"},
		{"nothing was ordered, and nothing is asked for", func(r *x509.CertificateRequest) { *r = x509.CertificateRequest{} }, nil, "it asks for no name"},
		{"nothing is asked for", func(r *x509.CertificateRequest) { *r = x509.CertificateRequest{} }, ordered, "it asks for no name"},
		{"many names", dns("a.example", "b.example", "c.example", "d.example", "e.example", "f.example"), ordered, "a.example, b.example, c.example, d.example, e.example, …"},
		{"a name of 256 octets", dns("vendor.example", "www.vendor.example", long), ordered, "a dNSName that is none"},
		{"a name with a space", dns("vendor.example", "www.vendor.example", "a b"), ordered, "a dNSName that is none"},

		{"an empty dNSName", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendor.example"), general(2, ""))), ordered, "a dNSName that is none"},
		{"a NUL in a dNSName", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendor.example\x00.evil.example"))), ordered, "a dNSName that is none"},
		{"a dNSName in UTF-8", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendör.example"))), ordered, "not a certificate request"},
		{"an iPAddress with a mask", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendor.example"), general(7, "\xc0\x00\x02\x00\xff\xff\xff\x00"))), ordered, "csr: "},
		{"a name of a type that there is not", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendor.example"), general(9, "x"))), ordered, "a name of another type"},
		{"a name of no type", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendor.example"), "\x0c\x01x")), ordered, "a name of another type"},
		{"the right names in their raw form", raw([]int{2, 5, 29, 17}, sequence(general(2, "vendor.example"), general(2, "www.vendor.example"))), ordered, ""},
		{"something behind the names", raw([]int{2, 5, 29, 17}, append(sequence(general(2, "vendor.example"), general(2, "www.vendor.example")), 5, 0)), ordered, "csr: "},
		{"no names in subjectAltName", raw([]int{2, 5, 29, 17}, sequence()), ordered, "in the order and not in the request: www.vendor.example"},

		{"CA:FALSE", raw([]int{2, 5, 29, 19}, []byte{0x30, 0}), ordered, ""},
		{"CA:TRUE", raw([]int{2, 5, 29, 19}, []byte{0x30, 3, 1, 1, 0xff}), ordered, "CA:TRUE"},
		{"CA:TRUE with a path length", raw([]int{2, 5, 29, 19}, []byte{0x30, 6, 1, 1, 0xff, 2, 1, 0}), ordered, "CA:TRUE"},
		{"CA:TRUE in BER", raw([]int{2, 5, 29, 19}, []byte{0x30, 3, 1, 1, 1}), ordered, "basicConstraints: not what"},
		{"basicConstraints of nothing", raw([]int{2, 5, 29, 19}, nil), ordered, "basicConstraints: not what"},
		{"digitalSignature", raw([]int{2, 5, 29, 15}, []byte{3, 2, 7, 0x80}), ordered, ""},
		{"keyCertSign", raw([]int{2, 5, 29, 15}, []byte{3, 2, 2, 0x84}), ordered, "keyCertSign"},
		{"cRLSign", raw([]int{2, 5, 29, 15}, []byte{3, 2, 1, 0x02}), ordered, "cRLSign"},
		{"keyUsage that is none", raw([]int{2, 5, 29, 15}, []byte{5, 0}), ordered, "keyUsage: not what"},
		{"must-staple", raw([]int{1, 3, 6, 1, 5, 5, 7, 1, 24}, []byte{0x30, 3, 2, 1, 5}), ordered, "must-staple"},
		{"an extension that nobody knows", raw([]int{1, 2, 3, 4}, []byte("anything")), ordered, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := lego()
			c.change(r)
			got, p := readCSR(made(t, key, r), c.order, broad, nil)
			refused(t, got, p, c.want)
			if p == nil && !key.PublicKey.Equal(got) {
				t.Fatal("another key")
			}
		})
	}
}
