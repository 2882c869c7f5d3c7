package acme

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

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
