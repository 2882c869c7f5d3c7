package issuers

import (
	"bytes"
	"errors"

	"cnfd/internal/strict"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// readCOSE reads a COSE_Key, or an array of them: a COSE_KeySet, each of whose
// elements is judged for itself (RFC 9052 §7).
func readCOSE(file []byte) ([]found, error) {
	if err := strict.WellFormedCBOR(file, "cose_keys"); err != nil {
		return nil, err
	}
	item, _, err := strict.FirstCBOR(bytes.Clone(file)) // keys point into what they are read from
	switch {
	case err != nil:
		return nil, err
	case item.Major == strict.MajorMap:
		return []found{readCOSEKey("cose_key", item)}, nil
	case item.Indefinite:
		return nil, errors.New("cose_keys: of indefinite length")
	case item.Arg > maxKeys:
		return nil, errTooMany
	}
	var all []found
	for rest := item.Body; len(rest) > 0; {
		var key strict.Item
		if key, rest, err = strict.FirstCBOR(rest); err != nil {
			return nil, err
		}
		all = append(all, readCOSEKey(nth("cose_keys", len(all)), key))
	}
	return all, nil
}

// The parameters that are read here (RFC 9052 §7.1), beside those that package
// thumbprint judges.
const (
	coseKTY  = 1
	coseKID  = 2
	coseAlg  = 3
	coseOps  = 4
	opVerify = 2
)

func readCOSEKey(at string, item strict.Item) found {
	f := found{place: at}
	var members [coseOps + 1]strict.Item
	for entries := item.Entries(); entries.Next(); {
		if label, ok := entries.Key.Int(); ok && coseKTY <= label && label <= coseOps {
			members[label] = entries.Value
		}
	}
	key, err := thumbprint.ParseCOSEKey(item.Raw)
	if kty := members[coseKTY]; err != nil && len(kty.Raw) > 0 && !knownCOSEKTY(kty) {
		return f.elsewhere("1: not a key type that is known: 1 (OKP), 2 (EC2), 3 (RSA) or 7 (AKP)")
	}
	if err != nil {
		return f.malformed(err)
	}
	// RFC 9052 §7.1 wants octets; what is text (as in draft-ietf-spice-sd-cwt-08) is
	// its octets.
	kid, ok := members[coseKID].Bytes()
	if !ok {
		kid, _ = members[coseKID].Text()
	}
	f.key.KID = string(kid)
	id, _ := members[coseAlg].Int()
	f = f.judge(key, signature.OfCOSE(id), len(members[coseAlg].Raw) > 0)
	if ops := members[coseOps]; f.err == nil && len(ops.Raw) > 0 && !verifies(ops) {
		return f.elsewhere("4: without verify (2), so not a key to verify with")
	}
	return f
}

func knownCOSEKTY(kty strict.Item) bool {
	id, ok := kty.Int()
	return ok && (1 <= id && id <= 4 || id == 7)
}

func verifies(ops strict.Item) bool {
	if ops.Major != strict.MajorArray {
		return false
	}
	for rest := ops.Body; len(rest) > 0; {
		var op strict.Item
		var err error
		if op, rest, err = strict.FirstCBOR(rest); err != nil {
			return false
		}
		if id, ok := op.Int(); ok && id == opVerify {
			return true
		}
	}
	return false
}
