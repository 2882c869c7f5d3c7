package credential

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/veraison/go-cose"

	"cnfd/internal/strict"
)

// The CBOR tags of a CWT and of the messages that may hold it (RFC 8392 §6,
// RFC 9052 §2).
const (
	tagEncrypt0 = 16
	tagMac0     = 17
	tagSign1    = 18
	tagCWT      = 61
	tagEncrypt  = 96
	tagMac      = 97
	tagSign     = 98
)

// openCOSE finds the payload of a COSE message, with what is disclosed in it. What
// go-cose reads it reads, since a signature will be checked over what it read.
func openCOSE(message strict.Item) (payload []byte, err error) {
	if message.Major == strict.MajorTag && message.Arg == tagCWT {
		if message, _, err = strict.FirstCBOR(message.Body); err != nil {
			return nil, wrong("cwt", err)
		}
	}
	if message.Major != strict.MajorTag {
		return nil, malformed("cwt", "neither a claims map nor a COSE message with its tag (18, 98, 17 or 97)")
	}
	plain := false
	switch message.Arg {
	case tagSign1:
		payload, plain = plainSign1(message.Body)
	case tagSign:
		payload, plain = plainSign(message.Raw)
	}
	if plain {
		return payload, checkPayload(payload)
	}
	if err := boundHeaders(message); err != nil {
		return nil, err
	}
	var headers []cose.Headers
	switch message.Arg {
	case tagSign1:
		payload, headers, err = openSign1(message.Body)
	case tagSign:
		payload, headers, err = openSign(message.Raw)
	case tagMac0:
		payload, headers, err = openMac(message.Body, 4)
	case tagMac:
		payload, headers, err = openMac(message.Body, 5)
	case tagEncrypt0, tagEncrypt:
		err = errors.New("encrypted: decrypt it and send the CWT in it")
	default:
		err = errors.New("a tag that is none of 18, 98, 17 and 97")
	}
	for i := range headers {
		if err == nil {
			err = checkHeaders(&headers[i])
		}
	}
	switch {
	case err != nil:
		return nil, malformed("cwt", err.Error())
	case payload == nil:
		return nil, malformed("cwt", "its payload is detached: send the message with it")
	}
	if err := checkPayload(payload); err != nil {
		return nil, err
	}
	claims, err := resolveCWT(payload, &headers[0])
	for i := range headers {
		if err == nil {
			err = agree(&headers[i], claims)
		}
	}
	return claims, err
}

// agree refuses a message whose headers have claims that are read here (RFC 9597, 15)
// and that its payload has not, or not the same: one who looks at the headers and one
// who looks at the payload would judge two credentials.
func agree(h *cose.Headers, claims []byte) error {
	protected, _, _ := strict.FirstCBOR(h.RawProtected)
	octets, _ := protected.Bytes()
	payload, _, _ := strict.FirstCBOR(claims)
	for _, bucket := range [...][]byte{octets, h.RawUnprotected} {
		headers, _, _ := strict.FirstCBOR(bucket)
		inHeader := entry(headers, 15)
		for _, key := range [...]int64{keyIss, keySub, keyAud, keyExp, keyNbf, keyCnf} {
			claim := entry(inHeader, key)
			if claim.Raw != nil && !bytes.Equal(claim.Raw, entry(payload, key).Raw) {
				return malformed("claims."+strconv.FormatInt(key, 10), "not what the header 15 (RFC 9597) says")
			}
		}
	}
	return nil
}

// maxHeaders bounds the items of a message, those in its headers among them: each of
// them is an object in go-cose's hands, so that 64 KiB of empty maps are 7 MB.
const maxHeaders = 1024

// boundHeaders refuses a message of too many items. Protected headers are octets to
// who has looked at the message, and are held to the bounds of all else.
func boundHeaders(message strict.Item) error {
	whole, _, _ := strict.FirstCBOR(message.Body)
	n := countItems(whole.Body)
	err := boundProtected(whole, &n)
	if message.Arg == tagSign {
		rest := whole.Body
		for range 3 {
			_, rest, _ = strict.FirstCBOR(rest)
		}
		signatures, _, _ := strict.FirstCBOR(rest)
		for rest = signatures.Body; len(rest) > 0 && err == nil; {
			var one strict.Item
			one, rest, _ = strict.FirstCBOR(rest)
			err = boundProtected(one, &n)
		}
	}
	if err == nil && n > maxHeaders {
		return malformed("cwt", "more than 1024 items in its headers")
	}
	return err
}

// boundProtected looks at the protected headers that an array begins with.
func boundProtected(array strict.Item, n *int) error {
	first, _, _ := strict.FirstCBOR(array.Body)
	octets, ok := first.Bytes()
	if !ok || len(octets) == 0 {
		return nil
	}
	*n += countItems(octets)
	return wrongOrNil(strict.WellFormedCBOR(octets, "cwt"))
}

