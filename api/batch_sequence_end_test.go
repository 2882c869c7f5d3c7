package api

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestTheEndOfASequence: where a CBOR sequence is not whole its problem is the last answer. The response then ends as
// any other if the body's end was seen, and what follows on the connection is the next request; else it breaks off.
func TestTheEndOfASequence(t *testing.T) {
	const next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	head := strings.Replace(batchHead, "x-ndjson", "cbor-seq", 1)
	for _, tt := range []struct {
		claim, body string
		ends, again bool
	}{
		{"a last item that is cut short", "\x82\x01", true, true},
		{"what ends nowhere", "\x1c", true, true},
		{"what ends nowhere, and some more", "\x1c" + strings.Repeat("\x00", 200<<10), true, true},
		{"what ends nowhere, and much more", "\x1c" + strings.Repeat("\x00", 400<<10), true, false},
		{"what ends nowhere, and no end of the body", "\x1c", false, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			bubble(t, Config{Verifier: newReal(t, nil).Verifier}, func(t *testing.T, p *pipes) {
				l := p.dial()
				rest := fmt.Sprintf("%x\r\n%s\r\n", len(tt.body), tt.body)
				if tt.ends {
					rest += "0\r\n\r\n" + next
				}
				go io.WriteString(l, head+rest)
				r, err := http.ReadResponse(l.in, nil)
				must(t, err)
				body := bufio.NewReader(r.Body)
				if got := hear(t, body); got != "malformed 0" {
					t.Error(got)
				}
				n, err := io.Copy(io.Discard, body)
				if n != 0 || (err == nil) != tt.again {
					t.Errorf("the end of the answers: %d octets more, %v", n, err)
				}
				r, err = http.ReadResponse(l.in, nil)
				if (err == nil) != tt.again {
					t.Errorf("the next request: %v, %v", r, err)
				}
				l.Close()
			})
		})
	}
}
