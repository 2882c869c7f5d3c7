package possession_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"cnfd/possession"
	"cnfd/thumbprint"
)

func newCertificate(t testing.TB) (der []byte, x5t thumbprint.Thumbprint) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"}, NotAfter: now.Add(time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	sum := sha256.Sum256(der)
	x5t, err = thumbprint.New(thumbprint.Certificate, thumbprint.SHA256, sum[:])
	check(t, err)
	return der, x5t
}

// escaped writes PEM as nginx's $ssl_client_escaped_cert and Envoy's Cert have it.
func escaped(der []byte) string {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20")
}

func TestMutualTLS(t *testing.T) {
	der, x5t := newCertificate(t)
	other, _ := newCertificate(t)
	sum := sha256.Sum256(der)
	hash, otherHash := hex.EncodeToString(sum[:]), strings.Repeat("00", 32)
	plain := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	for _, c := range []struct {
		name, handed string
		want         possession.Rule
	}{
		{"nginx", escaped(der), 0},
		{"PEM", plain, 0},
		{"RFC 9440", ":" + base64.StdEncoding.EncodeToString(der) + ":", 0},
		{"Envoy, with its hash", "By=spiffe://a.example/b;Hash=" + hash + `;Subject="CN=device,O=\"A; B\"";URI=spiffe://a.example/c`, 0},
		{"Envoy, with its hash in upper case", "Hash=" + strings.ToUpper(hash), 0},
		{"Envoy, with the certificate", `Cert="` + escaped(der) + `"`, 0},
		{"Envoy, with both", "Hash=" + hash + `;Cert="` + escaped(der) + `";Chain="` + escaped(other) + `"`, 0},

		{"nginx, another's", escaped(other), possession.Certificate},
		{"PEM, another's", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other})), possession.Certificate},
		{"RFC 9440, another's", ":" + base64.StdEncoding.EncodeToString(other) + ":", possession.Certificate},
		{"Envoy, another's hash", "Hash=" + otherHash, possession.Certificate},
		{"Envoy, another's certificate", `Cert="` + escaped(other) + `"`, possession.Certificate},
		{"Envoy, its hash in another's chain", `Cert="` + escaped(other) + `";Chain="` + escaped(der) + `"`, possession.Certificate},

		{"nothing", "", possession.Missing},
		{"Envoy, neither", "By=spiffe://a.example/b", possession.Missing},
		{"Envoy, a hash of another certificate beside it", "Hash=" + otherHash + `;Cert="` + escaped(der) + `"`, possession.Malformed},
		{"Envoy, two elements", "Hash=" + otherHash + ",Hash=" + hash, possession.Malformed},
		{"Envoy, two elements with quotes", `Cert="` + escaped(other) + `",Cert="` + escaped(der) + `"`, possession.Malformed},
		{"Envoy, two elements, the second without a hash", "Hash=" + hash + ";URI=spiffe://a.example/c,By=spiffe://a.example/b", possession.Malformed},
		{"Envoy, two elements, the first without a hash", "By=spiffe://a.example/b,URI=spiffe://a.example/c;Hash=" + hash, possession.Malformed},
		{"Envoy, two elements, the first ends in a quote", "Hash=" + hash + `;Subject="CN=device",By=spiffe://a.example/b`, possession.Malformed},
		{"Envoy, the hash twice", "Hash=" + hash + ";Hash=" + hash, possession.Malformed},
		{"Envoy, the certificate twice", `Cert="` + escaped(der) + `";Cert="` + escaped(der) + `"`, possession.Malformed},
		{"Envoy, a hash in a subject", `Subject="x;Hash=` + hash + `"`, possession.Missing},
		{"Envoy, half a hash", "Hash=" + hash[:32], possession.Malformed},
		{"Envoy, a quote left open", `Hash=` + hash + `;Subject="x`, possession.Malformed},
		{"Envoy, a semicolon at the end", "Hash=" + hash + ";", possession.Malformed},
		{"two certificates", plain + plain, possession.Malformed},
		{"text after it", plain + "x", possession.Malformed},
		{"a key", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), possession.Malformed},
		{"octets after it", ":" + base64.StdEncoding.EncodeToString(append(der[:len(der):len(der)], 0)) + ":", possession.Malformed},
		{"cut short", ":" + base64.StdEncoding.EncodeToString(der[:len(der)-1]) + ":", possession.Malformed},
		{"no second colon", ":" + base64.StdEncoding.EncodeToString(der), possession.Malformed},
		{"no octets", "::", possession.Malformed},
		{"half an encoding", escaped(der) + "%0", possession.Malformed},
		{"words", "hello", possession.Malformed},
		{"too long", strings.Repeat("x", possession.MaxCertificate+1), possession.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, possession.MutualTLS(c.handed, x5t), c.want) })
	}
	t.Run("a token that names no certificate", func(t *testing.T) {
		wants(t, possession.MutualTLS(plain, thumbprint.Thumbprint{}), possession.Unasked)
		// The same octets, as the thumbprint of a key.
		jkt, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, sum[:])
		check(t, err)
		wants(t, possession.MutualTLS(plain, jkt), possession.Unasked)
	})
}
