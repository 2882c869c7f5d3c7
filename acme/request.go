package acme

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"cnfd/acme/jws"
	"cnfd/acme/weakkey"
	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// signer is who may sign a request.
type signer uint8

const (
	byKey     signer = 1 << iota // a key in the request itself
	byAccount                    // an account's current key
	withQuery                    // and the URL may have a query, which is signed with it
)

// call is one request whose signature, nonce and URL are good.
type call struct {
	context.Context
	http    *http.Request
	message *jws.Message
	account *Account // whose key has signed; nil where a key in the request itself has
	key     thumbprint.Key
}

// thumbprint is the signing key's, in base64url.
func (c *call) thumbprint() string { return c.key.JKT(thumbprint.SHA256).Base64() }

// read is the problem of a request that should only read (POST-as-GET, RFC 8555 §6.3).
func (c *call) read() *Problem {
	if len(c.message.Payload) > 0 {
		return Problemf(Malformed, "payload: this resource is only read: the payload must be empty (POST-as-GET, RFC 8555 §6.3)")
	}
	return nil
}

// answer is what a client gets.
type answer struct {
	status   int
	location string
	links    []string // whole values of Link
	retry    int      // seconds; Retry-After
	object   any      // as JSON
	content  string   // type of octets
	octets   []byte
}

// signed mounts what answers a signed POST (RFC 8555 §6.2).
func (s *Server) signed(path string, who signer, handle func(*call) (*answer, *Problem)) {
	s.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		c, p := s.authenticate(r, who)
		if p != nil {
			s.refuse(w, p)
			return
		}
		if c.account != nil {
			w = heard{w}
		}
		a, p := handle(c)
		if p != nil {
			s.tellLimited(c, p)
			s.tellRefused(c, path, p)
			s.refuse(w, p)
			return
		}
		s.reply(w, a)
	})
}

// heard answers who has signed for an account: with a nonce of those that no stranger's
// requests make the server forget.
type heard struct{ http.ResponseWriter }

// open mounts what is read without a signature.
func (s *Server) open(pattern string, handle func(*http.Request) (*answer, *Problem)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		a, p := handle(r)
		if p != nil {
			s.refuse(w, p)
			return
		}
		s.reply(w, a)
	})
}

// authenticate reads a request and checks its signature, URL and nonce, in the order
// that costs a stranger's request the least. The nonce is the last: who cannot sign uses up none.
func (s *Server) authenticate(r *http.Request, who signer) (*call, *Problem) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/jose+json" {
		p := Problemf(Malformed, "Content-Type: want application/jose+json (RFC 8555 §6.2)")
		p.Status = http.StatusUnsupportedMediaType
		return nil, p
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			p := Problemf(Malformed, "body: over %d octets", jws.MaxBody)
			p.Status = http.StatusRequestEntityTooLarge
			return nil, p
		}
		return nil, Problemf(Malformed, "body: it did not arrive whole")
	}
	m, err := jws.Parse(body, jws.Request)
	if err != nil {
		return nil, unreadable(err)
	}
	sent := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		sent += "?" + r.URL.RawQuery
	}
	if m.URL != s.URL+sent || r.URL.RawQuery != "" && who&withQuery == 0 {
		return nil, Problemf(Unauthorized, "url: the request was signed for another URL than it was sent to, which is %s%s (RFC 8555 §6.4)", s.URL, r.URL.EscapedPath())
	}
	c := &call{Context: r.Context(), http: r, message: m}
	if p := s.signer(c, who); p != nil {
		return nil, p
	}
	if err := m.Verify(c.key); err != nil {
		return nil, unreadable(err)
	}
	if !s.takeNonce(c, m.Nonce) {
		return nil, Problemf(BadNonce, "nonce: used before, or too old: take the one of this answer and send the request again")
	}
	return c, nil
}

// signer finds the key that must have signed, and the account that it is of.
func (s *Server) signer(c *call, who signer) *Problem {
	if c.message.KID == "" {
		if who&byKey == 0 {
			return Problemf(Malformed, "jwk: sign this request for an account: kid must be its URL (RFC 8555 §6.2)")
		}
		c.key = c.message.Key // not judged here: who revokes with a key that is known to others is welcome
		return nil
	}
	if who&byAccount == 0 {
		return Problemf(Malformed, "kid: sign this request with a jwk of its own (RFC 8555 §6.2)")
	}
	id, ours := strings.CutPrefix(c.message.KID, s.URL+accountPath)
	if !ours || id == "" || strings.Contains(id, "/") {
		return Problemf(AccountDoesNotExist, "kid: no account URL of this server (they begin with %s%s)", s.URL, accountPath)
	}
	a, err := view(c, s.Store, func(tx Tx) (*Account, error) { return tx.Account(id) })
	if errors.Is(err, ErrNotFound) {
		return Problemf(AccountDoesNotExist, "kid: there is no such account")
	}
	if err != nil {
		return s.internal(c, "reading the account", err)
	}
	if a.Status != Valid {
		return ended(a)
	}
	if c.key, err = thumbprint.ParseJWK(a.Key); err != nil {
		return s.internal(c, "reading the account's key", err)
	}
	c.account = a
	return nil
}

