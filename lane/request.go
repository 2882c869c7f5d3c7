package lane

import "bytes"

const (
	doubtful = 0  // the length of a request whose end is not certain
	partly   = -1 // that of one whose header is not all there
)

// read looks at octets that begin with a request. length is that of the whole request
// where its end is beyond doubt, else doubtful or partly; hot: it is of the form that the
// lane answers, and is in r as far as it is there.
//
// Beyond doubt is the end of a request of HTTP/1.1 whose lines end in CRLF and hold
// visible ASCII, whose names are tokens that a colon follows, and which has a
// Content-Length of digits alone, or none, and no Transfer-Encoding.
func (l *Lane) read(p []byte, r *Request) (length int, hot bool) {
	hot = len(p) > len(l.line) && string(p[:len(l.line)]) == l.line
	at := len(l.line)
	if !hot {
		if at = requestLine(p); at <= 0 {
			return at, false
		}
	}
	h := header{hot: hot}
	for {
		name, value, next := fieldLine(p, at)
		if next <= 0 {
			return next, false
		}
		if at = next; len(name) == 0 {
			break
		}
		if !h.take(name, value) {
			return doubtful, false
		}
	}
	length = at + h.length
	if hot = h.hot && h.hosts == 1 && h.contentType != nil; hot {
		r.ContentType, r.Accept = h.contentType, h.accept
		r.Body = p[at:min(length, len(p))]
	}
	return length, hot
}

// header is what the fields of a request say to the lane.
type header struct {
	hot, sized          bool
	length, hosts       int
	contentType, accept []byte
}

// maxLength is that of a body whose end the lane waits for; far below what overflows.
const maxLength = 1 << 24

// take looks at a field. false: with it the end of the request is not certain, or the
// connection does not go on after it.
func (h *header) take(name, value []byte) bool {
	switch len(name) {
	case len("te"):
		h.hot = h.hot && !is(name, "te")
	case len("host"):
		if is(name, "host") {
			h.hosts++
			h.hot = h.hot && plainHost(value)
		}
	case len("accept"): // and of Expect and Pragma
		switch {
		case is(name, "pragma"): // net/http takes it for a Cache-Control (RFC 9111 §5.4)
			h.hot = false
		case is(name, "accept"):
			h.hot = h.hot && h.accept == nil && len(value) > 0
			h.accept = value
		case is(name, "expect"):
			return false
		}
	case len("upgrade"): // and of Trailer
		if is(name, "upgrade") || is(name, "trailer") {
			return false
		}
	case len("connection"):
		if is(name, "connection") && !is(value, "keep-alive") {
			return false
		}
	case len("content-type"):
		if is(name, "content-type") {
			h.hot = h.hot && h.contentType == nil && len(value) > 0
			h.contentType = value
		}
	case len("cache-control"):
		h.hot = h.hot && !is(name, "cache-control")
	case len("content-length"):
		if is(name, "content-length") {
			n, ok := digits(value)
			if !ok || h.sized {
				return false
			}
			h.length, h.sized = n, true
		}
	case len("content-encoding"):
		h.hot = h.hot && !is(name, "content-encoding")
	case len("transfer-encoding"):
		return !is(name, "transfer-encoding")
	}
	return true
}

// is reports whether a name is this one, which is in lower case, in any case of ASCII.
func is(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// digits reads a number without sign, space or list.
func digits(value []byte) (n int, ok bool) {
	if len(value) == 0 || len(value) > 9 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= maxLength
}

// plainHost reports whether a Host is one that nobody refuses.
func plainHost(value []byte) bool {
	for _, c := range value {
		if !kinds[c].host() {
			return false
		}
	}
	return len(value) > 0
}

// requestLine returns where the line after a request line begins; doubtful where there is
// no such line of three parts: a token, a target of visible ASCII, HTTP/1.1.
func requestLine(p []byte) int {
	end := bytes.IndexByte(p, '\n')
	if end < 0 && p[0] >= 'A' && p[0] <= 'Z' {
		return partly
	}
	if end < 1 || p[end-1] != '\r' {
		return doubtful
	}
	line := p[:end-1]
	method, rest, ok := bytes.Cut(line, []byte(" "))
	target, version, second := bytes.Cut(rest, []byte(" "))
	if !ok || !second || string(version) != "HTTP/1.1" || len(method) == 0 || len(target) == 0 {
		return doubtful
	}
	for _, c := range method {
		if !kinds[c].token() {
			return doubtful
		}
	}
	if string(method) == "CONNECT" || target[0] != '/' {
		return doubtful // what follows may be no request, or the host is in the target
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return doubtful
		}
	}
	return end + 1
}

// fieldLine returns the field whose line begins at, without the space around its value, and
// where the next line begins; an empty name is the end of the header. next is partly where
// the line is not all there, doubtful where it is not to the letter of RFC 9112 §5.
func fieldLine(p []byte, at int) (name, value []byte, next int) {
	i := at
	for i < len(p) && kinds[p[i]].token() {
		i++
	}
	if i == at || i == len(p) || p[i] != ':' {
		return nil, nil, lineEnd(p, at, at)
	}
	name = p[at:i]
	for i++; i < len(p) && p[i] == ' '; i++ {
	}
	start := i
	for i < len(p) && kinds[p[i]].value() {
		i++
	}
	if next = lineEnd(p, at, i); next <= 0 {
		return nil, nil, next
	}
	end := i
	for end > start && p[end-1] == ' ' {
		end--
	}
	return name, p[start:end], next
}

// lineEnd returns where the line after the one from begins that ends at. It is partly
// there where no line ends behind from.
func lineEnd(p []byte, from, at int) int {
	switch {
	case len(p)-at >= 2 && p[at] == '\r' && p[at+1] == '\n':
		return at + 2
	case bytes.IndexByte(p[from:], '\n') < 0:
		return partly
	}
	return doubtful
}

// kind is what an octet may be part of.
type kind uint8

const (
	tokenKind kind = 1 << iota // RFC 9110 §5.6.2
	valueKind                  // visible ASCII and space; the rest is net/http's to judge
	hostKind                   // letters, digits and . - : [ ]
)

func (k kind) token() bool { return k&tokenKind != 0 }
func (k kind) value() bool { return k&valueKind != 0 }
func (k kind) host() bool  { return k&hostKind != 0 }

var kinds = func() (k [256]kind) {
	for c := range k {
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if alnum || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0 {
			k[c] |= tokenKind
		}
		if alnum || bytes.IndexByte([]byte(".-:[]"), byte(c)) >= 0 {
			k[c] |= hostKind
		}
		if ' ' <= c && c < 0x7f {
			k[c] |= valueKind
		}
	}
	return k
}()
