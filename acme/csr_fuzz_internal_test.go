package acme

import (
	"crypto/elliptic"
	"crypto/x509"
	stdasn1 "encoding/asn1"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"cnfd/acme/weakkey"
)

// FuzzReadCSR: what is accepted asks, as crypto/x509 reads it, for exactly what
// was ordered and nothing else, and is signed by its key.
func FuzzReadCSR(f *testing.F) {
	files, err := filepath.Glob("testdata/csr/*.der")
	ok(f, err)
	for _, file := range files {
		der, err := os.ReadFile(file)
		ok(f, err)
		f.Add(der)
	}
	f.Add(made(f, newKey(f, elliptic.P256()), lego()))
	f.Fuzz(exactly)
}

// FuzzCSRAttributes is FuzzReadCSR for requests that are signed whatever is in them.
func FuzzCSRAttributes(f *testing.F) {
	files, err := filepath.Glob("testdata/csr/*.der")
	ok(f, err)
	for _, file := range files {
		der, err := os.ReadFile(file)
		ok(f, err)
		csr, err := x509.ParseCertificateRequest(der)
		if err != nil {
			continue
		}
		var info, attributes cryptobyte.String
		tbs := cryptobyte.String(csr.RawTBSCertificateRequest)
		if !tbs.ReadASN1(&info, asn1.SEQUENCE) || !info.SkipASN1(asn1.INTEGER) || !info.SkipASN1(asn1.SEQUENCE) || !info.SkipASN1(asn1.SEQUENCE) ||
			!info.ReadASN1(&attributes, asn1.Tag(0).ContextSpecific().Constructed()) {
			f.Fatal(file)
		}
		f.Add(csr.RawSubject, []byte(attributes))
	}
	key := newKey(f, elliptic.P256())
	f.Fuzz(func(t *testing.T, subject, attributes []byte) {
		exactly(t, handmade(t, key, 0, subject, string(attributes)))
	})
}

// exactly holds one request to what FuzzReadCSR says.
func exactly(t *testing.T, der []byte) {
	for _, order := range [][]Identifier{ordered, names("vendor.example"), names("192.0.2.1", "2001:db8::1"), names("*.vendor.example")} {
		key, p := readCSR(der, order, broad, nil)
		if p != nil {
			if key != nil || p.Kind != BadCSR || !strings.HasPrefix(p.Detail, "csr: ") {
				t.Fatalf("%T, %v", key, p)
			}
			continue
		}
		csr, err := x509.ParseCertificateRequest(der)
		ok(t, err)
		ok(t, csr.CheckSignature())
		ok(t, weakkey.Check(key))
		if len(csr.EmailAddresses)+len(csr.URIs) > 0 {
			t.Fatal("other names")
		}
		asked := map[Identifier]bool{}
		for _, n := range csr.DNSNames {
			asked[Identifier{TypeDNS, strings.ToLower(n)}] = true
		}
		for _, a := range csr.IPAddresses {
			asked[Identifier{TypeIP, a.String()}] = true
		}
		if cn := csr.Subject.CommonName; net.ParseIP(cn) == nil && cn != "" {
			asked[Identifier{TypeDNS, strings.ToLower(cn)}] = true
		}
		for _, i := range order {
			if !asked[i] {
				t.Fatalf("%v is not asked for", i)
			}
			delete(asked, i)
		}
		if len(asked) > 0 {
			t.Fatalf("%v was not ordered", asked)
		}
		for _, e := range csr.Extensions {
			var constraints struct {
				CA  bool `asn1:"optional"`
				Max int  `asn1:"optional"`
			}
			if _, err := stdasn1.Unmarshal(e.Value, &constraints); e.Id.String() == "2.5.29.19" && err == nil && constraints.CA {
				t.Fatal("a CA")
			}
		}
	}
}
