package authz

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"cnfd/credential"
	"cnfd/possession"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// read fills k's request from the headers; undecided where all of it is as it
// should be. The client's Cache-Control is not looked at: whoever can ask for fresh
// data with each request can hammer the DNS.
func (h *Handler) read(r *http.Request, k *call) cause {
	if !h.trusted(r) {
		return strangePeer
	}
	if h.disguised(r.Header) || h.hopByHop(r.Header) {
		return oddHeaders
	}
	q, ok := &k.request, false
	if q.DPoP.Method, q.DPoP.URL, ok = h.c.Gateway.target(r); !ok {
		return oddHeaders
	}
	if h.c.Possession&verifier.CheckMTLS != 0 {
		if q.ClientCert, ok = h.c.Gateway.certificate(r.Header); !ok {
			return oddHeaders
		}
		k.uncertified = len(r.Header[shapes[h.c.Gateway].certificate]) == 0
	}
	if h.c.Possession&verifier.CheckKeyBinding != 0 {
		lines := r.Header[h.c.NonceHeader]
		if len(lines) > 1 {
			return oddHeaders
		}
		if len(lines) == 1 {
			q.Nonce = lines[0]
		}
	}
	return k.readToken(r.Header)
}

// trusted reports whether what the headers say can be the gateway's own word.
func (h *Handler) trusted(r *http.Request) bool {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && a.Network() == "unix" {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, p := range h.c.Peers {
		if p.Contains(peer.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// guarded are the headers that decide something, in their canonical spelling.
func guarded(c *Config) map[string]bool {
	s := &shapes[c.Gateway]
	names := map[string]bool{"Authorization": true, "Dpop": true, "Host": true}
	for _, name := range [...]string{s.method, s.url, s.scheme, s.host, s.uri, s.certificate, c.NonceHeader} {
		if name != "" {
			names[name] = true
		}
	}
	return names
}

// disguised reports whether a header is there that some reader, somewhere, takes for
// one that decides something: with underscores or dots for the hyphens. The gateway
// overwrites its own spelling alone.
func (h *Handler) disguised(head http.Header) bool {
	for name := range head {
		if strings.IndexByte(name, '_') < 0 && strings.IndexByte(name, '.') < 0 {
			continue
		}
		if h.guarded[http.CanonicalHeaderKey(hyphens.Replace(name))] {
			return true
		}
	}
	return false
}

var hyphens = strings.NewReplacer("_", "-", ".", "-")

// hopByHop reports whether one of the headers that decide something is named in
// Connection (RFC 9110 §7.6.1): some hop was to take it away.
func (h *Handler) hopByHop(head http.Header) bool {
	for _, line := range head["Connection"] {
		for line != "" {
			var name string
			name, line, _ = strings.Cut(line, ",")
			if h.guarded[http.CanonicalHeaderKey(strings.TrimSpace(name))] {
				return true
			}
		}
	}
	return false
}

// readToken reads the one Authorization header and, with the scheme DPoP, the one
// proof (RFC 9449 §4.3 check 1, §7.1).
func (k *call) readToken(head http.Header) cause {
	lines := head["Authorization"]
	switch len(lines) {
	case 0:
		return noToken
	case 1:
	default:
		return twoTokens
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	switch {
	case strings.EqualFold(scheme, "DPoP"):
	case strings.EqualFold(scheme, "Bearer"):
		k.bearer = true
	default:
		return noToken
	}
	token = strings.TrimLeft(token, " ")
	if len(token) > credential.MaxToken || !isToken68(token) {
		return malformed
	}
	k.token = append(k.token[:0], token...)
	k.request.Input, k.request.Bytes = verifier.InputToken, k.token
	proofs := head["Dpop"]
	if k.bearer || len(proofs) == 0 {
		return undecided // no proof: the verifier says so
	}
	if len(proofs) > 1 || len(proofs[0]) > possession.MaxProof {
		return twoProofs
	}
	k.proof = append(k.proof[:0], proofs[0]...)
	k.request.DPoP.Proof = k.proof
	return undecided
}

// isToken68 is RFC 9110 §11.2; two lines that were joined have a comma or a space.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := 0; i < len(body); i++ {
		if c := body[i]; !isAlphanumeric(c) && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return body != ""
}

// demanded is which proofs of possession the token needs, by how it is bound. One
// at least, all that it is bound by, and none that is not taken here: else the cause.
func (h *Handler) demanded(k *call) (verifier.Checks, cause) {
	c, err := k.scratch.Parse(k.token, &h.c.Credential)
	if err != nil {
		return 0, unread(err)
	}
	var needs verifier.Checks
	switch {
	case !k.bearer:
		needs |= verifier.CheckDPoP
	case c.DPoPBound():
		return 0, boundAsBearer // RFC 9449 §7.2
	}
	if !c.Certificate().IsZero() {
		needs |= verifier.CheckMTLS // RFC 8705 §3
	}
	if _, bound := c.KeyBinding(); bound && k.bearer && needs == 0 {
		needs |= verifier.CheckKeyBinding
	}
	switch {
	case needs == 0:
		return 0, unbound
	case needs&^h.c.Possession != 0:
		return 0, boundOtherwise
	case needs&verifier.CheckKeyBinding != 0 && k.request.Nonce == "":
		return 0, oddHeaders // the gateway's to say
	case needs&verifier.CheckKeyBinding == 0:
		k.request.Nonce = "" // it is no DPoP nonce
	}
	return needs, undecided
}

// unread is why a token cannot be read.
func unread(err error) cause {
	var claim *credential.Error
	var key *thumbprint.Error
	switch {
	case errors.As(err, &claim) && claim.Rule == credential.NoSubject:
		return notDerivable
	case errors.As(err, &claim) && claim.Rule == credential.NotReducible, errors.As(err, &key) && key.Rule == thumbprint.NotReducible:
		return notReducible
	}
	return malformed
}
