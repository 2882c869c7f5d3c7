package possession

import "strings"

// normalURI gives the one text of an http or https URI without query and
// fragment (RFC 9449 §4.3, check 9), normalised by syntax and scheme (RFC 3986
// §6.2.2, §6.2.3): lower case in scheme and host, upper case in percent-encodings,
// none of an unreserved character, no dot segments, no default port, a path.
// False for anything else, a URI with userinfo among it.
func normalURI(uri string) (string, bool) {
	scheme, rest, ok := strings.Cut(uri, "://")
	scheme = lower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return "", false
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		if !legal(rest[i:], "?#[]") {
			return "", false
		}
		rest = rest[:i]
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if !legal(authority, "[]") || !legal(path, "") || strings.IndexByte(authority, '@') >= 0 {
		return "", false
	}
	host, port, ok := splitPort(lower(unescaped(authority)))
	if !ok {
		return "", false
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[scheme] {
		host += ":" + port
	}
	return scheme + "://" + host + withoutDots(unescaped(path)), true
}

// splitPort cuts host and port; the port is digits, and the host is there.
func splitPort(authority string) (host, port string, ok bool) {
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port = authority[:i], authority[i+1:]
	}
	literal := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if !literal && strings.ContainsAny(host, "[]:") || strings.Trim(port, "0123456789") != "" {
		return "", "", false
	}
	return host, port, host != "" && host != "[]"
}

// legal reports whether text has nothing in it but what a URI's path may have
// (RFC 3986 §3.3) and more, each percent sign before two hex digits.
func legal(text, more string) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case unreserved(c), strings.IndexByte("!$&'()*+,;=:@/", c) >= 0, strings.IndexByte(more, c) >= 0:
		case c == '%' && i+2 < len(text) && hexDigit(text[i+1]) >= 0 && hexDigit(text[i+2]) >= 0:
			i += 2
		default:
			return false
		}
	}
	return true
}

// unescaped decodes the unreserved characters of legal text and writes the other
// percent-encodings in upper case (RFC 3986 §6.2.2.1, §6.2.2.2).
func unescaped(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out.WriteByte(text[i])
			continue
		}
		c := byte(hexDigit(text[i+1])<<4 | hexDigit(text[i+2]))
		if unreserved(c) {
			out.WriteByte(c)
		} else {
			out.WriteString(strings.ToUpper(text[i : i+3]))
		}
		i += 2
	}
	return out.String()
}

// withoutDots removes the dot segments of a path (RFC 3986 §5.2.4); an empty path
// is "/".
func withoutDots(path string) string {
	if path == "" {
		return "/"
	}
	segments := strings.Split(path[1:], "/")
	kept := make([]string, 0, len(segments))
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// hexDigit gives the value of a hex digit, -1 of anything else.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// lower maps A to Z alone: other letters do not stand in a URI.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
