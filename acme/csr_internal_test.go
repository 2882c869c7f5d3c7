package acme

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	stdasn1 "encoding/asn1"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"cnfd/acme/weakkey"
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

// sequence, general and the like write DER.
func sequence(parts ...string) []byte { return tlv(asn1.SEQUENCE, parts...) }

func general(tag uint8, content string) string {
	return string(tlv(asn1.Tag(tag).ContextSpecific(), content))
}

func tlv(tag asn1.Tag, parts ...string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(strings.Join(parts, ""))) })
	return b.BytesOrPanic()
}

// handmade writes a request whose parts are given, signed as it should be.
func handmade(t testing.TB, key *ecdsa.PrivateKey, version int64, subject []byte, attributes ...string) []byte {
	t.Helper()
	info, err := x509.MarshalPKIXPublicKey(key.Public())
	ok(t, err)
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(version)
		b.AddBytes(subject)
		b.AddBytes(info)
		b.AddBytes(tlv(asn1.Tag(0).ContextSpecific().Constructed(), attributes...))
	})
	tbs := b.BytesOrPanic()
	sum := sha256.Sum256(tbs)
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	ok(t, err)
	ecdsaWithSHA256 := sequence("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
	return sequence(string(tbs), string(ecdsaWithSHA256), string(tlv(asn1.BIT_STRING, "\x00", string(sig))))
}

// TestCSRsMadeByHand: what crypto/x509 lets pass in a request's attributes and
// its subject does not pass here.
func TestCSRsMadeByHand(t *testing.T) {
	key := newKey(t, elliptic.P256())
	san := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, general(2, n))
		}
		return string(sequence("\x06\x03\x55\x1d\x11", string(tlv(asn1.OCTET_STRING, string(sequence(list...))))))
	}
	both := san("vendor.example", "www.vendor.example")
	request := func(values ...string) string {
		return string(sequence("\x06\x09"+idExtensionRequest, string(tlv(asn1.SET, values...))))
	}
	list := func(extensions ...string) string { return string(sequence(extensions...)) }
	empty := sequence()
	commonName := func(tag asn1.Tag, value string) []byte {
		return sequence(string(tlv(asn1.SET, string(sequence("\x06\x03\x55\x04\x03", string(tlv(tag, value)))))))
	}
	for _, c := range []struct {
		name       string
		version    int64
		subject    []byte
		attributes []string
		want       string
	}{
		{"as it should be", 0, empty, []string{request(list(both))}, ""},
		{"version 3, as the Ruby client writes it", 2, empty, []string{request(list(both))}, ""},
		{"an attribute that nobody knows", 0, empty, []string{string(sequence("\x06\x02\x2a\x03", "\x31\x02\x05\x00")), request(list(both))}, ""},
		{"an attribute of a number of 128 bits", 0, empty, []string{string(sequence("\x06\x05\x69\xff\xff\xff\x7f", "\x31\x02\x05\x00")), request(list(both))}, ""},
		{"two lists in an attribute", 0, empty, []string{request(list(both), list(san("evil.example")))}, "several lists"},
		{"two attributes", 0, empty, []string{request(list(both)), request(list(string(sequence("\x06\x02\x2a\x03", "\x04\x00"))))}, "several lists"},
		{"the same extension twice", 0, empty, []string{request(list(both, both))}, "duplicate"},
		{"the same extension in two attributes", 0, empty, []string{request(list(both)), request(list(both))}, "csr: "},
		{"something behind the list", 0, empty, []string{request(list(both), "\x05\x00")}, "its attributes are not"},
		{"something behind the values", 0, empty, []string{string(sequence("\x06\x09"+idExtensionRequest, string(tlv(asn1.SET, list(both))), "\x05\x00"))}, "its attributes are not"},
		{"no list in the attribute", 0, commonName(asn1.UTF8String, "vendor.example"), []string{request()}, "in the order and not in the request: www.vendor.example"},
		{"something behind an extension", 0, empty, []string{request(list(string(sequence("\x06\x02\x2a\x03", "\x04\x00", "\x05\x00")), both))}, "csr: "},
		{"a commonName", 0, commonName(asn1.UTF8String, "vendor.example"), []string{request(list(both))}, ""},
		{"an empty commonName", 0, commonName(asn1.UTF8String, ""), []string{request(list(both))}, "commonName: not a host name"},
		{"a commonName with a NUL", 0, commonName(asn1.UTF8String, "vendor.example\x00.evil.example"), []string{request(list(both))}, "commonName: not a host name"},
		{"a commonName that is a number", 0, commonName(asn1.INTEGER, "\x01"), []string{request(list(both))}, "commonName: not a host name"},
		{"a second commonName beside a first", 0, sequence(string(tlv(asn1.SET, string(sequence("\x06\x03\x55\x04\x03", "\x0c\x01a")), string(sequence("\x06\x03\x55\x04\x03", string(tlv(asn1.UTF8String, "vendor.example"))))))), []string{request(list(both))}, "is not among"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, p := readCSR(handmade(t, key, c.version, c.subject, c.attributes...), ordered, broad, nil)
			refused(t, got, p, c.want)
		})
	}
}

