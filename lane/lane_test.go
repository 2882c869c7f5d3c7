package lane

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	get = "GET /other HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n"
	// inside is a hot request that is the body of another one, or nothing of the kind.
	inside = "POST /hot HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nbad"
)

// TestTheSameAsNetHTTP: whatever comes over a connection is answered to the octet as net/http
// alone does, and the lane has a part in it where the claim says so.
func TestTheSameAsNetHTTP(t *testing.T) {
	hot := post("/hot", "abc")
	raw := func(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }
	line, kind := "POST /hot HTTP/1.1", "Content-Type: text/plain"
	cases := []struct {
		claim  string
		pieces []string
		hot    int64 // answers of the lane; -1: as the pieces happen to arrive
	}{
		{"one request", []string{hot}, 1},
		{"an empty body with its length", []string{raw(line, "Host: a", kind, "Content-Length: 0")}, 1},
		{"an empty body without a length", []string{raw(line, "Host: a", kind)}, 1},
		{"fields of any case, and others that nobody reads", []string{raw("POST /hot HTTP/1.1", "hOsT: a:80", "User-Agent: x y (z)", "ACCEPT: */*", "content-TYPE: text/plain", "X-Empty:", "CONTENT-LENGTH:0", "Connection: Keep-Alive")}, 1},
		{"header and body apart", []string{hot[:len(hot)-3], "abc"}, -1},
		{"cut anywhere", strings.Split(hot, ""), -1},
		{"one that only net/http answers, then one more", []string{post("/hot", "cold")}, 0},
		{"more than a buffer of net/http", []string{post("/hot", strings.Repeat("x", 5000))}, 0},
		{"a body that is a hot request, of another target", []string{post("/other", inside)}, 0},
		{"a body that is a hot request, of a hot one", []string{post("/hot", inside)}, 1},
		{"a body that is a hot request, not read by its handler", []string{post("/unread", inside)}, 0},
		{"a body that is many hot requests, not read by its handler", []string{post("/unread", strings.Repeat(inside, 5000))}, 0},
		{"a GET with a body that is a hot request", []string{raw("GET /other HTTP/1.1", "Host: a", "Content-Length: 84") + inside}, 0},
		{"two at once", []string{hot + hot}, 0},
		{"two at once, the second not whole", []string{hot + hot[:len(hot)-1]}, 0},
		{"an octet too much", []string{hot + "x"}, 0},
		{"a line end too much, as old clients send", []string{hot + "\r\n"}, 0},
		{"a line end before it", []string{"\r\n" + hot}, 0},
		{"chunks", []string{raw(line, "Host: a", kind, "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n"}, 0},
		{"chunks and a length", []string{raw(line, "Host: a", kind, "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + inside}, 0},
		{"a coding nobody knows", []string{raw(line, "Host: a", kind, "Transfer-Encoding: xchunked") + inside}, 0},
		{"chunks with a space before the colon", []string{raw(line, "Host: a", kind, "Transfer-Encoding : chunked", "Content-Length: 5") + "0\r\n\r\n" + inside}, 0},
		{"two lengths", []string{raw(line, "Host: a", kind, "Content-Length: 3", "Content-Length: 90") + inside}, 0},
		{"the same length twice", []string{raw(line, "Host: a", kind, "Content-Length: 3", "Content-Length: 3") + "abc"}, 0},
		{"a list of lengths", []string{raw(line, "Host: a", kind, "Content-Length: 3, 3") + "abc"}, 0},
		{"a length with a sign", []string{raw(line, "Host: a", kind, "Content-Length: +3") + "abc"}, 0},
		{"a length below nothing", []string{raw(line, "Host: a", kind, "Content-Length: -3") + "abc"}, 0},
		{"a length that is none", []string{raw(line, "Host: a", kind, "Content-Length: 0x3") + "abc"}, 0},
		{"a length of nothing", []string{raw(line, "Host: a", kind, "Content-Length:") + "abc"}, 0},
		{"a length beyond 64 bits", []string{raw(line, "Host: a", kind, "Content-Length: 18446744073709551619") + "abc"}, 0},
		{"a length with a space in it", []string{raw(line, "Host: a", kind, "Content-Length: 3 3") + "abc"}, 0},
		{"a length with space around it", []string{raw(line, "Host: a", kind, "Content-Length:   3  ") + "abc"}, 1},
		{"a length with a tab before it", []string{raw(line, "Host: a", kind, "Content-Length:\t3") + "abc"}, 0},
		{"a line that goes on", []string{raw(line, "Host: a", kind, "X-A: b", " c", "Content-Length: 3") + "abc"}, 0},
		{"a length in a line that goes on", []string{raw(line, "Host: a", kind, "X-A: b", " Content-Length: 3") + inside}, 0},
		{"lines that end in LF", []string{strings.ReplaceAll(hot, "\r\n", "\n")}, 0},
		{"one line that ends in LF", []string{strings.Replace(hot, "Host: a\r\n", "Host: a\n", 1)}, 0},
		{"a CR inside a line", []string{strings.Replace(hot, "Host: a", "Host: a\rContent-Length: 99", 1)}, 0},
		{"a NUL inside a line", []string{strings.Replace(hot, "Host: a", "Host: a\x00", 1)}, 0},
		{"no Host", []string{strings.Replace(hot, "Host: a\r\n", "", 1)}, 0},
		{"two Hosts", []string{strings.Replace(hot, "Host: a\r\n", "Host: a\r\nHost: a\r\n", 1)}, 0},
		{"an empty Host", []string{strings.Replace(hot, "Host: a", "Host:", 1)}, 0},
		{"a Host that is none", []string{strings.Replace(hot, "Host: a", "Host: a b", 1)}, 0},
		{"no name", []string{strings.Replace(hot, "Host: a", ": a", 1)}, 0},
		{"a name that is no token", []string{strings.Replace(hot, "Host: a", "Ho(st: a", 1)}, 0},
		{"no colon", []string{strings.Replace(hot, "Host: a", "Host", 1)}, 0},
		{"two types", []string{strings.Replace(hot, kind, kind+"\r\n"+kind, 1)}, 0},
		{"two wishes", []string{post("/hot", "abc", "Accept: a/b", "Accept: c/d")}, 0},
		{"HTTP/1.0", []string{strings.Replace(hot, "1.1", "1.0", 1)}, 0},
		{"HTTP/1.2", []string{strings.Replace(hot, "1.1", "1.2", 1)}, 0},
		{"HTTP/2.0", []string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, 0},
		{"two spaces in the line", []string{strings.Replace(hot, "/hot H", "/hot  H", 1)}, 0},
		{"the whole address as a target", []string{strings.Replace(hot, "/hot", "http://a/hot", 1)}, 0},
		{"a query", []string{strings.Replace(hot, "/hot", "/hot?a=b", 1)}, 0},
		{"another method", []string{strings.Replace(hot, "POST", "PUT", 1)}, 0},
		{"CONNECT", []string{strings.Replace(hot, "POST /hot", "CONNECT a:1", 1)}, 0},
		{"the last of the connection", []string{post("/hot", "abc", "Connection: close")}, 0},
		{"the last of the connection, and more", []string{post("/hot", "abc", "Connection: close") + hot}, 0},
		{"an expectation", []string{post("/hot", "abc", "Expect: 100-continue")}, 0},
		{"an expectation that nobody meets", []string{post("/hot", "abc", "Expect: wonders")}, 0},
		{"another protocol", []string{post("/hot", "abc", "Connection: Upgrade", "Upgrade: h2c")}, 0},
		{"a trailer is announced", []string{post("/hot", "abc", "Trailer: X-A")}, 0},
		{"fresh data", []string{post("/hot", "abc", "Cache-Control: no-cache")}, 0},
		{"fresh data as HTTP/1.0 wanted it", []string{post("/hot", "abc", "PRAGMA: no-cache")}, 0},
		{"trailers are welcome", []string{post("/hot", "abc", "TE: trailers")}, 0},
		{"a coding of the content", []string{post("/hot", "abc", "Content-Encoding: gzip")}, 0},
		{"a handler that breaks off", []string{post("/gone", "abc")}, 0},
		{"a header beyond the buffer", []string{post("/hot", "abc", "X-A: "+strings.Repeat("x", 5000))}, 0},
		{"a header beyond every limit", []string{post("/hot", "abc", "X-A: "+strings.Repeat("x", 2<<20))}, 0},
		{"not HTTP", []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}, 0},
		{"nothing", nil, 0},
		{"the beginning of one", []string{hot[:20]}, 0},
		{"one cut short", []string{hot[:len(hot)-1]}, 0},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			alone, with := newScene(t, false), newScene(t, true)
			var pieces [][]byte
			for _, p := range tc.pieces {
				pieces = append(pieces, []byte(p))
			}
			want, got := alone.says(t, pieces...), with.says(t, pieces...)
			if got != want {
				t.Errorf("with the lane:\n%q\nwithout:\n%q", got, want)
			}
			if hot := with.hot.Load(); tc.hot >= 0 && hot != tc.hot {
				t.Errorf("the lane has answered %d, want %d", hot, tc.hot)
			}
		})
	}
}

// step sends one request and waits for its answer before the next is sent.
func (s *scene) steps(t *testing.T, requests ...string) (answers []string) {
	t.Helper()
	client, server := pair(t)
	defer client.Close()
	s.conns <- server
	for _, r := range requests {
		if _, err := client.Write([]byte(r)); err != nil {
			return append(answers, "closed")
		}
		answers = append(answers, anyDate.ReplaceAllString(hear(t, client), ""))
	}
	return answers
}

// TestOneAfterTheOther: between requests of net/http the lane answers again, unless it
// cannot be certain where one of them ended.
func TestOneAfterTheOther(t *testing.T) {
	hot, large := post("/hot", "abc"), post("/hot", "cold"+strings.Repeat("x", 20000))
	chunked := "POST /other HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	cases := []struct {
		claim    string
		requests []string
		hot      int64
	}{
		{"hot ones", []string{hot, hot, hot}, 3},
		{"a GET between them", []string{hot, get, hot, get, get, hot}, 3},
		{"a GET first", []string{get, hot}, 1},
		{"one of several reads first", []string{large, hot, large, hot}, 2},
		{"one that the lane cannot answer first", []string{post("/hot", "cold"), hot}, 1},
		{"one with a body that nobody reads first", []string{post("/unread", inside), hot}, 1},
		{"chunks first", []string{hot, chunked, hot, hot}, 1},
		{"a line that goes on first", []string{"GET /other HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", hot}, 0},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			alone, with := newScene(t, false), newScene(t, true)
			want, got := alone.steps(t, tc.requests...), with.steps(t, tc.requests...)
			if !slices.Equal(got, want) || len(got) != len(tc.requests) {
				t.Errorf("with the lane:\n%q\nwithout:\n%q", got, want)
			}
			if hot := with.hot.Load(); hot != tc.hot {
				t.Errorf("the lane has answered %d, want %d", hot, tc.hot)
			}
		})
	}
}

