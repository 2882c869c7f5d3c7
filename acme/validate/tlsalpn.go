package validate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"

	"cnfd/acme"
)

// protocol is what a server speaks that answers tls-alpn-01 (RFC 8737 §6.2).
const protocol = "acme-tls/1"

// tlsALPN carries out tls-alpn-01 (RFC 8737 §3; of addresses RFC 8738 §6): the server
// has, for this protocol, a certificate with the digest of the key authorization. No
// other protocol is offered, and nothing is said once the handshake is over.
func (v *Validator) tlsALPN(ctx context.Context, c *challenge) *acme.Problem {
	conn, problem := v.connect(ctx, c.host, v.cfg.TLSPort)
	if problem != nil {
		return problem
	}
	defer conn.Close()
	from := conn.to.String()
	over := tls.Client(conn.Conn, &tls.Config{
		ServerName:         c.host.serverName(),
		NextProtos:         []string{protocol},
		InsecureSkipVerify: true,             // the certificate vouches for itself; what it says is looked at below
		MinVersion:         tls.VersionTLS12, // RFC 8737 §4
	})
	if err := over.HandshakeContext(ctx); err != nil {
		return handshake(err, c.host, from)
	}
	state := over.ConnectionState()
	if state.NegotiatedProtocol != protocol {
		return acme.Problemf(acme.TLS, "%s (%s): the server does not take up %s: have what answers TLS there speak it for this name", c.host, from, protocol)
	}
	sum := sha256.Sum256([]byte(c.keyAuthorization))
	if err := judgeCertificates(state.PeerCertificates, c.host, sum[:]); err != nil {
		return acme.Problemf(acme.IncorrectResponse, "%s (%s): certificate: %v", c.host, from, err)
	}
	return nil
}

// serverName is what stands in the server name indication: a name, or of an address
// the one in the reverse tree (RFC 8738 §6).
func (h host) serverName() string {
	if h.address.IsValid() {
		return acme.ReverseName(h.address)
	}
	return h.name
}
