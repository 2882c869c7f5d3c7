package text

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// name is an absolute domain name as its labels, in lower case; the root has none.
type name []string

// parseName reads the presentation form of an absolute name: \. and the like are the
// octet itself, \DDD is an octet in decimal (RFC 1035 §5.1).
func parseName(text string) (name, error) {
	if text == "." {
		return name{}, nil
	}
	n, label, size := name{}, []byte(nil), 1 // the root's octet
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			if len(label) == 0 || len(label) > 63 {
				return nil, errors.New("name: label of no octets, or of more than 63 (RFC 1035 §2.3.4)")
			}
			n, size, label = append(n, string(label)), size+1+len(label), nil
			continue
		}
		if c == '\\' {
			octet, width, ok := escaped(text[i+1:])
			if !ok {
				return nil, errors.New(`name: escape that is neither \DDD nor \ and an octet`)
			}
			c, i = octet, i+width
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		label = append(label, c)
	}
	switch {
	case label != nil || len(n) == 0:
		return nil, errors.New("name: not absolute: want a dot at its end")
	case size > 255:
		return nil, errors.New("name: more than 255 octets (RFC 1035 §2.3.4)")
	}
	return n, nil
}

// escaped reads what follows a backslash, and says how many octets of text that was.
func escaped(text string) (octet byte, width int, ok bool) {
	if text == "" {
		return 0, 0, false
	}
	if c := text[0]; c < '0' || c > '9' {
		return c, 1, true
	}
	if len(text) < 3 {
		return 0, 0, false
	}
	for _, c := range text[:3] {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
	}
	value, err := strconv.ParseUint(text[:3], 10, 8)
	return byte(value), 3, err == nil
}

// String returns the name in a form that every reader of zone files takes alike: all
// but letters, digits, hyphen, underscore and asterisk is \DDD. Knot's refuses a bare #.
func (n name) String() string {
	var b strings.Builder
	for _, label := range n {
		for _, c := range []byte(label) {
			if plain(c) {
				b.WriteByte(c)
			} else {
				b.WriteString(`\` + string([]byte{'0' + c/100, '0' + c/10%10, '0' + c%10}))
			}
		}
		b.WriteByte('.')
	}
	if len(n) == 0 {
		return "."
	}
	return b.String()
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '*'
}

// under reports whether n is the apex or a name below it.
func (n name) under(apex name) bool {
	return len(n) >= len(apex) && slices.Equal(n[len(n)-len(apex):], apex)
}
