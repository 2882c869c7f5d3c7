package client_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/client"
)

// TestTheSnippet: what docs/api.md shows is what the example compiles and runs.
func TestTheSnippet(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "```go\n")
	snippet, _, ok := strings.Cut(after, "```")
	if !ok || !strings.Contains(snippet, "VerifyBatch") {
		t.Fatal("docs/api.md has no snippet of the client first")
	}
	if !strings.Contains(string(code), "\n"+snippet) {
		t.Errorf("example_test.go does not have the snippet of docs/api.md:\n%s", snippet)
	}
}

// TestRetryAfter: a problem says when the daemon wants to be asked again, where it said so.
func TestRetryAfter(t *testing.T) {
	const doc = `{"type":"urn:cnfd:problem:too-many-requests","title":"t","detail":"d","id":"i","RetryAfter":9,"retry_after":9}`
	for _, tt := range []struct {
		claim, said string
		status      int
		want        time.Duration
	}{
		{"seconds", "7", http.StatusTooManyRequests, 7 * time.Second},
		{"more than is waited for", "60", http.StatusServiceUnavailable, time.Minute},
		{"nothing", "", http.StatusTooManyRequests, 0},
		{"zero", "0", http.StatusTooManyRequests, 0},
		{"less than nothing", "-7", http.StatusTooManyRequests, 0},
		{"a date", "Sun, 22 Nov 2026 19:00:00 GMT", http.StatusTooManyRequests, 0},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			d := &daemon{status: tt.status, body: doc, head: http.Header{}}
			if tt.said != "" {
				d.head.Set("Retry-After", tt.said)
			}
			c := start(t, d)
			hold := func(err error) {
				t.Helper()
				if p := problemIn(err); p == nil || p.Status != tt.status || p.RetryAfter != tt.want {
					t.Errorf("%+v, %v", p, err)
				}
			}
			_, err := c.Verify(t.Context(), client.Request{Token: "t"})
			hold(err)
			for _, err := range c.VerifyBatch(t.Context(), func(func(client.Request) bool) {}) {
				hold(err)
			}
			if n := d.asked.Load(); n != 2 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func problemIn(err error) *client.Problem {
	var p *client.Problem
	errors.As(err, &p)
	return p
}
