package ca

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// alternate is another chain for the leaves of an intermediate.
type alternate struct {
	pem          []byte
	begins, ends time.Time // of all its certificates
}

// good reports whether every certificate of the chain is good at a time.
func (a *alternate) good(at time.Time) bool { return !at.Before(a.begins) && !at.After(a.ends) }

// addAlternate finds which intermediate a chain stands in for.
func (h *hierarchy) addAlternate(text []byte) error {
	certs, err := parseCerts(text)
	if err != nil {
		return err
	}
	a := &alternate{begins: certs[0].NotBefore, ends: certs[0].NotAfter}
	for n, c := range certs {
		if err := mayIssue(c); err != nil {
			return fmt.Errorf("certificate %d: %w", n+1, err)
		}
		if n > 0 {
			if err := certs[n-1].CheckSignatureFrom(c); err != nil || !bytes.Equal(certs[n-1].RawIssuer, c.RawSubject) {
				return fmt.Errorf("certificate %d has not signed the one before", n+1)
			}
		}
		if c.NotBefore.After(a.begins) {
			a.begins = c.NotBefore
		}
		if c.NotAfter.Before(a.ends) {
			a.ends = c.NotAfter
		}
		a.pem = append(a.pem, certPEM(c.Raw)...)
	}
	first := certs[0]
	of := slices.IndexFunc(h.issuers, func(i *issuer) bool {
		return bytes.Equal(i.cert.RawSubject, first.RawSubject) && samePublic(i.cert.PublicKey, first.PublicKey)
	})
	if of < 0 {
		return errors.New("its first certificate has not the subject and the key of an intermediate here: take it out of alternate_chains, or give the one that was signed for an intermediate here")
	}
	i := h.issuers[of]
	if !bytes.Equal(first.SubjectKeyId, i.cert.SubjectKeyId) {
		return fmt.Errorf("its first certificate has another subject key identifier than %s, by which leaves name their issuer: have it signed with the same one", i.path)
	}
	i.alternates = append(i.alternates, a)
	return nil
}

// chains are what is offered with a leaf at a time: the intermediate alone, since the
// root is what relying parties have, then the alternates.
func (i *issuer) chains(at time.Time) [][]byte {
	chains := [][]byte{certPEM(i.cert.Raw)}
	for _, a := range i.alternates {
		if a.good(at) {
			chains = append(chains, bytes.Clone(a.pem))
		}
	}
	return chains
}
