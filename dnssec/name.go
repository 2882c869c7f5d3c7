package dnssec

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Canonical gives a name in the form that every name here has: lower case with
// the trailing dot.
func Canonical(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; 'A' <= c && c <= 'Z' || c == '\\' || c >= 0x80 {
			return dns.CanonicalName(name)
		}
	}
	if name == "" || name[len(name)-1] != '.' {
		return dns.CanonicalName(name)
	}
	return name // most are canonical already
}

// Normal gives a name the one text that all names here have: Canonical, and
// each octet escaped only where it must be, as names from messages are. It
// reports false where the text is no domain name (RFC 1035 §2.3.4, §5.1).
func Normal(name string) (string, bool) {
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			continue
		}
		i++
		if i < len(name) && '0' <= name[i] && name[i] <= '9' {
			if i+2 >= len(name) {
				return "", false
			}
			if _, err := strconv.ParseUint(name[i:i+3], 10, 8); err != nil {
				return "", false
			}
			i += 2
		}
	}
	var wire [255]byte
	n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
	if err != nil {
		return "", false
	}
	text, _, err := dns.UnpackDomainName(wire[:n], 0)
	return Canonical(text), err == nil
}

// Labels counts the labels of a name, the root's as none (RFC 4034 §3.1.3).
func Labels(name string) int { return dns.CountLabel(name) }

// Parent removes the first label; the root is its own parent.
func Parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// Ancestor keeps the last n labels of a name.
func Ancestor(name string, n int) string {
	if n <= 0 {
		return "."
	}
	at := dns.Split(name)
	if n >= len(at) {
		return name
	}
	return name[at[len(at)-n]:]
}

// wildcardOf is the name of the wildcard at an encloser.
func wildcardOf(encloser string) string {
	if encloser == "." {
		return "*."
	}
	return "*." + encloser
}

// isWildcard reports whether the first label is exactly the asterisk (RFC 4592 §2.1.1).
func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// commonAncestor is the longest name that both lie under.
func commonAncestor(a, b string) string { return Ancestor(a, dns.CompareDomainName(a, b)) }

// less reports whether a sorts before b in canonical order (RFC 4034 §6.1).
// The order is that of the octets of the labels, from the right, so escaped
// text is compared unescaped.
func less(a, b string) bool {
	la, lb := wireLabels(a), wireLabels(b)
	for i := 1; i <= len(la) && i <= len(lb); i++ {
		if c := bytes.Compare(la[len(la)-i], lb[len(lb)-i]); c != 0 {
			return c < 0
		}
	}
	return len(la) < len(lb)
}

// wireLabels splits a name into the octets of its labels, lower-cased.
func wireLabels(name string) [][]byte {
	buf := make([]byte, 256)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil {
		return nil
	}
	var labels [][]byte
	for off := 0; off < n && buf[off] != 0; {
		l := int(buf[off])
		labels = append(labels, lowerASCII(buf[off+1:off+1+l]))
		off += 1 + l
	}
	return labels
}

// lowerASCII lower-cases in place the letters that DNS knows, octet by octet
// (RFC 4343 §3). bytes.ToLower would take the octets for UTF-8 and make all
// that are none alike, and with them names that differ.
func lowerASCII(label []byte) []byte {
	for i, c := range label {
		if 'A' <= c && c <= 'Z' {
			label[i] = c + 'a' - 'A'
		}
	}
	return label
}
