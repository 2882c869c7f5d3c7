package acme

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Public answers those who check certificates, without authentication and over plain
// HTTP as well (RFC 5280 §4.2.1.13, §4.2.2.1): GET and HEAD of /crl/<issuer>.crl, the root's too, of
// /ca/<issuer>.crt, and of /root.pem, which nobody may trust for being there.
func (s *Server) Public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /crl/{file}", s.crl)
	mux.HandleFunc("GET /ca/{file}", s.issuerCertificate)
	mux.HandleFunc("GET /root.pem", s.rootCertificate)
	return mux
}

// longestCached bounds how long a list is taken from a cache, since the next revocation
// makes a new one.
const longestCached = time.Hour

func (s *Server) crl(w http.ResponseWriter, r *http.Request) {
	issuer, ok := s.issuerOf(r, ".crl")
	if !ok {
		s.rootCRL(w, r)
		return
	}
	list, err := s.list(r.Context(), issuer)
	if err != nil {
		s.Log.Error("acme: no revocation list", "error", err)
		http.Error(w, "there is no revocation list at the moment", http.StatusServiceUnavailable)
		return
	}
	age := min(longestCached, list.due().Sub(s.Now()))
	publish(w, r, list.DER, "application/pkix-crl", fmt.Sprintf(`"%d"`, list.Number), age, list.ThisUpdate)
}

func (s *Server) issuerCertificate(w http.ResponseWriter, r *http.Request) {
	issuer, ok := s.issuerOf(r, ".crt")
	if !ok {
		http.NotFound(w, r)
		return
	}
	der, ok := s.Authority.IssuerDER(issuer)
	if !ok {
		http.NotFound(w, r)
		return
	}
	publish(w, r, der, "application/pkix-cert", "", 24*time.Hour, time.Time{})
}

// issuerOf is whose file is asked for: one that there is, so that strangers' names cost nothing.
func (s *Server) issuerOf(r *http.Request, kind string) (string, bool) {
	issuer, ok := strings.CutSuffix(r.PathValue("file"), kind)
	return issuer, ok && s.Authority != nil && slices.Contains(s.Authority.Issuers(), issuer)
}

func publish(w http.ResponseWriter, r *http.Request, octets []byte, content, tag string, age time.Duration, at time.Time) {
	h := w.Header()
	h.Set("Content-Type", content)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", max(0, int(age/time.Second))))
	if tag != "" {
		h.Set("ETag", tag)
	}
	http.ServeContent(w, r, "", at, bytes.NewReader(octets))
}
