package acme

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// certificate gives an account its certificate with a chain (RFC 8555 §7.4.2). The one
// without a number in its URL is the default; each links to the others. Accept is not
// looked at: there is one form, which every client takes.
func (s *Server) certificate(c *call) (*answer, *Problem) {
	if p := c.read(); p != nil {
		return nil, p
	}
	n, ok := chainNumber(c.http.PathValue("n"))
	if !ok {
		return nil, notFound("chain")
	}
	type found struct {
		*Certificate
		chain []byte
	}
	cert, err := view(c, s.Store, func(tx Tx) (found, error) {
		cert, err := tx.Certificate(c.http.PathValue("serial"))
		if err != nil {
			return found{}, err
		}
		if cert.Account != c.account.ID {
			return found{}, forbidden("certificate")
		}
		if n >= max(1, len(cert.Chains)) {
			return found{}, ErrNotFound
		}
		if len(cert.Chains) == 0 {
			return found{Certificate: cert}, nil
		}
		chain, err := tx.Blob(cert.Chains[n])
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("certificate %s: its chain %d is not there", cert.Serial, n)
		}
		return found{cert, chain}, err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, notFound("certificate")
	}
	if err != nil {
		return nil, s.internal(c, "reading the certificate", err)
	}
	a := &answer{status: http.StatusOK, content: "application/pem-certificate-chain"}
	a.octets = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Leaf}), cert.chain...)
	for other := range cert.Chains {
		if other != n {
			a.links = append(a.links, link(s.certificateURL(cert.Serial, other), "alternate"))
		}
	}
	return a, nil
}

// chainNumber reads the number in a certificate's URL; the default chain is the one without.
func chainNumber(text string) (int, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0 && strconv.Itoa(n) == text
}

func (s *Server) certificateURL(serial string, chain int) string {
	url := s.URL + "/acme/cert/" + serial
	if chain > 0 {
		url += "/" + strconv.Itoa(chain)
	}
	return url
}
