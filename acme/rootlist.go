package acme

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// rootCRL gives out the root's list, one that has ended too: who reads it sees that, and of the next one
// this server knows nothing.
func (s *Server) rootCRL(w http.ResponseWriter, r *http.Request) {
	if s.Root == nil {
		http.NotFound(w, r)
		return
	}
	list, err := s.Root.RootList()
	if err != nil {
		s.Log.Error("acme: no revocation list of the root's", "error", err)
		http.Error(w, "there is no revocation list at the moment", http.StatusServiceUnavailable)
		return
	}
	if list == nil || r.PathValue("file") != list.Issuer+".crl" {
		http.NotFound(w, r)
		return
	}
	age := min(longestCached, list.NextUpdate.Sub(s.Now()))
	publish(w, r, list.DER, "application/pkix-crl", fmt.Sprintf(`"%d"`, list.Number), age, list.ThisUpdate)
}

func (s *Server) rootCertificate(w http.ResponseWriter, r *http.Request) {
	if s.Root == nil {
		http.NotFound(w, r)
		return
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Root.RootDER()})
	publish(w, r, text, "application/pem-certificate-chain", "", 24*time.Hour, time.Time{})
}

// issuerRevoked reports whether the root's list names an issuing certificate: all that it has issued is as good as
// revoked then. Where nothing can be read of the list, it does not.
func (s *Server) issuerRevoked(issuer string) bool {
	if s.Root == nil || s.Authority == nil {
		return false
	}
	list, err := s.Root.RootList()
	if err != nil || list == nil || list.Count == 0 {
		return false
	}
	der, ok := s.Authority.IssuerDER(issuer)
	if !ok {
		return false
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return false
	}
	read, err := x509.ParseRevocationList(list.DER)
	return err == nil && slices.ContainsFunc(read.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(cert.SerialNumber) == 0
	})
}
