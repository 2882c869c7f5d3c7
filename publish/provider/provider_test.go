package provider

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"cnfd/publish"
)

func TestNames(t *testing.T) {
	if _, err := New("nobody", Config{}); err == nil || !strings.Contains(err.Error(), "powerdns") {
		t.Errorf("%v, want the names", err)
	}
	for _, word := range Names() {
		for _, credentials := range []string{"", " \n", "two\nlines of\nnothing"} {
			target, err := New(word, Config{Now: noon, Credentials: []byte(credentials)})
			if err == nil || target.Zone != nil || !strings.HasPrefix(err.Error(), word+":") || strings.Contains(err.Error(), "lines of") {
				t.Errorf("%s with credentials %q: %v", word, credentials, err)
			}
		}
	}
}

func TestEndpoints(t *testing.T) {
	for _, tt := range []struct {
		endpoint string
		ok       bool
	}{
		{"https://api.example/v1", true},
		{"https://api.example/v1/", true},
		{"http://127.0.0.1:8081", true},
		{"http://[::1]:8081", true},
		{"http://localhost:8081", true},
		{"http://api.example", false},
		{"http://192.0.2.1", false},
		{"http://127.0.0.1.example", false},
		{"http://localhost.example", false},
		{"ftp://127.0.0.1", false},
		{"https://user:secret@api.example", false},
		{"https://api.example/?key=secret", false},
		{"https://api.example/#x", false},
		{"api.example", false},
		{"/v1", false},
		{"https://", false},
		{"https://api.example:port", false},
	} {
		a, err := Config{Endpoint: tt.endpoint}.api("desk", "https://desk.example")
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.endpoint, err)
		}
		if err == nil && strings.HasSuffix(a.base, "/") || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", tt.endpoint, a, err)
		}
	}
}

// Where http is allowed by its name, the address that a resolver gives must be of this machine too.
func TestHTTPStaysOnThisMachine(t *testing.T) {
	a, err := Config{Endpoint: "http://localhost:1"}.api("desk", "")
	if err != nil {
		t.Fatal(err)
	}
	transport := a.client.Transport.(*http.Transport)
	if c, err := transport.DialContext(t.Context(), "tcp", "192.0.2.1:80"); err == nil {
		_ = c.Close()
		t.Error("connected to 192.0.2.1")
	} else if !strings.Contains(err.Error(), "this machine alone") {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := transport.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// A reply that is well and holds nothing must not be taken for a zone without
// records: what is written next would be all that is left.
func TestAReplyOfNothingIsNoZone(t *testing.T) {
	for word, replies := range map[string][]string{
		"powerdns":   {`{}`, `null`, `{"name":"vendor.example."}`, `{"name":"vendor.example.","rrsets":null}`, `{"name":"vendor.example.","rrsets":[]}`, `{"name":"example.","rrsets":[{"name":"example.","type":"SOA"}]}`},
		"cloudflare": {`{}`, `null`, `{"success":true}`, `{"success":true,"result":null}`, `{"result":[]}`},
		"route53":    {``, `<html></html>`, `<ErrorResponse></ErrorResponse>`, `<ListHostedZonesResponse></ListHostedZonesResponse>`},
	} {
		for _, reply := range replies {
			s := play(t, word, owner)
			s.set(here, 300, theirs...)
			if got := s.read(t, here); len(got.Records) != len(theirs) {
				t.Fatal("without it:", got)
			}
			s.next(func(r *http.Request) bool {
				path := strings.TrimSuffix(r.URL.Path, "/")
				return r.URL.RawQuery == "" && strings.HasSuffix(path, "vendor.example.") || strings.HasSuffix(path, "/dns_records") || strings.HasSuffix(path, "/rrset")
			}, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) { _, _ = w.Write([]byte(reply)) })
			set, err := s.target.Zone.Read(t.Context(), here)
			if s.pending() || err == nil {
				t.Errorf("%s: %s was read as %+v", word, reply, set)
				continue
			}
			wantKind(t, s, err, publish.Failed)
		}
	}
}
