package credential

// Scratch is memory that tokens are decoded into, used again for the next one: a
// Credential read with it, its Subject and all, is good until then, and nobody else
// may read with it meanwhile. The zero Scratch is ready for use; a nil *Scratch
// takes new memory for each token, as Parse and ParseJWT do.
type Scratch struct{ octets []byte }

// Parse does what the function Parse does.
func (s *Scratch) Parse(token []byte, o *Options) (Credential, error) { return parse(token, o, s) }

// ParseJWT does what the function ParseJWT does.
func (s *Scratch) ParseJWT(compact []byte, o *Options) (Credential, error) {
	return parseJWT(compact, o, s)
}

// room gives an empty slice that n octets, of no more than MaxToken, fit into.
func (s *Scratch) room(n int) []byte {
	if s == nil {
		return make([]byte, 0, n)
	}
	if cap(s.octets) < n {
		s.octets = make([]byte, 0, max(n, min(2*cap(s.octets), MaxToken)))
	}
	return s.octets[:0]
}
