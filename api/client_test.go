package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cnfd/client"
	"cnfd/verifier"
)

// The client has the verifier's words, all of them and no others.
func TestTheClientsWords(t *testing.T) {
	var ours, theirs []string
	for _, r := range verifier.Reasons() {
		ours = append(ours, r.String())
	}
	for _, r := range client.Reasons() {
		theirs = append(theirs, string(r))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) {
		t.Errorf("the verifier's reasons:\n%s\nthe client's:\n%s", ours, theirs)
	}
	for theirs, ours := range map[string]string{
		string(client.Confirmed): verifier.Confirmed.String(), string(client.Refuted): verifier.Refuted.String(), string(client.Unproven): verifier.Unproven.String(),
		string(client.NotChecked): verifier.NotChecked.String(), string(client.Checked): verifier.Checked.String(), string(client.Valid): verifier.Valid.String(),
		string(client.CheckSignature): verifier.CheckSignature.String(), string(client.CheckKeyBinding): verifier.CheckKeyBinding.String(),
		string(client.CheckDPoP): verifier.CheckDPoP.String(), string(client.CheckMTLS): verifier.CheckMTLS.String(),
	} {
		if ours != theirs {
			t.Errorf("the client says %q, the verifier %q", theirs, ours)
		}
	}
}

// Every member of a verdict is read by the client, and says what it said.
func TestTheClientReadsAWholeVerdict(t *testing.T) {
	v := confirmed()
	v.Detail, v.Testing = "d", true
	v.DNS.Trouble.Code, v.DNS.Trouble.Text = 3, "stale"
	s := httptest.NewServer(newHandler(t, Config{Verifier: &fakeVerifier{verdict: v}}))
	defer s.Close()
	c, err := client.New(s.URL)
	must(t, err)
	defer c.Close()
	got, err := c.Verify(t.Context(), client.Request{Token: "a.b.c"})
	must(t, err)
	again, err := json.Marshal(got)
	must(t, err)
	var sent, read map[string]any
	must(t, json.Unmarshal(got.Document, &sent))
	must(t, json.Unmarshal(again, &read))
	if fmt.Sprint(sent) != fmt.Sprint(read) {
		t.Errorf("sent %v\nread %v", sent, read)
	}
}

// A batch of the client's is answered in order by the daemon's own handler, over a socket.
func TestTheClientsBatch(t *testing.T) {
	s := httptest.NewServer(newReal(t, nil))
	defer s.Close()
	c, err := client.New(s.URL)
	must(t, err)
	defer c.Close()
	claims := goodItem[len(`{"claims":`) : len(goodItem)-1]
	const items = 5000
	requests := func(yield func(client.Request) bool) {
		for i := range items {
			q := client.Request{Claims: json.RawMessage(claims)}
			switch i % 10 {
			case 3:
				q.Claims = json.RawMessage(strings.Replace(claims, "vendor.", fmt.Sprintf("other%d.", i), 1))
			case 7:
				q = client.Request{Token: "no token"}
			}
			if !yield(q) {
				return
			}
		}
	}
	n := 0
	for v, err := range c.VerifyBatch(t.Context(), requests) {
		p, _ := err.(*client.Problem)
		switch {
		case n%10 == 3 && (err != nil || v.Reason != client.RecordAbsent || v.Domain != fmt.Sprintf("other%d.example", n)):
			t.Fatal(n, v, err)
		case n%10 == 7 && (p == nil || *p.Index != n || p.Status != 400 || v.Confirmed()):
			t.Fatal(n, v, err)
		case n%10 != 3 && n%10 != 7 && (err != nil || !v.Confirmed()):
			t.Fatal(n, v, err)
		}
		n++
	}
	if n != items {
		t.Errorf("%d answers to %d items", n, items)
	}
}

// Each answer is there before the next item is sent, over both versions of HTTP.
func TestTheClientsBatchInStep(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(version, func(t *testing.T) {
			seen := make(chan string, 1)
			h := newReal(t, nil)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen <- r.Proto
				h.ServeHTTP(w, r)
			}))
			s.EnableHTTP2 = version == "HTTP/2.0"
			s.StartTLS()
			defer s.Close()
			c, err := client.New(s.URL)
			must(t, err)
			defer c.Close()
			c.Transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
			c.Transport.TLSClientConfig.RootCAs.AddCert(s.Certificate())
			c.Transport.ForceAttemptHTTP2 = s.EnableHTTP2
			answered := make(chan bool, 1)
			answered <- true
			n := 0
			for v, err := range c.VerifyBatch(t.Context(), func(yield func(client.Request) bool) {
				for range 20 {
					if <-answered; !yield(client.Request{Claims: json.RawMessage(goodItem[len(`{"claims":`) : len(goodItem)-1])}) {
						return
					}
				}
			}) {
				if err != nil || !v.Confirmed() {
					t.Fatal(v, err)
				}
				n++
				answered <- true
			}
			if got := <-seen; n != 20 || got != version {
				t.Errorf("%d answers over %s", n, got)
			}
		})
	}
}