// TestCSROutside: size, encoding and signature; one thing is changed at a time.
func TestCSROutside(t *testing.T) {
	key := newKey(t, elliptic.P256())
	good := made(t, key, lego())
	got, p := readCSR(good, ordered, broad, nil)
	refused(t, got, p, "")
	changed := func(from, to string) []byte {
		if !bytes.Contains(good, []byte(from)) || len(from) != len(to) {
			t.Fatal("nothing to change")
		}
		return bytes.ReplaceAll(good, []byte(from), []byte(to))
	}
	info, err := x509.MarshalPKIXPublicKey(key.Public())
	ok(t, err)
	others, err := x509.MarshalPKIXPublicKey(newKey(t, elliptic.P256()).Public())
	ok(t, err)
	for _, c := range []struct {
		name string
		der  []byte
		want string
	}{
		{"nothing", nil, "not a certificate request"},
		{"cut short", good[:len(good)-1], "not a certificate request"},
		{"something behind it", append(slices.Clone(good), 0), "not a certificate request"},
		{"two requests", append(slices.Clone(good), good...), "not a certificate request"},
		{"PEM", []byte("-----BEGIN CERTIFICATE REQUEST-----\n"), "PEM: want the DER"},
		{"32 KiB and one octet", make([]byte, 32<<10+1), "longer than"},
		{"32 KiB", make([]byte, 32<<10), "not a certificate request"},
		{"names changed after the signature", changed("www.vendor", "ftp.vendor"), "not signed by its own key"},
		{"somebody else's key put in", changed(string(info), string(others)), "not signed by its own key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, p := readCSR(c.der, ordered, broad, nil)
			refused(t, got, p, c.want)
		})
	}
}

// TestCSRKeys: each type of key is taken where the profile says so; a blocked and a
// weak one are not.
func TestCSRKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	keys := map[KeyType]crypto.Signer{RSA: rsaKey, P256: newKey(t, elliptic.P256()), P384: newKey(t, elliptic.P384()), Ed25519: ed}
	for kind, key := range keys {
		der := made(t, key, lego())
		for taken := range keys {
			got, p := readCSR(der, ordered, &Profile{Name: "p", KeyTypes: []KeyType{taken}}, nil)
			want := ""
			if taken != kind {
				want = "profile p takes no key of this type: make one of " + string(taken)
			}
			refused(t, got, p, want)
		}
		got, p := readCSR(der, ordered, &Profile{}, nil)
		refused(t, got, p, "no key of this type")

		info, err := x509.MarshalPKIXPublicKey(key.Public())
		ok(t, err)
		sum := sha256.Sum256(info)
		blocked, err := weakkey.ParseBlocklist([]byte(hex.EncodeToString(sum[:])))
		ok(t, err)
		got, p = readCSR(der, ordered, broad, blocked)
		refused(t, got, p, "known to others")
		sum[0]++
		blocked, err = weakkey.ParseBlocklist([]byte(hex.EncodeToString(sum[:])))
		ok(t, err)
		got, p = readCSR(der, ordered, broad, blocked)
		refused(t, got, p, "")
	}
	t.Run("primes that are close", func(t *testing.T) {
		start := new(big.Int).Lsh(big.NewInt(15), 1020)
		got, p := readCSR(made(t, ofPrimes(t, start, new(big.Int).Lsh(big.NewInt(1), 1000)), lego()), ordered, broad, nil)
		refused(t, got, p, "")
		got, p = readCSR(made(t, ofPrimes(t, start, big.NewInt(0)), lego()), ordered, broad, nil)
		refused(t, got, p, "close together")
	})
	t.Run("no profile takes P-521", func(t *testing.T) {
		got, p := readCSR(made(t, newKey(t, elliptic.P521()), lego()), ordered, &Profile{KeyTypes: []KeyType{RSA, P256, P384, Ed25519, "", "p521"}}, nil)
		refused(t, got, p, "no key of this type")
	})
}

// textbook signs with RSA keys that crypto/rsa refuses to sign with.
type textbook struct {
	public *rsa.PublicKey
	d      *big.Int
}

func (k textbook) Public() crypto.PublicKey { return k.public }

func (k textbook) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) { // RFC 8017 §8.2.1, SHA-256
	info := append([]byte("\x00\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"), digest...)
	padded := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, k.public.Size()-2-len(info))...)
	m := new(big.Int).SetBytes(append(padded, info...))
	return m.Exp(m, k.d, k.public.N).FillBytes(make([]byte, k.public.Size())), nil
}

// ofPrimes is a key of the prime after p and the prime after p+gap.
func ofPrimes(t testing.TB, p, gap *big.Int) textbook {
	t.Helper()
	one, e := big.NewInt(1), big.NewInt(65537)
	after := func(n *big.Int) *big.Int {
		n = new(big.Int).Add(n, one)
		for !n.ProbablyPrime(10) {
			n.Add(n, one)
		}
		return n
	}
	p = after(p)
	q := after(new(big.Int).Add(p, gap))
	d := new(big.Int).ModInverse(e, new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)))
	if d == nil {
		t.Fatal("no key of these primes")
	}
	return textbook{&rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, d}
}

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
