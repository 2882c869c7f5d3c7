package issuers

import (
	"cnfd/internal/strict"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// readJSON reads a JWK or a JWK Set (RFC 7517 §5).
func readJSON(text []byte) ([]found, error) {
	keys, set, err := thumbprint.SplitJWKSet(text)
	switch {
	case err != nil:
		return nil, err
	case !set:
		return []found{readJWK("jwk", text)}, nil
	case len(keys) > maxKeys:
		return nil, errTooMany
	}
	all := make([]found, len(keys))
	for i, key := range keys {
		all[i] = readJWK(nth("jwks.keys", i), key)
	}
	return all, nil
}

// The members of a JWK that are read here, beside those that package thumbprint
// judges.
const (
	jwkKTY = iota
	jwkKID
	jwkAlg
	jwkUse
	jwkTexts
	jwkOps = iota - 1
)

var jwkMembers = strict.NewNames("kty", "kid", "alg", "use", "key_ops")

func readJWK(at string, text []byte) found {
	f := found{place: at}
	var s strict.Scanner
	s.Reset(text, at)
	var texts [jwkTexts]strict.Text
	ops, verify := false, false
	for o := s.Object(jwkMembers); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		switch m {
		case strict.Other:
		case jwkOps:
			ops = true
			for a := s.Array(); a.Next(); {
				verify = s.Text().Is("verify") || verify
			}
		default:
			texts[m] = s.Text()
		}
	}
	if err := s.Close(); err != nil {
		f.err = err
		return f
	}
	if kty := texts[jwkKTY]; kty.Present() && !knownKTY(kty) {
		return f.elsewhere("kty: not a key type that is known: EC, OKP, RSA or AKP")
	}
	key, err := thumbprint.ParseJWK(text)
	if err != nil {
		return f.malformed(err)
	}
	f.key.KID = string(texts[jwkKID].Bytes())
	f = f.judge(key, signature.OfJOSE(texts[jwkAlg].Bytes()), texts[jwkAlg].Present())
	switch {
	case f.err != nil:
	case texts[jwkUse].Present() && !texts[jwkUse].Is("sig"):
		return f.elsewhere("use: not sig, so not a key of signatures")
	case ops && !verify:
		return f.elsewhere("key_ops: without verify, so not a key to verify with")
	}
	return f
}

func knownKTY(kty strict.Text) bool {
	return kty.Is("EC") || kty.Is("OKP") || kty.Is("RSA") || kty.Is("AKP") || kty.Is("oct")
}
