package acme

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// renewalObject is when to renew a certificate (RFC 9773 §4.2).
type renewalObject struct {
	Window struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"suggestedWindow"`
}

// renewalInfo says when a certificate is best renewed (RFC 9773 §4).
func (s *Server) renewalInfo(r *http.Request) (*answer, *Problem) {
	aki, serial, p := readCertID(r.PathValue("id"))
	if p != nil {
		return nil, p
	}
	cert, err := view(r.Context(), s.Store, func(tx Tx) (*Certificate, error) { return certificateOf(tx, aki, serial) })
	if errors.Is(err, ErrNotFound) {
		return nil, notFound("certificate")
	}
	if err != nil {
		return nil, s.internal(r.Context(), "reading the certificate", err)
	}
	if cert.Revoked.IsZero() && s.issuerRevoked(cert.Issuer) {
		cert.Revoked = s.Now()
	}
	var v renewalObject
	v.Window.Start, v.Window.End = renewal(cert, s.Now())
	return &answer{status: http.StatusOK, object: v, retry: seconds(lookAgain(cert))}, nil
}

// shortLived is the life under which a certificate is renewed after a half of it,
// instead of two thirds: there is little time to mend what went wrong (Boulder's figures).
const shortLived = 10 * 24 * time.Hour

// renewal is the window in which a certificate is best renewed: now, where it or its issuer is revoked.
func renewal(c *Certificate, now time.Time) (start, end time.Time) {
	if !c.Revoked.IsZero() {
		start = now.UTC().Truncate(time.Second).Add(-time.Hour)
		return start, start.Add(30 * time.Minute)
	}
	life := c.NotAfter.Sub(c.NotBefore)
	at := c.NotBefore.Add(life / 3 * 2)
	if life < shortLived {
		at = c.NotBefore.Add(life / 2)
	}
	start = at.Add(-life / 100).UTC().Truncate(time.Second)
	end = at.Add(life / 100).UTC().Truncate(time.Second)
	if !end.After(start) {
		end = start.Add(time.Second) // RFC 9773 §4.2: a window that is none must not be served
	}
	return start, end
}

// longestLook is how long a client may go on with what it was told (Boulder's figure).
const longestLook = 6 * time.Hour

// lookAgain is when a client asks again: often enough to hear of a revocation within
// the life of its certificate (RFC 9773 §4.3).
func lookAgain(c *Certificate) time.Duration {
	return min(longestLook, max(time.Minute, c.NotAfter.Sub(c.NotBefore)/24))
}

// replaced finds the certificate that an order wants to take the place of, and checks
// that it may (RFC 9773 §5): one of the same account, for one of the same identifiers at
// least, that no other has replaced.
func (s *Server) replaced(tx Tx, a *Account, certID string, ids []Identifier) (serial string, p *Problem) {
	aki, serial, p := readCertID(certID)
	if p != nil {
		p.Detail = "replaces: " + p.Detail
		return "", p
	}
	cert, err := certificateOf(tx, aki, serial)
	if errors.Is(err, ErrNotFound) {
		return "", Problemf(Malformed, "replaces: there is no such certificate")
	}
	if err != nil {
		return "", s.internal(context.Background(), "reading the certificate to replace", err)
	}
	switch {
	case cert.Account != a.ID:
		return "", Problemf(Unauthorized, "replaces: the certificate is another account's")
	case !slices.ContainsFunc(ids, func(i Identifier) bool { return slices.Contains(cert.Identifiers, i) }):
		return "", Problemf(Malformed, "replaces: the certificate has none of the order's identifiers")
	case cert.ReplacedBy != "":
		return "", Problemf(AlreadyReplaced, "replaces: the certificate was replaced already: order without replaces")
	}
	return cert.Serial, nil
}

// certificateOf finds a certificate by what RFC 9773 §4.1 names it by.
func certificateOf(tx Tx, aki []byte, serial string) (*Certificate, error) {
	cert, err := tx.Certificate(serial)
	if err == nil && !bytes.Equal(cert.AKI, aki) {
		return nil, ErrNotFound
	}
	return cert, err
}

// readCertID reads the name of a certificate (RFC 9773 §4.1): the key identifier of its
// authorityKeyIdentifier and its serial as the octets of a DER INTEGER, each in
// base64url, with a dot between. The serial is returned as the Store has it.
func readCertID(id string) (aki []byte, serial string, p *Problem) {
	first, second, ok := strings.Cut(id, ".")
	if !ok || strings.Contains(second, ".") {
		return nil, "", Problemf(Malformed, "certificate id: want two parts with a dot between (RFC 9773 §4.1)")
	}
	if strings.Contains(id, "=") {
		return nil, "", Problemf(Malformed, "certificate id: base64url must not be padded with = (RFC 9773 §4.1)")
	}
	aki, ok = fromBase64(first)
	number, also := fromBase64(second)
	if !ok || !also || len(aki) == 0 || len(number) == 0 {
		return nil, "", Problemf(Malformed, "certificate id: not two parts in base64url (RFC 9773 §4.1)")
	}
	switch {
	case number[0]&0x80 != 0:
		return nil, "", Problemf(Malformed, "certificate id: the serial is negative: its zero octet in front is missing (RFC 9773 §4.1)")
	case number[0] != 0:
	case len(number) == 1 || number[1]&0x80 == 0:
		return nil, "", Problemf(Malformed, "certificate id: the serial is no DER INTEGER that a certificate has (RFC 9773 §4.1)")
	default:
		number = number[1:]
	}
	return aki, hex.EncodeToString(number), nil
}
