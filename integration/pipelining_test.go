package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestPipelining sends a hundred requests of many kinds in one go, and in pieces that end anywhere, and has each answered in its
// place: rightly, and with an id of its own.
func TestPipelining(t *testing.T) {
	t.Parallel()
	const many = 100
	for i, secured := range []bool{false, true} {
		s := newSiege(t, 75+i, secured, "")
		kinds := s.requests(t)
		_, stop := s.meanwhile(t)
		answers := 0
		for _, o := range s.doors {
			for round := range 30 {
				var sends strings.Builder
				dice := rand.New(rand.NewPCG(uint64(round), 0))
				order := make([]request, many)
				for i := range order {
					order[i] = kinds[dice.IntN(len(kinds))]
					if round == 0 {
						order[i] = kinds[0]
					}
					sends.WriteString(order[i].sends)
				}
				for _, err := range s.pipeline(o, sends.String(), order, round%2 == 1) {
					t.Errorf("%s: round %d: %v", o.name, round, err)
				}
				answers += many
			}
		}
		t.Logf("figure: %s: %d requests, %d at a time, others asked all there is %d times meanwhile", s.doors[0].name, answers, many, stop())
		s.lifted(t, 128<<20)
	}
}

// A request has an answer that tells it from the others.
type request struct {
	sends, method string
	status        int
	says          string // a part of the answer
}

// requests are of every path that is answered at once, right and wrong ones; the first is what is hot.
func (s *siege) requests(t testing.TB) []request {
	plain := func(status int, says string, lines ...string) request {
		method, _, _ := strings.Cut(lines[0], " ")
		return request{strings.Join(append(lines, "", ""), "\r\n"), method, status, says}
	}
	post := func(status int, says, path, media, body string, fields ...string) request {
		r := plain(status, says, append([]string{"POST " + path + " HTTP/1.1", "Host: a", "Content-Type: " + media, fmt.Sprintf("Content-Length: %d", len(body))}, fields...)...)
		r.sends += body
		return r
	}
	const verify = "/v1/verify"
	return []request{
		post(200, `"outcome":"confirmed","reason":"record_matches","subject":"https://vendor.example"`, verify, "application/jwt", s.good),
		post(200, `"outcome":"confirmed"`, verify, "application/json", string(ofToken(s.good, nil))),
		post(200, `"outcome":"confirmed"`, verify, "application/json; charset=utf-8", string(ofToken(s.good, now)), "Accept: application/json"),
		post(200, `"reason":"record_absent"`, verify, "application/jwt", s.none),
		post(200, `"reason":"record_differs"`, verify, "application/json", string(ofSubject("vendor.example"))),
		post(200, "\x67outcome\x69confirmed", verify, "application/jwt", s.good, "Accept: application/cbor"), // of CBOR
		post(400, "urn:cnfd:problem:malformed", verify, "application/jwt", "a.b.c"),
		post(400, "exactly one of token and claims", verify, "application/json", "{}"),
		post(400, "the body is empty", verify, "application/jwt", ""),
		post(415, `text/html\" is not read here`, verify, "text/html", s.good),
		post(422, "urn:cnfd:problem:not-derivable", verify, "application/json", strings.Replace(string(ofSubject("a")), "https://", "urn:", 1)),
		post(200, `"outcome":"confirmed"`, "/v1/verify/batch", "application/x-ndjson", string(ofToken(s.good, nil))),
		plain(200, "alive", "GET /healthz HTTP/1.1", "Host: a"),
		plain(200, "", "HEAD /healthz HTTP/1.1", "Host: a"),
		plain(200, `"openapi":`, "GET /openapi.json HTTP/1.1", "Host: a"),
		plain(404, "urn:cnfd:problem:not-found", "GET /nowhere HTTP/1.1", "Host: a"),
		plain(405, "urn:cnfd:problem:method-not-allowed", "GET /v1/verify HTTP/1.1", "Host: a"),
		plain(405, "this path takes POST", "DELETE /v1/verify HTTP/1.1", "Host: a", "Content-Length: 0"),
		plain(200, `"security":"secure"`, "GET /v1/resolve?name=jwk.cnf.vendor.example&type=TLSA HTTP/1.1", "Host: a"),
	}
}

// pipeline sends requests on one connection, while it reads the answers, and says what is wrong with them.
func (s *siege) pipeline(o door, sends string, order []request, inPieces bool) (wrong []error) {
	conn, err := o.dial()
	if err != nil {
		return []error{err}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	sent := make(chan error, 1)
	go func() {
		for rest := sends; rest != ""; {
			piece := len(rest)
			if inPieces {
				piece = min(piece, 1+rand.IntN(2000))
			}
			if _, err := io.WriteString(conn, rest[:piece]); err != nil {
				sent <- err
				return
			}
			rest = rest[piece:]
		}
		sent <- nil
	}()
	in, ids := bufio.NewReader(conn), map[string]int{}
	for i, q := range order {
		r, err := http.ReadResponse(in, &http.Request{Method: q.method})
		if err != nil {
			return append(wrong, fmt.Errorf("answer %d: %w", i, err))
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return append(wrong, fmt.Errorf("answer %d: %w", i, err))
		}
		if r.StatusCode != q.status || !strings.Contains(string(body), q.says) {
			wrong = append(wrong, fmt.Errorf("answer %d: %d %q, want %d %q of %.100q", i, r.StatusCode, body, q.status, q.says, q.sends))
		}
		var v struct{ ID string }
		if json.Unmarshal(body, &v) == nil && v.ID != "" {
			if before, twice := ids[v.ID]; twice {
				wrong = append(wrong, fmt.Errorf("answers %d and %d have the same id", before, i))
			}
			ids[v.ID] = i
		}
	}
	if in.Buffered() > 0 {
		wrong = append(wrong, fmt.Errorf("%d octets behind the last answer", in.Buffered()))
	}
	if err := <-sent; err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}
