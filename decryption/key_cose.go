package decryption

import (
	"crypto/rsa"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// parseCOSE reads a COSE_Key, or an array of them: a COSE_KeySet.
func parseCOSE(file []byte) ([]found, error) {
	if err := strict.CheckCBOR(file, "cose_key"); err != nil {
		return nil, err
	}
	item, _, err := strict.FirstCBOR(file)
	if err != nil {
		return nil, err
	}
	if item.Major == strict.MajorMap {
		return []found{parseCOSEKey("cose_key", item)}, nil
	}
	var all []found
	for i, key := range elements(item) {
		all = append(all, parseCOSEKey(nth("cose_keys", i), key))
	}
	return all, nil
}

// The parameters that are read here (RFC 9052 §7.1), after package thumbprint has
// judged the public ones, and the operations among which is one of ours.
const (
	coseKID    = 2
	coseAlg    = 3
	coseOps    = 4
	opDecrypt  = 4
	opUnwrap   = 6
	opKey      = 7
	opBits     = 8
	coseSecret = -4 // d of EC2 and OKP (RFC 9053 §7)
)

// parseCOSEKey reads one key.
func parseCOSEKey(place string, item strict.Item) found {
	public, err := thumbprint.ParseCOSEKey(item.Raw)
	if err != nil {
		return found{err: within(place, err)}
	}
	members := map[int64]strict.Item{}
	for entries := item.Entries(); entries.Next(); {
		if label, ok := entries.Key.Int(); ok {
			members[label] = entries.Value
		}
	}
	octets := func(label int64) []byte {
		b, _ := members[label].Bytes()
		return b
	}
	alg, hasAlg := members[coseAlg]
	name := coseName(func(of int64, _ string) bool { id, ok := alg.Int(); return ok && of == id })
	ops, hasOps := members[coseOps]
	switch {
	case hasAlg && name == "":
		return found{err: &otherUse{place + ".3", "not an algorithm that is decrypted with here"}}
	case hasOps && !decrypts(ops):
		return found{err: &otherUse{place + ".4", "no operation of decrypting: not a key to decrypt with"}}
	}
	p := parts{public: public, d: octets(coseSecret)}
	if _, ok := public.Public().(*rsa.PublicKey); ok { // RFC 8230 §4
		p.d, p.p, p.q = octets(-3), octets(-4), octets(-5)
	}
	if public.Symmetric() {
		p.k = octets(-1)
	}
	secret, err := p.key(place)
	if err != nil {
		return found{err: err}
	}
	secret.alg = name
	if kid, ok := members[coseKID].Bytes(); ok {
		secret.kid = append([]byte{}, kid...)
	}
	return found{secret: secret}
}

func decrypts(ops strict.Item) bool {
	if ops.Major != strict.MajorArray {
		return false
	}
	for _, op := range elements(ops) {
		switch id, _ := op.Int(); id {
		case opDecrypt, opUnwrap, opKey, opBits:
			return true
		}
	}
	return false
}
