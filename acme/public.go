package acme

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Public answers those who check certificates, without authentication and over plain
// HTTP as well (RFC 5280 §4.2.1.13, §4.2.2.1): GET and HEAD of /crl/<issuer>.crl, the root's too, of /crl/all.pem,
// which has all of these, of /ca/<issuer>.crt, and of /root.pem, which nobody may trust for being there.
func (s *Server) Public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /crl/{file}", s.crl)
	mux.HandleFunc("GET /crl/all.pem", s.everyCRL)
	mux.HandleFunc("GET /ca/{file}", s.issuerCertificate)
	mux.HandleFunc("GET /root.pem", s.rootCertificate)
	return mux
}

// longestCached bounds how long a list is taken from a cache, since the next revocation
// makes a new one.
const longestCached = 5 * time.Minute

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

// everyCRL gives out all lists in one file, in PEM, for programs that fetch none by themselves and want each up to the
// root (ssl_crl of nginx): all, or none, since one that is missing has every certificate of its issuer refused there.
func (s *Server) everyCRL(w http.ResponseWriter, r *http.Request) {
	if s.Authority == nil {
		http.NotFound(w, r)
		return
	}
	lists, age, err := s.everyList(r.Context())
	if err != nil {
		s.Log.Error("acme: no file of all revocation lists", "error", err)
		http.Error(w, "one of the revocation lists is not there at the moment", http.StatusServiceUnavailable)
		return
	}
	var text []byte
	sum := sha256.New()
	for _, list := range lists {
		sum.Write(list.DER)
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list.DER})...)
	}
	publish(w, r, text, "application/x-pem-file", fmt.Sprintf(`"%x"`, sum.Sum(nil)[:12]), age, time.Time{})
}

// everyList returns the root's list, where it has one, and those of the issuers that have not ended, and how long they may be taken from a cache.
func (s *Server) everyList(ctx context.Context) (all []*CRL, age time.Duration, err error) {
	age = longestCached
	if s.Root != nil {
		root, err := s.Root.RootList()
		if err != nil {
			return nil, 0, err
		}
		if root != nil {
			all, age = append(all, root), min(age, root.NextUpdate.Sub(s.Now()))
		}
	}
	for _, issuer := range s.Authority.Issuers() {
		if s.over(issuer) {
			continue
		}
		list, err := s.list(ctx, issuer)
		if err != nil {
			return nil, 0, err
		}
		all, age = append(all, list), min(age, list.due().Sub(s.Now()))
	}
	return all, age, nil
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
