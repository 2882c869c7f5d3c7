package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
)

// TestWhatGatewaysAreToldByOthers: some requests for /v1/authz are answered before they come to what answers gateways.
// docs/gateways.md lists them; none is a 200, none says anything in Cnf-…, and nothing else is missing from the list.
func TestWhatGatewaysAreToldByOthers(t *testing.T) {
	o := operate(t, func(c *config.Config) {
		c.Authz.Gateway, c.Authz.Subjects = "envoy", []string{config.AnySubject}
	})
	silent := operate(t, nil) // not configured
	full := operate(t, func(c *config.Config) { c.Limits.Connections = 1 })
	held := full.line(t) // it is inside, and not idle, so that its place is not another's
	fmt.Fprint(held, "POST /v1/verify/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
	if r, err := http.ReadResponse(held.from, nil); err != nil || r.StatusCode != 200 {
		t.Fatal(r, err)
	}
	const plain = "GET /v1/authz/a HTTP/1.1\r\nHost: api.example\r\nX-Forwarded-Proto: https\r\n"
	if status, head := raw(t, o, plain); status != 401 || head.Get("Cnf-Reason") != "no_token" {
		t.Fatalf("before anything is changed: %d %v", status, head)
	}
	told := map[string]bool{}
	for _, tt := range []struct {
		claim, request string
		of             *operated
		status         int
	}{
		{"headers over limits.header", plain + strings.Repeat("X-Long: "+strings.Repeat("a", 6000)+"\r\n", 5), o, 431},
		{"an Expect that is not known", plain + "Expect: foo\r\n", o, 417},
		{"a path that is none", strings.Replace(plain, "/a", "/%zz", 1), o, 400},
		{"no Host", strings.Replace(plain, "Host: api.example\r\n", "", 1), o, 400},
		{"OPTIONS * behind Envoy's path_prefix", strings.Replace(plain, "GET /v1/authz/a", "OPTIONS /v1/authz*", 1), o, 404},
		{"one connection too many", plain, full, 503},
		{"not configured", plain, silent, 503},
	} {
		status, head := raw(t, tt.of, tt.request)
		if status != tt.status {
			t.Errorf("%s: %d, want %d", tt.claim, status, tt.status)
		}
		for name := range head {
			if strings.HasPrefix(name, "Cnf-") {
				t.Errorf("%s: %s: %s", tt.claim, name, head.Get(name))
			}
		}
		told[fmt.Sprint(tt.status)] = true
	}
	text, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Without Cnf-")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile(`(?m)^\| (\d{3}) \|`).FindAllStringSubmatch(section, -1) {
		if !told[row[1]] {
			t.Errorf("docs/gateways.md lists %s, which nothing here is told", row[1])
		}
		told[row[1]] = false
	}
	for status, missing := range told {
		if missing {
			t.Errorf("docs/gateways.md does not list %s", status)
		}
	}
}

// raw sends the lines of a request's head over the unix socket as they are.
func raw(t *testing.T, o *operated, head string) (int, http.Header) {
	t.Helper()
	l := o.line(t)
	if _, err := fmt.Fprint(l, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(l), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode, r.Header
}
