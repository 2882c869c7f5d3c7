package ca

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/acme"
)

const (
	// leastLeft is what an intermediate must still have before it: a certificate that ends
	// within the hour is of no use to who asks for it by ACME.
	leastLeft = time.Hour
	// longestOrder is how long an order lives at most (acme.Config.OrderLife): so far may
	// the NotBefore that it wants have gone by when it is finalized.
	longestOrder = 24 * time.Hour
)

// template is what a request asks for, but for the serial number.
func (c *CA) template(r *acme.Request, h *hierarchy) (*x509.Certificate, error) {
	i := h.newest()
	t, err := keyType(r.PublicKey)
	if err != nil {
		return nil, acme.Problemf(acme.BadCSR, "%v", err)
	}
	if !slices.Contains(r.Profile.KeyTypes, t) {
		return nil, acme.Problemf(acme.BadCSR, "key: %s: profile %q takes %v", t, r.Profile.Name, r.Profile.KeyTypes)
	}
	leaf := &x509.Certificate{
		BasicConstraintsValid: true,
		ExtKeyUsage:           r.Profile.ExtUsage,
		CRLDistributionPoints: []string{c.listURL(i.id)},
		IssuingCertificateURL: []string{c.issuerURL(i.id)},
	}
	if leaf.KeyUsage, err = usage(r.Profile, t); err != nil {
		return nil, err
	}
	if leaf.SubjectKeyId, err = keyID(r.PublicKey); err != nil {
		return nil, fmt.Errorf("ca: key identifier: %w", err)
	}
	if err := putNames(leaf, r.Identifiers); err != nil {
		return nil, err
	}
	leaf.NotBefore, leaf.NotAfter, err = window(r, latest(i.cert.NotBefore, h.root.NotBefore), h.ends(i))
	return leaf, err
}

// usage is what of a profile's key usages a key of some type can do: only RSA enciphers
// (RFC 5480 §3, RFC 8410 §5).
func usage(p *acme.Profile, t acme.KeyType) (x509.KeyUsage, error) {
	can := x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch t {
	case acme.RSA:
		can |= x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	case acme.P256, acme.P384:
		can |= x509.KeyUsageKeyAgreement
	}
	asked := p.Usage
	if asked == 0 {
		asked = x509.KeyUsageDigitalSignature
	}
	const never = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	switch {
	case asked&never != 0:
		return 0, fmt.Errorf("ca: profile %q: a key usage of CAs", p.Name)
	case asked&can == 0:
		return 0, acme.Problemf(acme.BadCSR, "key: %s can do nothing of what profile %q is for: take one of another type", t, p.Name)
	case len(p.ExtUsage) == 0:
		return 0, fmt.Errorf("ca: profile %q: no extended key usage: the certificate would be good for everything", p.Name)
	case slices.Contains(p.ExtUsage, x509.ExtKeyUsageAny) || slices.Contains(p.ExtUsage, x509.ExtKeyUsageOCSPSigning):
		return 0, fmt.Errorf("ca: profile %q: the extended key usages any and OCSPSigning are for nobody: with the second one could speak for this CA", p.Name)
	}
	return asked & can, nil
}

// putNames puts identifiers into subjectAltName, each once.
func putNames(leaf *x509.Certificate, identifiers []acme.Identifier) error {
	if len(identifiers) == 0 {
		return acme.Problemf(acme.Malformed, "no identifier")
	}
	for n, i := range identifiers {
		if slices.Contains(identifiers[:n], i) {
			return acme.Problemf(acme.RejectedIdentifier, "%s: twice", i).For(i)
		}
		switch i.Type {
		case acme.TypeDNS:
			if _, err := netip.ParseAddr(i.Value); err == nil || strings.ToLower(i.Value) != i.Value {
				return acme.Problemf(acme.RejectedIdentifier, "%s: want a DNS name in lower case", i).For(i)
			}
			leaf.DNSNames = append(leaf.DNSNames, i.Value)
		case acme.TypeIP:
			address, err := netip.ParseAddr(i.Value)
			if err != nil || address.String() != i.Value || address.Zone() != "" || address.Is4In6() {
				return acme.Problemf(acme.RejectedIdentifier, "%s: not an address in its one text form (RFC 5952)", i).For(i)
			}
			leaf.IPAddresses = append(leaf.IPAddresses, net.IP(address.AsSlice()))
		default:
			return acme.Problemf(acme.UnsupportedIdentifier, "%s: dns and ip are what this CA certifies", i).For(i)
		}
	}
	return nil
}

// sameIP compares addresses that are written with 4 octets or 16.
func sameIP(a, b net.IP) bool { return a.Equal(b) }

// window is from when until when a certificate is good, in whole seconds. NotAfter is
// the last second that is (RFC 5280 §4.1.2.5). No certificate ends later than its profile's
// life from now, so that none outlives by more what was proven, nor later than those above it.
func window(r *acme.Request, begins, ends time.Time) (from, to time.Time, err error) {
	p, now := r.Profile, second(r.Now)
	refuse := func(format string, args ...any) (time.Time, time.Time, error) {
		return time.Time{}, time.Time{}, acme.Problemf(acme.Malformed, format, args...)
	}
	switch {
	case p.Backdate < 0 || p.Life <= p.Backdate || p.Life < time.Minute:
		return from, to, fmt.Errorf("ca: profile %q: a life of %v with a backdate of %v leaves nothing", p.Name, p.Life, p.Backdate)
	case now.Before(begins):
		return from, to, fmt.Errorf("ca: the intermediate begins at %s, and now it is %s: is the clock right?", day(begins), day(now))
	case ends.Sub(now) < leastLeft:
		return from, to, fmt.Errorf("ca: the intermediate or its root ends at %s: make the next one with rotate", day(ends))
	}
	last := now.Add(p.Life)
	from, to = second(r.NotBefore), second(r.NotAfter)
	switch {
	case !r.NotAfter.IsZero() && (!to.After(now) || to.After(last)):
		return refuse("notAfter %s: want a time after now, %s, and no later than %s: profile %q is good for %v", day(to), day(now), day(last), p.Name, p.Life)
	case !r.NotAfter.IsZero() && to.After(ends):
		return refuse("notAfter %s: the CA's own certificate ends at %s: ask for no later time, or for none", day(to), day(ends))
	case !r.NotBefore.IsZero() && (from.Before(now.Add(-p.Backdate-longestOrder)) || from.Before(begins) || !from.Before(earliest(last, ends))):
		return refuse("notBefore %s: too far from now, %s: ask for a time that is nearer, or for none", day(from), day(now))
	case !r.NotBefore.IsZero() && !r.NotAfter.IsZero() && (!from.Before(to) || to.Sub(from) > p.Life):
		return refuse("notBefore %s, notAfter %s: want a time between them of no more than %v, the life of profile %q", day(from), day(to), p.Life, p.Name)
	}
	if r.NotBefore.IsZero() {
		from = latest(now.Add(-p.Backdate), begins)
		if !r.NotAfter.IsZero() {
			from = latest(from, to.Add(-p.Life))
		}
	}
	if r.NotAfter.IsZero() {
		to = earliest(earliest(from.Add(p.Life), last).Add(-time.Second), ends)
	}
	if !to.After(now) { // an order that wants a NotBefore of yesterday and has a short life
		return refuse("notBefore %s: with the life of profile %q, %v, the certificate would have ended at %s", day(from), p.Name, p.Life, day(to))
	}
	return from, to, nil
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
