package possession

import "cnfd/credential"

// ProofNonce is the nonce that a DPoP proof claims; "" where it claims none. Nothing of
// the proof is believed: who has given out several nonces looks whether this is one of
// them, and has DPoP judge the proof with that one as Request.Nonce (RFC 9449 §9).
// The error is an *Error, where it is no proof that DPoP could read.
func ProofNonce(proof []byte) (string, error) {
	if len(proof) > MaxProof {
		return "", &Error{Malformed, "", "longer than the 16 KiB that a proof may have"}
	}
	_, payload, _, err := credential.ReadJWS(proof)
	if err != nil {
		return "", wrong(err)
	}
	c, err := readClaims(payload)
	if err != nil {
		return "", err
	}
	return string(c.nonce.Bytes()), nil
}
