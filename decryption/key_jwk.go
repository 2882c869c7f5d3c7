package decryption

import (
	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// parseJSON reads a JWK or a JWK Set (RFC 7517 §5).
func parseJSON(text []byte) ([]found, error) {
	keys, set, err := thumbprint.SplitJWKSet(text)
	if err != nil {
		return nil, err
	}
	if !set {
		return []found{parseJWK("jwk", text)}, nil
	}
	all := make([]found, len(keys))
	for i, key := range keys {
		all[i] = parseJWK(nth("jwks.keys", i), key)
	}
	return all, nil
}

// The members of a JWK that are read here, after package thumbprint has judged
// the public ones. Those of RSA from dp on follow from the others.
const (
	jwkKID = iota
	jwkUse
	jwkAlg
	jwkD
	jwkP
	jwkQ
	jwkK
	jwkTexts
	jwkOps = iota - 1
	jwkOth
)

var jwkMembers = strict.NewNames("kid", "use", "alg", "d", "p", "q", "k", "key_ops", "oth")

// parseJWK reads one key.
func parseJWK(place string, text []byte) found {
	public, err := thumbprint.ParseJWK(text)
	if err != nil {
		return found{err: within(place, err)}
	}
	var s strict.Scanner
	s.Reset(text, place)
	var texts [jwkTexts]strict.Text
	ops, forUs, oth := false, false, false
	for o := s.Object(jwkMembers); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		switch m {
		case strict.Other:
		case jwkOth:
			oth = true
		case jwkOps:
			ops = true
			for a := s.Array(); a.Next(); {
				t := s.Text()
				forUs = forUs || t.Is("decrypt") || t.Is("unwrapKey") || t.Is("deriveKey") || t.Is("deriveBits")
			}
		default:
			texts[m] = s.Text()
		}
	}
	if err := s.Close(); err != nil {
		return found{err: err}
	}
	alg := string(texts[jwkAlg].Bytes())
	switch {
	case texts[jwkUse].Present() && !texts[jwkUse].Is("enc"):
		return found{err: &otherUse{place + ".use", "not enc: not a key to decrypt with"}}
	case ops && !forUs:
		return found{err: &otherUse{place + ".key_ops", "neither decrypt, unwrapKey, deriveKey nor deriveBits: not a key to decrypt with"}}
	case texts[jwkAlg].Present() && !known(alg):
		return found{err: &otherUse{place + ".alg", "not an algorithm that is decrypted with here"}}
	case oth:
		return found{err: malformed(place+".oth", "an RSA key of more than two primes")}
	}
	p := parts{public: public}
	for _, part := range []struct {
		name string
		m    int
		to   *[]byte
	}{{"d", jwkD, &p.d}, {"p", jwkP, &p.p}, {"q", jwkQ, &p.q}, {"k", jwkK, &p.k}} {
		var ok bool
		if *part.to, ok = decode(texts[part.m].Bytes()); !ok {
			return found{err: malformed(place+"."+part.name, "not base64url without padding")}
		}
	}
	secret, err := p.key(place)
	if err != nil {
		return found{err: err}
	}
	secret.alg = alg
	if texts[jwkKID].Present() {
		secret.kid = texts[jwkKID].AppendTo([]byte{})
	}
	return found{secret: secret}
}
