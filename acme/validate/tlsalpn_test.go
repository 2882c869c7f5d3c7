package validate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// made is a certificate for tls-alpn-01, as its client makes it, before anything is changed.
type made struct {
	template x509.Certificate
	id       pkix.Extension
	parent   *x509.Certificate // nil: itself
	signer   *ecdsa.PrivateKey // nil: its own key
	beside   [][]byte          // other certificates that are presented
}

func newMade() *made {
	sum := sha256.Sum256([]byte(keyAuth))
	return &made{
		template: x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ACME Challenge"}, DNSNames: []string{vendor},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		},
		id: pkix.Extension{Id: oidACMEIdentifier, Critical: true, Value: append([]byte{4, 32}, sum[:]...)},
	}
}

// san puts an extension of names in place of the template's.
func (m *made) san(der ...byte) {
	m.template.DNSNames, m.template.IPAddresses = nil, nil
	m.template.ExtraExtensions = append(m.template.ExtraExtensions, pkix.Extension{Id: oidSAN, Value: der})
}

func (m *made) certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key := newKey(t)
	c := m.template
	if m.id.Id != nil {
		c.ExtraExtensions = append(slices.Clone(c.ExtraExtensions), m.id)
	}
	parent, signer := m.parent, m.signer
	if parent == nil {
		parent = &c
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: append([][]byte{der}, m.beside...), PrivateKey: key}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// responder is a server of tls-alpn-01 on loopback.
type responder struct {
	*names
	identifier acme.Identifier
	config     Config
	listener   net.Listener

	changes sync.Mutex
	*made
	tls        tls.Config
	serverName string         // the only one that it takes
	conns      func(net.Conn) // in place of TLS
}

// change is how what is served is changed while it is.
func (r *responder) change(flip func(*responder)) {
	r.changes.Lock()
	defer r.changes.Unlock()
	flip(r)
}

// served is what is at the moment: a certificate and settings, or something that is no TLS.
func (r *responder) served() (c tls.Certificate, config *tls.Config, instead func(net.Conn)) {
	r.changes.Lock()
	defer r.changes.Unlock()
	return r.certificate(r.t), r.tls.Clone(), r.conns
}

func newResponder(t testing.TB, address string, i acme.Identifier, serverName string) *responder {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{names: newNames(t), made: newMade(), serverName: serverName, identifier: i, listener: l}
	r.tls.NextProtos = []string{protocol}
	r.put(vendor, "A", "127.0.0.1")
	r.config = Config{Source: r.names, AllowNetworks: loopback, TLSPort: portOf(t, l.Addr())}
	ended := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.answer(conn)
		}
	}()
	return r
}

// answer serves one connection; it is a fault where the client says anything past the handshake.
func (r *responder) answer(conn net.Conn) {
	defer conn.Close()
	certificate, config, instead := r.served()
	if instead != nil {
		instead(conn)
		return
	}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != r.serverName || len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != protocol {
			r.t.Errorf("asked for %q with %q", hello.ServerName, hello.SupportedProtos)
		}
		return &certificate, nil
	}
	over := tls.Server(conn, config)
	if over.Handshake() == nil {
		if n, _ := io.Copy(io.Discard, over); n > 0 {
			r.t.Errorf("%d octets after the handshake", n)
		}
	}
}

func (r *responder) validate(t testing.TB) *acme.Problem {
	return validator(t, r.config).Validate(t.Context(), acme.MethodTLSALPN, r.identifier, token, keyAuth)
}

func TestTLSALPNPasses(t *testing.T) {
	for _, tc := range []struct {
		claim string
		flip  func(*responder)
	}{
		{"by TLS 1.2", func(r *responder) { r.tls.MaxVersion = tls.VersionTLS12 }},
		{"by TLS 1.3", func(r *responder) { r.tls.MinVersion = tls.VersionTLS13 }},
		{"a name in capitals", func(r *responder) { r.template.DNSNames = []string{"Vendor.EXAMPLE"} }},
		{"a certificate whose days are over", func(r *responder) { r.template.NotAfter = time.Unix(1, 0) }},
		{"a server that speaks other protocols too", func(r *responder) { r.tls.NextProtos = []string{"h2", "http/1.1", protocol} }},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			r := newResponder(t, "127.0.0.1", identifier, vendor)
			passes(t, validator(t, r.config), acme.MethodTLSALPN, identifier)
			r.change(tc.flip)
			if p := r.validate(t); p != nil {
				t.Error(p)
			}
		})
	}
}

