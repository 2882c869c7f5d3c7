package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"cnfd/decryption"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// alone are the kinds of tokens that no library of Go's was found to read.
func alone(v *verifier.Verifier, bare, claimsMap []byte, issuer *signer) ([]contest, error) {
	token, _, _, err := issuer.jws(bare)
	if err != nil {
		return nil, err
	}
	digests, sent := disclosing()
	disclosed, _, _, err := issuer.jws(fmt.Appendf(nil, `{"iss":"https://iss.example","exp":%d,"cnf":{"jwk":%s},"_sd":[%s]}`, now.Unix()+3600, jwk, digests))
	if err != nil {
		return nil, err
	}
	sealed, opening, err := sealedCWT()
	if err != nil {
		return nil, err
	}
	return []contest{
		{"SD-JWT without disclosures", confirming(v, verifier.Request{Input: verifier.InputSDJWT, Bytes: append(token, '~')}), nil},
		{"SD-JWT with 4 disclosures", confirming(v, verifier.Request{Input: verifier.InputSDJWT, Bytes: append(append(disclosed, '~'), sent...)}), nil},
		{"CWT with an encrypted COSE_Key, ECDH-ES+HKDF-256", confirming(opening, verifier.Request{Input: verifier.InputCWT, Bytes: sealed}), nil},
		{"SD-CWT with 4 disclosures", confirming(v, verifier.Request{Input: verifier.InputCWT, Bytes: disclosingCWT(claimsMap)}), nil},
	}, nil
}

// disclosing are four disclosures, sub among them, and their digests (RFC 9901 §4.2).
func disclosing() (digests, sent string) {
	var all []string
	for i, d := range [...]string{`"sub","` + subject + `"`, `"name","Vendor"`, `"country","DE"`, `"nbf",1700000000`} {
		text := b64(fmt.Appendf(nil, `["2GLC42sKQveCfGfryNRN9%d",%s]`, i, d))
		digest := sha256.Sum256([]byte(text))
		sent += text + "~"
		all = append(all, `"`+b64(digest[:])+`"`)
	}
	return strings.Join(all, ","), sent
}

// disclosingCWT is an SD-CWT (draft-ietf-spice-sd-cwt) with sub in one of its four
// disclosures. The key is that of the claims map, which ends in it.
func disclosingCWT(claimsMap []byte) []byte {
	sent, digests := "\x84", "\x84"
	for i, d := range [...]string{string([]byte{0x60 + byte(len(subject))}) + subject + "\x02", "\x66Vendor\x19\x01\xf4", "\x62DE\x19\x01\xf5", "\x1a\x65\x53\xf1\x00\x05"} {
		one := "\x83\x50" + strings.Repeat(string(rune('a'+i)), 16) + d
		one = string([]byte{0x58, byte(len(one))}) + one
		digest := sha256.Sum256([]byte(one))
		sent += one
		digests += "\x58\x20" + string(digest[:])
	}
	const keyOctets = 75 // of an EC2 key in its shortest form
	payload := "\xa2\x08\xa1\x01" + string(claimsMap[len(claimsMap)-keyOctets:]) + "\xf8\x3b" + digests
	return []byte("\xd8\x3d\xd2\x84\x43\xa1\x01\x26\xa1\x11" + sent + string([]byte{0x59, byte(len(payload) >> 8), byte(len(payload))}) + payload + "\x58\x40" + strings.Repeat("s", 64))
}

// sealedCWT is a claims map with a key that cose-js has encrypted, and a verifier
// that opens it.
func sealedCWT() (claims []byte, v *verifier.Verifier, err error) {
	text, err := os.ReadFile("../../decryption/testdata/made.json")
	if err != nil {
		return nil, nil, err
	}
	var made struct {
		JWK  json.RawMessage
		Keys map[string]json.RawMessage
		COSE []struct{ Alg, To, Key, Message string }
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return nil, nil, err
	}
	key, err := thumbprint.ParseJWK(made.JWK)
	if err != nil {
		return nil, nil, err
	}
	private, err := decryption.Parse(made.Keys["p256"])
	if err != nil {
		return nil, nil, err
	}
	opener, err := decryption.New(private)
	if err != nil {
		return nil, nil, err
	}
	c := cache{}
	c.publish("2.8", key.CKT(thumbprint.SHA256))
	config := configOf(c)
	config.Credential.Confirmation.Opener = opener
	if v, err = verifier.New(config); err != nil {
		return nil, nil, err
	}
	for _, m := range made.COSE {
		if m.Alg == "AES-CCM-16-64-128" && m.To == "ECDH-ES+HKDF-256" && m.Key == "p256" {
			message, err := hex.DecodeString(m.Message)
			return append([]byte("\xa2\x02"+string([]byte{0x60 + byte(len(subject))})+subject+"\x08\xa1\x02"), message...), v, err
		}
	}
	return nil, nil, errors.New("made.json has no such message")
}
