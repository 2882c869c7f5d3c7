package acme

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"

	"cnfd/acme/weakkey"
)

// maxCSR bounds a certificate request in octets. More does not fit into a
// request's body, where it stands in base64url twice.
const maxCSR = 32 << 10

// readCSR reads a certificate request (RFC 2986) in DER and returns the key that it is for. It
// must be signed by that key, be of a type that the profile takes, not weak and
// not blocked; ask for exactly the names of want, in any order (RFC 8555 §7.4); and ask for
// nothing that would not be in the certificate and that its holder would miss. Whatever else
// it says of its subject is passed over: nothing of it goes into the certificate.
// The Problem is of kind BadCSR, for its key too (RFC 8555 §6.7).
func readCSR(der []byte, want []Identifier, profile *Profile, blocked *weakkey.Blocklist) (crypto.PublicKey, *Problem) {
	switch {
	case len(der) > maxCSR:
		return nil, badCSR("longer than %d octets", maxCSR)
	case bytes.HasPrefix(der, []byte("-----BEGIN")):
		return nil, badCSR("PEM: want the DER that is in it (RFC 8555 §7.4)")
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, badCSR("not a certificate request in DER (RFC 2986): %v", err)
	}
	if p := csrKey(csr.PublicKey, profile, blocked); p != nil {
		return nil, p
	}
	if p := csrSignature(csr); p != nil {
		return nil, p
	}
	names, p := csrNames(csr, want)
	if p != nil {
		return nil, p
	}
	if p := sameNames(names, want); p != nil {
		return nil, p
	}
	return csr.PublicKey, nil
}

func badCSR(format string, args ...any) *Problem {
	return Problemf(BadCSR, "csr: "+format, args...)
}

// csrKey holds the key to the profile before anything is computed with it.
func csrKey(public crypto.PublicKey, profile *Profile, blocked *weakkey.Blocklist) *Problem {
	taken := make([]string, len(profile.KeyTypes))
	for i, t := range profile.KeyTypes {
		taken[i] = string(t)
	}
	if t := keyType(public); t == "" || !slices.Contains(profile.KeyTypes, t) {
		return badCSR("profile %s takes no key of this type: make one of %s", profile.Name, strings.Join(taken, ", "))
	}
	if err := weakkey.Check(public); err != nil {
		return badCSR("%v: make another key", err)
	}
	held, err := blocked.Holds(public)
	if err != nil {
		return badCSR("%v", err)
	}
	if held {
		return badCSR("its private key is known to others: make another key")
	}
	return nil
}

// keyType is "" for a key that no profile can take.
func keyType(public crypto.PublicKey) KeyType {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return RSA
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return P256
		case elliptic.P384():
			return P384
		}
	case ed25519.PublicKey:
		return Ed25519
	}
	return ""
}

// csrSignatures are the algorithms that a request may be signed with: none with
// SHA-1 or MD5, for which x509 would check it.
var csrSignatures = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
	x509.PureEd25519,
}

// csrSignature: without it, somebody else's key could be certified (RFC 2986 §3).
func csrSignature(csr *x509.CertificateRequest) *Problem {
	if !slices.Contains(csrSignatures, csr.SignatureAlgorithm) {
		name := "by an algorithm that is not known here"
		if csr.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
			name = "by " + csr.SignatureAlgorithm.String()
		}
		return badCSR("signed %s: sign it with SHA-256, SHA-384 or SHA-512, or by Ed25519", name)
	}
	if err := csr.CheckSignature(); err != nil {
		return badCSR("not signed by its own key: sign it with the key that it holds")
	}
	return nil
}

// csrNames are the names that a request asks for: those of its subjectAltName, and
// a commonName that is a DNS name (RFC 8555 §7.4).
func csrNames(csr *x509.CertificateRequest, want []Identifier) ([]Identifier, *Problem) {
	names, p := requestedNames(csr.RawTBSCertificateRequest)
	if p != nil {
		return nil, p
	}
	for _, attribute := range csr.Subject.Names {
		if attribute.Type.String() != "2.5.4.3" {
			continue
		}
		text, ok := attribute.Value.(string)
		if !ok || !plainName(text) {
			return nil, badCSR("commonName: not a host name: leave it out, or let it be one of the order's names")
		}
		cn := Identifier{TypeDNS, strings.ToLower(text)}
		if address, err := netip.ParseAddr(text); err == nil {
			cn = Identifier{TypeIP, address.String()}
			if !slices.Contains(names, cn) {
				return nil, badCSR("commonName: an address that is no iPAddress of its subjectAltName: put it there (RFC 8738)")
			}
		}
		if !slices.Contains(want, cn) {
			return nil, badCSR("commonName %q is not among the order's names: leave it out, or let it be one of them", text)
		}
		names = append(names, cn)
	}
	if len(names) == 0 {
		return nil, badCSR("it asks for no name: put those of the order into its subjectAltName (RFC 8555 §7.4)")
	}
	return names, nil
}

// plainName reports whether text may be shown and compared: printable ASCII
// without a space, and no longer than a name is.
func plainName(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 254 // with the final dot
}

// sameNames holds the names of a request to those of the order, as sets.
func sameNames(names, want []Identifier) *Problem {
	more, missing := without(names, want), without(want, names)
	if len(more) == 0 && len(missing) == 0 {
		return nil
	}
	var wrong []string
	if len(more) > 0 {
		wrong = append(wrong, "not in the order: "+listed(more))
	}
	if len(missing) > 0 {
		wrong = append(wrong, "in the order and not in the request: "+listed(missing))
	}
	p := badCSR("its names are not those of the order (RFC 8555 §7.4): %s", strings.Join(wrong, "; "))
	for _, i := range more {
		if _, err := netip.ParseAddr(i.Value); err == nil && i.Type == TypeDNS {
			p.Detail += "; an address is asked for as iPAddress, not as dNSName"
			break
		}
	}
	return p
}

// without are those of a that are not in b.
func without(a, b []Identifier) []Identifier {
	in := make(map[Identifier]bool, len(b))
	for _, i := range b {
		in[i] = true
	}
	var rest []Identifier
	for _, i := range a {
		if !in[i] {
			rest = append(rest, i)
			in[i] = true
		}
	}
	return rest
}

// listed shows the first few.
func listed(all []Identifier) string {
	const few = 5
	var text []string
	for _, i := range all[:min(few, len(all))] {
		text = append(text, i.Value)
	}
	if len(all) > few {
		text = append(text, "…")
	}
	return strings.Join(text, ", ")
}