// weak refuses keys that others can know the private key of (RFC 8555 §11.1).
func (s *Server) weak(k thumbprint.Key) *Problem {
	public := k.Public()
	if err := weakkey.Check(public); err != nil {
		return Problemf(BadPublicKey, "key: %v: make another", err)
	}
	return s.exposed(k)
}

// exposed refuses keys whose private keys are known to others by now.
func (s *Server) exposed(k thumbprint.Key) *Problem {
	blocked, err := s.blocked().Holds(k.Public())
	if err != nil {
		return Problemf(BadPublicKey, "key: %v", err)
	}
	if blocked {
		return Problemf(BadPublicKey, "key: its private key is known to others: make another")
	}
	return nil
}

// blocked are the keys that are known to others by now.
func (s *Server) blocked() *weakkey.Blocklist {
	if s.Blocked == nil {
		return nil
	}
	return s.Blocked()
}

// unreadable is the Problem of an error of package jws.
func unreadable(err error) *Problem {
	e := (*jws.Error)(nil)
	if !errors.As(err, &e) {
		return Problemf(Malformed, "%v", err)
	}
	switch e.Rule {
	case jws.Algorithm:
		p := Problemf(BadSignatureAlgorithm, "%v", err) // RFC 8555 §6.2
		p.Algorithms = jws.Algorithms()
		return p
	case jws.Key:
		return Problemf(BadPublicKey, "%v", err)
	case jws.Signature:
		return Problemf(Unauthorized, "%v", err)
	case jws.Nonce:
		return Problemf(BadNonce, "%v", err)
	}
	return Problemf(Malformed, "%v", err)
}

// decode reads a payload: a JSON object in which no member is given twice, or in
// another case than one of names. Others are passed over (RFC 8555 §7.1).
func decode(payload []byte, names *strict.Names, into any) *Problem {
	var s strict.Scanner
	s.Reset(payload, "payload")
	o := s.Object(names)
	for {
		if _, ok := o.Next(); !ok {
			break
		}
	}
	if err := s.Close(); err != nil {
		return Problemf(Malformed, "%v", err)
	}
	if err := json.Unmarshal(payload, into); err != nil {
		if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) {
			return Problemf(Malformed, "payload.%s: not what it should be: a JSON %s", e.Field, e.Value)
		}
		return Problemf(Malformed, "payload: %v", err)
	}
	return nil
}

// reply sends an answer, with a nonce and a link to the directory (RFC 8555 §6.5, §7.1).
func (s *Server) reply(w http.ResponseWriter, a *answer) {
	h := s.headers(w)
	for _, l := range a.links {
		h.Add("Link", l)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retry))
	}
	octets := a.octets
	if a.object != nil {
		var err error
		if octets, err = json.Marshal(a.object); err != nil {
			s.refuse(w, s.internal(context.Background(), "writing an answer", err))
			return
		}
		h.Set("Content-Type", "application/json")
	} else if a.content != "" {
		h.Set("Content-Type", a.content)
	}
	w.WriteHeader(a.status)
	w.Write(octets)
}

func (s *Server) headers(w http.ResponseWriter) http.Header {
	h := w.Header()
	h.Set("Cache-Control", "no-store") // RFC 8555 §6.5.1, §7.2
	if _, ok := w.(heard); ok {
		h.Set("Replay-Nonce", s.nonces.make())
	} else {
		h.Set("Replay-Nonce", s.strangers.make())
	}
	h.Add("Link", link(s.URL+"/directory", "index"))
	return h
}

// refuse sends a problem document (RFC 8555 §6.7).
func (s *Server) refuse(w http.ResponseWriter, p *Problem) {
	s.Counter.Count(Problems, string(p.Kind))
	h := s.headers(w)
	h.Set("Content-Type", "application/problem+json")
	if p.Location != "" {
		h.Set("Location", p.Location)
	}
	if p.Kind == UserActionRequired && s.Terms != "" {
		h.Add("Link", link(s.Terms, "terms-of-service")) // RFC 8555 §7.3.3
	}
	if p.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(p.Retry)))
	}
	if p.Status >= http.StatusInternalServerError {
		h.Set("Connection", "close")
	}
	octets, err := json.Marshal(p)
	if err != nil {
		octets = nil // every Problem can be written
	}
	w.WriteHeader(p.Status)
	w.Write(octets)
}

func link(url, rel string) string { return "<" + url + `>;rel="` + rel + `"` }