// TestNothingBeyondTheRequest: of a request that comes in several reads net/http is given what belongs to it,
// so that the next is answered as if nothing had been before; its body may look like one.
func TestNothingBeyondTheRequest(t *testing.T) {
	for _, path := range []string{"/other", "/unread", "/hot"} {
		s := newScene(t, true)
		client, server := pair(t)
		defer client.Close()
		s.conns <- server
		first := post(path, "cold"+strings.Repeat(inside, 100))
		for _, piece := range []string{first[:3000], first[3000:] + post("/hot", "abc")} {
			if _, err := client.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		from := bufio.NewReader(client)
		client.SetDeadline(time.Now().Add(20 * time.Second))
		for i := range 2 {
			r, err := http.ReadResponse(from, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != 200 || strings.Contains(string(body), "abc") != (i == 1) {
				t.Errorf("%s: answer %d: %s %.40q %v", path, i, r.Status, body, err)
			}
		}
		if n := s.hot.Load(); n != 1 {
			t.Errorf("%s: the lane has answered %d", path, n)
		}
	}
}

// FuzzSameAsNetHTTP: no octets, cut in any way, are answered otherwise than by net/http
// alone. 0xff cuts.
func FuzzSameAsNetHTTP(f *testing.F) {
	hot := post("/hot", "abc")
	for _, seed := range []string{
		hot, hot + hot, hot + "\xff" + get + "\xff" + hot, get + hot, strings.ReplaceAll(hot, "\r\n", "\xff\r\n"), post("/other", inside),
		post("/unread", inside) + "\xff" + hot, "POST /hot HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + hot,
		strings.Replace(hot, "Content-Length: 3", "Content-Length: 3\r\nContent-Length: 4", 1), post("/hot", "abc", "Expect: 100-continue"),
	} {
		f.Add([]byte(seed))
	}
	alone, with := newScene(f, false), newScene(f, true)
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 64<<10 {
			t.Skip("longer than anything of interest")
		}
		pieces := bytes.Split(stream, []byte{0xff})
		pieces = slices.DeleteFunc(pieces, func(p []byte) bool { return len(p) == 0 })
		if want, got := alone.says(t, pieces...), with.says(t, pieces...); got != want {
			t.Errorf("with the lane:\n%q\nwithout:\n%q", got, want)
		}
	})
}
