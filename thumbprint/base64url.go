package thumbprint

// appendDecoded appends the octets of base64url text without padding (RFC 7515
// §2). ok is false where it holds anything else, white space included. Trailing
// bits that belong to no octet must be zero, so that octets have one text, unless
// loose: RFC 8705's own Figure 2 has others in a digest.
func appendDecoded(dst, text []byte, loose bool) (octets []byte, ok bool) {
	for len(text) >= 4 {
		a, b, c, d := sextet[text[0]], sextet[text[1]], sextet[text[2]], sextet[text[3]]
		if (a|b|c|d)&0x80 != 0 {
			return dst, false
		}
		dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
		text = text[4:]
	}
	switch len(text) {
	case 0:
		return dst, true
	case 2:
		a, b := sextet[text[0]], sextet[text[1]]
		ok = (a|b)&0x80 == 0 && (loose || b&0x0f == 0)
		return append(dst, a<<2|b>>4), ok
	case 3:
		a, b, c := sextet[text[0]], sextet[text[1]], sextet[text[2]]
		ok = (a|b|c)&0x80 == 0 && (loose || c&0x03 == 0)
		return append(dst, a<<2|b>>4, b<<4|c>>2), ok
	}
	return dst, false
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// sextet is the value of an octet of base64url text, 0xff of any other octet.
var sextet = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i := range len(alphabet) {
		values[alphabet[i]] = byte(i)
	}
	return values
}()
