package record

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// appendHost appends a host name as A-labels, or says what stands against it.
// A plain ASCII name is only lower-cased; every other goes through UTS 46. What
// comes out is checked alike.
func appendHost(dst, host []byte, s *Subjects) ([]byte, *rule) {
	host = trimRootDot(host)
	if len(host) == 0 {
		return nil, emptyHost
	}
	out, ok := appendPlainHost(dst, host)
	if !ok {
		if len(host) > maxUnmapped {
			return nil, nameTooLong
		}
		mapped, ok := mapHost(string(host))
		if !ok {
			return nil, badIDNA
		}
		out = append(dst, mapped...)
	}
	name := out[len(dst):]
	if broken := checkHost(name); broken != nil {
		return nil, broken
	}
	if endsInNumber(name) {
		return nil, ipLiteral
	}
	if neverSent(name) && !s.local(name) {
		return nil, specialUse
	}
	return out, nil
}

// maxUnmapped bounds the octets given to UTS 46, whose Punycode step takes time
// with the square of them: a name of 253 octets comes from no more characters,
// of four octets each.
const maxUnmapped = 4 * maxNameLength

// uts46 maps as UTS 46 does without transitional processing, so that faß.de
// stays itself; it checks neither hyphens in the third and fourth place
// (r3---sn.example is a real host) nor lengths and empty labels, which
// checkHost does. The draft's own ☕.example is no IDNA2008 name, so validity is
// UTS 46's.
var uts46 = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.CheckHyphens(false),
	idna.CheckJoiners(true),
	idna.BidiRule(),
)

// mapHost gives the A-labels of host; false where it is no internationalised
// domain name.
func mapHost(host string) (string, bool) {
	mapped, err := uts46.ToASCII(host)
	if err != nil || hidesEncoded(host) {
		return "", false // what comes with an error is never used
	}
	// The library looks for letters written from right to left before it maps:
	// the alef sign ℵ becomes one. The name that came out must be good as well.
	again, err := uts46.ToASCII(mapped)
	return mapped, err == nil && again == mapped
}

// hidesEncoded reports whether a label of host, once mapped, claims to be
// encoded and yet is not all ASCII. The library decodes xn--faß- to faß, where
// UTS 46 §4 and every reader of URLs refuse it.
func hidesEncoded(host string) bool {
	if isASCII(host) {
		return false
	}
	// An a before each label keeps the library from decoding it, so that what
	// comes back is the mapping alone.
	var marked strings.Builder
	marked.WriteByte('a')
	for _, r := range host {
		marked.WriteRune(r)
		if r == '.' || r == '\u3002' || r == '\uff0e' || r == '\uff61' {
			marked.WriteByte('a')
		}
	}
	mapped, err := mapping.ToUnicode(marked.String())
	if err != nil {
		return true
	}
	for label := range strings.SplitSeq(mapped, ".") {
		label, unchanged := strings.CutPrefix(label, "a")
		if !unchanged || strings.HasPrefix(label, "xn--") && !isASCII(label) {
			return true
		}
	}
	return false
}

// mapping is the mapping step of uts46 alone (UTS 46 §4, step 1).
var mapping = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendPlainHost appends host in lower case where that is all that uts46 would
// do: letters, digits, hyphens and dots, and no label that claims to be encoded.
// FuzzPlainHost holds the two against each other.
func appendPlainHost(dst, host []byte) ([]byte, bool) {
	start := 0
	for i, c := range host {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-':
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '.':
			start = i + 1
		default:
			return dst, false
		}
		if i == start+3 && c == '-' && host[i-1] == '-' && host[start]|0x20 == 'x' && host[start+1]|0x20 == 'n' {
			return dst, false
		}
		dst = append(dst, c)
	}
	return dst, true
}

// trimRootDot takes one trailing dot away, in any of the forms that UTS 46 maps
// to it. It is done before the mapping, where an empty label at the end (xn--)
// cannot be taken for it.
func trimRootDot(host []byte) []byte {
	for _, dot := range [...]string{".", "\u3002", "\uff0e", "\uff61"} {
		if n := len(host) - len(dot); n >= 0 && string(host[n:]) == dot {
			return host[:n]
		}
	}
	return host
}

// checkHost says what stands against name as a host name of LDH labels in lower
// case without a trailing dot (RFC 5890 §2.3.1, RFC 1035 §2.3.4); nil where nothing does.
func checkHost(name []byte) *rule {
	if len(name) == 0 {
		return emptyHost
	}
	length := 0
	for i, c := range name {
		switch {
		case c == '.':
			if length == 0 {
				return emptyLabel
			}
			if name[i-1] == '-' {
				return badHyphen
			}
			length = 0
			continue
		case c == '-':
			if length == 0 {
				return badHyphen
			}
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			return badLDH
		}
		if length++; length > 63 {
			return labelTooLong
		}
	}
	if length == 0 {
		return emptyLabel
	}
	if name[len(name)-1] == '-' {
		return badHyphen
	}
	if len(name) > maxNameLength {
		return nameTooLong
	}
	return nil
}

// endsInNumber reports whether a reader of URLs would take name for an IPv4
// address in one of its odd forms (0x7f.1, 127.1, 2130706433): its last label is
// all digits or begins with 0x (WHATWG URL, "ends in a number"; no such top-level
// domain can exist, RFC 3696 §2).
func endsInNumber(name []byte) bool {
	last := name[bytes.LastIndexByte(name, '.')+1:]
	if bytes.HasPrefix(last, []byte("0x")) {
		return true
	}
	for _, c := range last {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// unsent lists the names that are never sent to the DNS, with all under them:
// RFC 6761 §6.3 and 6.4, RFC 6762 §22.1, RFC 7686, RFC 9476, RFC 8375 §4, and
// ICANN's reservation of internal. example and test are ordinary names here.
var unsent = [...]string{"localhost", "local", "onion", "invalid", "alt", "internal", "home.arpa"}

func neverSent(name []byte) bool {
	for _, top := range unsent {
		if under(name, top) {
			return true
		}
	}
	return false
}

// local reports whether name is or lies under a domain of a stub or a local
// anchor. The root, which leaves nothing without its dot, is above no name here.
func (s *Subjects) local(name []byte) bool {
	for _, zone := range s.Local {
		if under(name, strings.ToLower(strings.TrimSuffix(zone, "."))) {
			return true
		}
	}
	return false
}

// under reports whether name is zone or lies under it, by whole labels.
func under(name []byte, zone string) bool {
	cut := len(name) - len(zone)
	return cut >= 0 && string(name[cut:]) == zone && (cut == 0 || name[cut-1] == '.')
}