// countItems counts the items of well-formed octets, those in others too, to one
// more than maxHeaders. What has no definite length go-cose refuses unread.
func countItems(octets []byte) (n int) {
	for len(octets) > 0 && n <= maxHeaders {
		item, rest, err := strict.FirstCBOR(octets)
		if err != nil {
			return n
		}
		n++
		switch item.Major {
		case strict.MajorArray, strict.MajorMap, strict.MajorTag:
			octets = octets[len(item.Raw)-len(item.Body):]
		default:
			octets = rest
		}
	}
	return n
}

func checkPayload(payload []byte) error {
	return wrongOrNil(strict.WellFormedCBOR(payload, "claims"))
}

// openSign1 reads a COSE_Sign1 (RFC 9052 §4.2). The library's own errors may
// repeat what stands in the message, so that they are not passed on.
func openSign1(body []byte) (payload []byte, headers []cose.Headers, err error) {
	var m cose.UntaggedSign1Message
	if m.UnmarshalCBOR(body) != nil {
		return nil, nil, errors.New("not a COSE_Sign1 with headers in order and a signature")
	}
	return m.Payload, []cose.Headers{m.Headers}, nil
}

// maxSignatures bounds those of a COSE_Sign: what each of them signs has the whole
// payload in it (RFC 9052 §4.4), so that many of them are a bomb of copies.
const maxSignatures = 16

// openSign reads a COSE_Sign (RFC 9052 §4.1) with its tag.
func openSign(tagged []byte) (payload []byte, headers []cose.Headers, err error) {
	var m cose.SignMessage
	switch {
	case m.UnmarshalCBOR(tagged) != nil:
		return nil, nil, errors.New("not a COSE_Sign with headers in order and signatures")
	case len(m.Signatures) > maxSignatures:
		return nil, nil, errors.New("a COSE_Sign of more than 16 signatures")
	}
	headers = append(headers, m.Headers)
	for _, signature := range m.Signatures {
		headers = append(headers, signature.Headers)
	}
	return m.Payload, headers, nil
}

// openMac reads a COSE_Mac0 (RFC 9052 §6.2) of four members, or a COSE_Mac
// (§6.1) of five, which go-cose does not know. Its tag is not checked, and where
// a check is asked for it fails: who can check it can make it.
func openMac(body []byte, members uint64) (payload []byte, headers []cose.Headers, err error) {
	message, _, err := strict.FirstCBOR(body)
	if err != nil || message.Major != strict.MajorArray || message.Indefinite || message.Arg != members {
		return nil, nil, errors.New("not a COSE_Mac0 of four members, or a COSE_Mac of five")
	}
	var parts [5]strict.Item
	for i, rest := uint64(0), message.Body; i < members; i++ {
		if parts[i], rest, err = strict.FirstCBOR(rest); err != nil {
			return nil, nil, errors.New("cut short")
		}
	}
	h := cose.Headers{RawProtected: parts[0].Raw, RawUnprotected: parts[1].Raw}
	if h.UnmarshalFromRaw() != nil {
		return nil, nil, errors.New("not a COSE_Mac0 or COSE_Mac with headers in order")
	}
	if tag, ok := parts[3].Bytes(); !ok || len(tag) == 0 {
		return nil, nil, errors.New("its authentication tag is not a byte string, or is empty")
	}
	if members == 5 && (parts[4].Major != strict.MajorArray || parts[4].Arg == 0) {
		return nil, nil, errors.New("its recipients are not an array, or none")
	}
	payload, ok := parts[2].Bytes()
	switch {
	case parts[2].IsNull():
		payload = nil
	case !ok:
		return nil, nil, errors.New("its payload is neither a byte string nor null")
	case payload == nil:
		payload = []byte{}
	}
	return payload, []cose.Headers{h}, nil
}

// checkHeaders refuses a message with critical header parameters that are not
// understood (RFC 9052 §3.1). Those of RFC 9052 itself, 1 to 7, are understood:
// none of them changes what the payload says. And it tells the key-binding
// token of an SD-CWT, which carries the credential in its header 13 (kcwt),
// from a credential.
func checkHeaders(h *cose.Headers) error {
	const kcwt = int64(13)
	_, protected := h.Protected[kcwt]
	if _, beside := h.Unprotected[kcwt]; protected || beside {
		return errors.New("a key-binding token: send the SD-CWT in its header 13 (kcwt)")
	}
	critical, err := h.Protected.Critical()
	if err != nil {
		return errors.New("its crit header is not an array of labels that it has")
	}
	for _, label := range critical {
		if n, ok := label.(int64); !ok || n < 1 || n > 7 {
			return errors.New("critical header parameters that are not understood here")
		}
	}
	return nil
}
