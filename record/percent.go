package record

import "bytes"

// appendEncodedHost appends a host that may be percent-encoded: RFC 3986 §3.2.2
// lets a registered name hold UTF-8 octets so, and URL readers decode it before
// they map it. It is decoded once; whatever then is no letter, digit, hyphen or
// dot after UTS 46 is refused, an encoded delimiter among them.
func appendEncodedHost(dst, host []byte, s *Subjects) ([]byte, *rule) {
	host, ok := decodePercent(host)
	if !ok {
		return nil, badPercent
	}
	return appendHost(dst, host, s)
}

// decodePercent replaces each %XX by its octet (RFC 3986 §2.1); false for a
// broken one, and where the result is no plain text.
func decodePercent(text []byte) ([]byte, bool) {
	if bytes.IndexByte(text, '%') < 0 {
		return text, true
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) {
				return nil, false
			}
			high, low := hexValue(text[i+1]), hexValue(text[i+2])
			if high < 0 || low < 0 {
				return nil, false
			}
			c = byte(high<<4 | low)
			i += 2
		}
		out = append(out, c)
	}
	return out, plain(out)
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