func TestTLSALPNRefuses(t *testing.T) {
	incorrect := func(says string) want { return want{acme.IncorrectResponse, false, says} }
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "ACME Challenge"}}
	for _, tc := range []struct {
		claim string
		flip  func(*responder)
		want  want
	}{
		{"another protocol", func(r *responder) { r.tls.NextProtos = []string{"h2"} }, want{acme.TLS, false, "no application protocol"}},
		{"no protocol", func(r *responder) { r.tls.NextProtos = nil }, want{acme.TLS, false, "does not take up acme-tls/1"}},
		{"TLS 1.1 at most", func(r *responder) { r.tls.MinVersion, r.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, want{acme.TLS, false, "protocol version not supported"}},
		{"no TLS", func(r *responder) { r.conns = func(c net.Conn) { io.WriteString(c, "220 mail\r\n") } }, want{acme.TLS, false, "does not speak TLS"}},
		{"hanging up", func(r *responder) { r.conns = func(net.Conn) {} }, want{acme.Connection, true, "no TLS handshake"}},
		{"nobody listens any more", func(r *responder) { r.listener.Close() }, want{acme.Connection, true, "connection refused"}},
		{"two certificates", func(r *responder) { r.beside = [][]byte{newMade().certificate(r.t).Certificate[0]} }, incorrect("the server has presented 2")},
		{"signed by another", func(r *responder) {
			r.parent, r.signer = &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}}, newKey(r.t)
		}, incorrect("not self-signed")},
		{"signed by another of the same name", func(r *responder) { r.parent, r.signer = ca, newKey(r.t) }, incorrect("not self-signed")},
		{"signed by itself under another name", func(r *responder) {
			r.parent = &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}}
		}, incorrect("not self-signed")},
		{"another name", func(r *responder) { r.template.DNSNames = []string{"other.example"} }, incorrect("subjectAltName: not vendor.example")},
		{"a wildcard of the name's parent", func(r *responder) { r.template.DNSNames = []string{"*.example"} }, incorrect("subjectAltName: not vendor.example")},
		{"a name below", func(r *responder) { r.template.DNSNames = []string{"www.vendor.example"} }, incorrect("subjectAltName: not vendor.example")},
		{"two names", func(r *responder) { r.template.DNSNames = []string{vendor, "www.vendor.example"} }, incorrect("subjectAltName: there are others")},
		{"the same name twice", func(r *responder) { r.template.DNSNames = []string{vendor, vendor} }, incorrect("subjectAltName: there are others")},
		{"an address beside the name", func(r *responder) { r.template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }, incorrect("subjectAltName: there are others")},
		{"an address of mail beside the name", func(r *responder) { r.template.EmailAddresses = []string{"a@vendor.example"} }, incorrect("subjectAltName: ")},
		{"the name as an address of mail", func(r *responder) {
			r.san(append([]byte{0x30, 2 + byte(len(vendor)), 0x81, byte(len(vendor))}, vendor...)...)
		}, incorrect("subjectAltName: not vendor.example")},
		{"the name as the subject alone", func(r *responder) { r.template.DNSNames, r.template.Subject.CommonName = nil, vendor }, incorrect("subjectAltName: missing")},
		{"no digest", func(r *responder) { r.id.Id = nil }, incorrect("acmeIdentifier: missing")},
		{"the OID of a draft", func(r *responder) { r.id.Id = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 30, 1} }, incorrect("acmeIdentifier: missing")},
		{"not critical", func(r *responder) { r.id.Critical = false }, incorrect("acmeIdentifier: not critical")},
		{"the digest of another account", func(r *responder) {
			sum := sha256.Sum256([]byte(otherAuth))
			r.id.Value = append([]byte{4, 32}, sum[:]...)
		}, incorrect("acmeIdentifier: not the digest")},
		{"the digest bare", func(r *responder) { r.id.Value = r.id.Value[2:] }, incorrect("acmeIdentifier: not an OCTET STRING")},
		{"something after the digest", func(r *responder) { r.id.Value = append(r.id.Value, 0) }, incorrect("acmeIdentifier: not an OCTET STRING")},
		{"a digest cut short", func(r *responder) { r.id.Value = append([]byte{4, 31}, r.id.Value[2:33]...) }, incorrect("acmeIdentifier: not an OCTET STRING")},
		{"the length in BER", func(r *responder) { r.id.Value = append([]byte{4, 0x81, 32}, r.id.Value[2:]...) }, incorrect("acmeIdentifier: not an OCTET STRING")},
		{"the digest twice", func(r *responder) { r.template.ExtraExtensions = []pkix.Extension{r.id} }, want{acme.TLS, false, "duplicate extension"}},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			r := newResponder(t, "127.0.0.1", identifier, vendor)
			passes(t, validator(t, r.config), acme.MethodTLSALPN, identifier)
			r.change(tc.flip)
			tc.want.holds(t, r.validate(t))
		})
	}
}
