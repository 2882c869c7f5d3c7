package authz

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/verifier"
)

var gateways = []Gateway{Nginx, Caddy, Traefik, Envoy}

// flips each change one thing of a request that passes.
var flips = []struct {
	claim string
	flip  func(*scene)
	want  string
}{
	{"no token", func(s *scene) { s.head["Authorization"] = nil }, "401 invalid no_token"},
	{"another scheme", func(s *scene) { s.head.Set("Authorization", "Basic YTpi") }, "401 invalid no_token"},
	{"a scheme alone", func(s *scene) { s.head.Set("Authorization", "DPoP") }, "401 invalid malformed"},
	{"two tokens", func(s *scene) { s.head["Authorization"] = []string{"DPoP a.b.c", "DPoP a.b.c"} }, "401 invalid two_tokens"},
	{"two tokens that were joined", func(s *scene) { s.afterwards = func(token string) string { return token + ",DPoP " + token } }, "401 invalid malformed"},
	{"a token that is none", func(s *scene) { s.afterwards = func(string) string { return "a.b.c" } }, "401 invalid malformed"},
	{"a token with more after it", func(s *scene) { s.afterwards = func(token string) string { return token + " x" } }, "401 invalid malformed"},
	{"a token that is too long", func(s *scene) { s.afterwards = func(string) string { return strings.Repeat("a", 65537) } }, "401 invalid malformed"},
	{"a bound token as Bearer", func(s *scene) { s.scheme = "Bearer" }, "401 invalid bound_as_bearer"},
	{"a bound token as Bearer, with its proof", func(s *scene) {
		r := s.request()
		s.scheme = "bearer"
		s.head["Dpop"] = r.Header["Dpop"]
	}, "401 invalid bound_as_bearer"},
	{"a jkt beside a jwk, as Bearer", func(s *scene) {
		s.claims["cnf"].(object)["jwk"] = s.holder.jwk
		s.scheme = "Bearer"
	}, "401 invalid bound_as_bearer"},
	{"a key and no proof", func(s *scene) {
		s.claims["cnf"] = object{"jwk": s.holder.jwk}
		s.scheme = "Bearer"
	}, "401 invalid unbound"},
	{"a certificate beside the key, where none is taken", func(s *scene) {
		s.claims["cnf"].(object)["x5t#S256"] = b64(make([]byte, 32))
	}, "401 invalid bound_otherwise"},
	{"an octet of the issuer's signature", func(s *scene) { s.afterwards = flipped }, "401 refuted signature_invalid"},
	{"a stranger's signature", func(s *scene) { s.issuer = newPerson(s.t) }, "401 refuted signature_invalid"},
	{"another issuer", func(s *scene) { s.claims["iss"] = "https://other.example" }, "401 refuted signature_invalid"},
	{"expired", func(s *scene) { s.claims["exp"] = now.Unix() - 60 }, "401 refuted expired"},
	{"not yet valid", func(s *scene) { s.claims["nbf"] = now.Unix() + 61 }, "401 refuted not_yet_valid"},
	{"for another audience", func(s *scene) { s.claims["aud"] = "https://other.example" }, "401 refuted audience_mismatch"},
	{"for nobody", func(s *scene) { delete(s.claims, "aud") }, "401 refuted audience_mismatch"},
	{"no proof", func(s *scene) { s.head["Dpop"] = nil }, "401 refuted dpop_invalid"},
	{"two proofs", func(s *scene) { s.head["Dpop"] = []string{"a.b.c", "a.b.c"} }, "401 invalid two_proofs"},
	{"a proof twice", func(s *scene) { d := s.request().Header["Dpop"][0]; s.head["Dpop"] = []string{d, d} }, "401 invalid two_proofs"},
	{"two proofs that were joined", func(s *scene) { d := s.request().Header["Dpop"][0]; s.head["Dpop"] = []string{d + ", " + d} }, "401 refuted dpop_invalid"},
	{"a proof that is too long", func(s *scene) { s.head["Dpop"] = []string{strings.Repeat("a", 16<<10+1)} }, "401 invalid two_proofs"},
	{"another's proof", func(s *scene) { s.prover = newPerson(s.t) }, "401 refuted dpop_invalid"},
	{"a proof for another method", func(s *scene) { s.proof["htm"] = "GET" }, "401 refuted dpop_invalid"},
	{"a proof for another path", func(s *scene) { s.proof["htu"] = api + "/orders/8" }, "401 refuted dpop_invalid"},
	{"a proof for the gateway's own question", func(s *scene) { s.proof["htu"] = "http://cnfd/v1/authz" }, "401 refuted dpop_invalid"},
	{"a proof for another host", func(s *scene) { s.proof["htu"] = "https://other.example/orders/7" }, "401 refuted dpop_invalid"},
	{"a proof for another token", func(s *scene) { s.proof["ath"] = b64(make([]byte, 32)) }, "401 refuted dpop_invalid"},
	{"an old proof", func(s *scene) { s.proof["iat"] = now.Unix() - 300 }, "401 refuted dpop_invalid"},

	{"a private key in the token", func(s *scene) {
		s.claims["cnf"] = object{"jwk": json.RawMessage(strings.Replace(string(s.holder.jwk), "{", `{"d":"AAAA",`, 1))}
	}, "401 invalid malformed"},
	{"a key elsewhere", func(s *scene) { s.claims["cnf"] = object{"jku": "https://evil.example/"} }, "403 not_reducible not_reducible"},
	{"no key in the token", func(s *scene) { delete(s.claims, "cnf") }, "403 not_reducible not_reducible"},
	{"no subject", func(s *scene) { delete(s.claims, "sub") }, "403 not_derivable not_derivable"},
	{"a subject without a domain", func(s *scene) { s.claims["sub"] = "urn:a:b" }, "403 not_derivable not_derivable"},
	{"the record is removed", func(s *scene) { clear(s.zone.records) }, "403 refuted record_absent"},
	{"the record is another's", func(s *scene) { s.zone.records["jkt.cnf."+domain+"."] = newPerson(s.t).jkt().Hex() }, "403 refuted record_differs"},
	{"the DNS is not proven", func(s *scene) { s.zone.broken = true }, "403 unproven bogus"},
	{"the DNS does not answer in time", func(s *scene) { s.zone.stuck, s.config.Deadline = true, time.Millisecond }, "403 unproven unreachable"},
	{"the domain is not listed", func(s *scene) { s.config.Subjects = []string{"other.example"} }, "403 denied domain_not_listed"},
	{"the domain above it is listed", func(s *scene) {
		s.claims["sub"] = "https://sub.vendor.example"
		s.zone.records["jkt.cnf.sub."+domain+"."] = s.holder.jkt().Hex()
	}, "403 denied domain_not_listed"},
	{"the domain is listed in capitals", func(s *scene) { s.config.Subjects = []string{"VENDOR.EXAMPLE"} }, "403 denied domain_not_listed"},
	{"the verifier fails", func(s *scene) { s.config.Verifier = verdicts{err: errors.New("disk")} }, "403 denied internal"},
	{"there is no room for a look-up", func(s *scene) { s.config.Verifier = verdicts{err: fmt.Errorf("verifier: %w", full{})} }, "403 unproven unreachable"},
	{"the verifier confirms without the signature", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, DPoP: verifier.Valid, Time: verifier.Checked}}
	}, "403 denied check_not_made"},
	{"the verifier confirms without the proof", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, Signature: verifier.Valid, Time: verifier.Checked}}
	}, "403 denied check_not_made"},
	{"the verifier confirms with another proof than the token needs", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, Signature: verifier.Valid, MTLS: verifier.Valid, Time: verifier.Checked}}
	}, "403 denied check_not_made"},
	{"the verifier confirms without the time", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: domain, Signature: verifier.Valid, DPoP: verifier.Valid}}
	}, "403 denied check_not_made"},
	{"the verifier confirms nobody", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Signature: verifier.Valid, DPoP: verifier.Valid, Time: verifier.Checked}}
		s.config.Subjects = []string{Any}
	}, "403 denied domain_not_listed"},
	{"the verifier confirms what is no domain", func(s *scene) {
		s.config.Verifier = verdicts{v: verifier.Verdict{Reason: verifier.RecordMatches, Domain: "a.example\r\nCnf-Outcome: confirmed", Signature: verifier.Valid, DPoP: verifier.Valid, Time: verifier.Checked}}
		s.config.Subjects = []string{Any}
	}, "403 denied domain_not_listed"},
	{"the verifier panics", func(s *scene) { s.config.Verifier = verdicts{panics: true} }, "403 denied internal"},
	{"the verifier says nothing", func(s *scene) { s.config.Verifier = verdicts{} }, "403 unproven indeterminate"},
}

// verdicts is a verifier that says one thing.
type verdicts struct {
	v      verifier.Verdict
	err    error
	panics bool
}

func (d verdicts) Verify(context.Context, *verifier.Request) (verifier.Verdict, error) {
	if d.panics {
		panic("what a stranger sent")
	}
	return d.v, d.err
}

// full is an error that says that there is no room.
type full struct{}

func (full) Error() string { return "full" }
func (full) Busy() bool    { return true }

func flipped(token string) string {
	b := []byte(token)
	b[len(b)-10] ^= 'A' ^ 'B'
	if c := b[len(b)-10]; !isAlphanumeric(c) {
		b[len(b)-10] = 'A'
	}
	return string(b)
}

// TestOneFlip: for every gateway a request passes, and with one thing changed it is
// kept out for that very reason.
func TestOneFlip(t *testing.T) {
	for _, g := range gateways {
		for _, f := range flips {
			t.Run(g.String()+"/"+f.claim, func(t *testing.T) {
				s := newScene(t, g)
				if a := s.ask(); said(a) != "200 confirmed record_matches" || a.Header.Get("Cnf-Domain") != domain || a.Header.Get("Cnf-Thumbprint") != s.holder.jkt().URI() {
					t.Fatalf("before anything is changed: %s %v", said(a), a.Header)
				}
				s.proof["jti"], s.config.Verifier = "2", nil
				f.flip(s)
				a := s.ask()
				if said(a) != f.want {
					t.Fatalf("%s, want %s", said(a), f.want)
				}
				keptOut(t, a)
				if strings.Contains(s.log.String(), "stranger") {
					t.Errorf("the log repeats it: %s", &s.log)
				}
			})
		}
	}
}

// keptOut holds what every answer but 200 has.
func keptOut(t *testing.T, a *http.Response) {
	t.Helper()
	body, err := io.ReadAll(a.Body)
	must(t, err)
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Status != a.StatusCode || p.Type == "" || p.Title == "" || p.Detail == "" || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("not a problem document: %s", body)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("it may be kept")
	}
	for name, values := range a.Header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n") || strings.HasPrefix(name, "Cnf-") && len(values) != 1 {
				t.Errorf("%s: %q", name, values)
			}
		}
	}
	if challenged := a.Header.Get("WWW-Authenticate") != ""; challenged != (a.StatusCode == 401) {
		t.Errorf("%d, challenged: %t", a.StatusCode, challenged)
	}
}

func TestReplayedProof(t *testing.T) {
	s := newScene(t, Nginx)
	h, r := s.handler(), s.request()
	for _, want := range []string{"200 confirmed record_matches", "401 refuted dpop_replayed"} {
		if got := said(serve(h, r)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestBinding: which proof a token needs is how it is bound, whatever else is sent.
func TestBinding(t *testing.T) {
	for _, g := range gateways {
		for _, c := range []struct {
			claim string
			flip  func(*scene)
			want  string
		}{
			{"its certificate", func(s *scene) {}, "200 confirmed record_matches"},
			{"no certificate", func(s *scene) { s.head.Del(shapes[g].certificate) }, "401 refuted mtls_mismatch"},
			{"an empty one", func(s *scene) { s.head.Set(shapes[g].certificate, "") }, "401 refuted mtls_mismatch"},
			{"another certificate", func(s *scene) { s.head.Set(shapes[g].certificate, s.handed(newScene(t, g).der)) }, "401 refuted mtls_mismatch"},
			{"two headers", func(s *scene) { s.head.Add(shapes[g].certificate, s.handed(s.der)) }, "403 denied odd_headers"},
			{"certificates are not taken", func(s *scene) { s.config.Possession = verifier.CheckDPoP }, "401 invalid bound_otherwise"},
			{"a proof too, that the token does not need", func(s *scene) { s.head.Set("DPoP", "a.b.c") }, "200 confirmed record_matches"},
			{"a proof by the certificate's key, where that is not named", func(s *scene) { s.scheme = "DPoP" }, "401 invalid bound_otherwise"},
		} {
			t.Run(g.String()+"/by certificate/"+c.claim, func(t *testing.T) {
				s := newScene(t, g)
				s.config.Possession = verifier.CheckMTLS
				s.byCertificate()
				if a := s.ask(); said(a) != "200 confirmed record_matches" || a.Header.Get("Cnf-Thumbprint") != "sha-256:"+s.zone.records["x5t#s256.cnf."+domain+"."] {
					t.Fatalf("before anything is changed: %s %v", said(a), a.Header)
				}
				s.config.Verifier = nil
				c.flip(s)
				if got := said(s.ask()); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		}
	}
	for _, c := range []struct {
		claim string
		flip  func(*scene)
		want  string
	}{
		{"both", func(s *scene) {}, "200 confirmed record_matches"},
		{"no certificate", func(s *scene) { s.head.Del("Ssl-Client-Cert") }, "401 refuted mtls_mismatch"},
		{"no proof", func(s *scene) { s.head["Dpop"] = nil }, "401 refuted dpop_invalid"},
		{"as Bearer", func(s *scene) { s.scheme = "Bearer" }, "401 invalid bound_as_bearer"},
	} {
		t.Run("by both/"+c.claim, func(t *testing.T) {
			s := newScene(t, Nginx)
			s.config.Possession = verifier.CheckDPoP
			s.byCertificate()
			s.claims["cnf"].(object)["jkt"] = s.holder.jkt().Base64()
			s.config.Credential.Confirmation.X5T = false // it stands beside the key
			s.scheme = "DPoP"
			if got := said(s.ask()); got != "200 confirmed record_matches" {
				t.Fatalf("before anything is changed: %s", got)
			}
			s.proof["jti"], s.config.Verifier = "2", nil
			c.flip(s)
			if got := said(s.ask()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestKeyBinding(t *testing.T) {
	for _, c := range []struct {
		claim string
		flip  func(*scene)
		want  string
	}{
		{"presented", func(s *scene) {}, "200 confirmed record_matches"},
		{"the gateway gave another nonce", func(s *scene) { s.head.Set("X-Nonce", "another") }, "401 refuted key_binding_invalid"},
		{"the gateway gave none", func(s *scene) { s.head.Del("X-Nonce") }, "403 denied odd_headers"},
		{"the gateway gave two", func(s *scene) { s.head.Add("X-Nonce", nonce) }, "403 denied odd_headers"},
		{"the client gives one in disguise", func(s *scene) { s.head["X_nonce"] = []string{nonce} }, "403 denied odd_headers"},
		{"not presented", func(s *scene) { s.afterwards = func(token string) string { return token + "~" } }, "401 invalid unbound"},
		{"presented to another", func(s *scene) { s.config.Audience = "https://other.example" }, "401 refuted key_binding_invalid"},
		{"key bindings are not taken", func(s *scene) { s.config.Possession = verifier.CheckDPoP }, "401 invalid bound_otherwise"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, Nginx)
			s.byKeyBinding()
			if got := said(s.ask()); got != "200 confirmed record_matches" {
				t.Fatalf("before anything is changed: %s", got)
			}
			s.config.Verifier = nil
			c.flip(s)
			if got := said(s.ask()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestWhoIsBelieved: the headers are the gateway's word only from where it is.
func TestWhoIsBelieved(t *testing.T) {
	peers := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for peer, want := range map[string]string{
		"192.0.2.9:1":          "200 confirmed record_matches",
		"[2001:db8::9]:1":      "200 confirmed record_matches",
		"[::ffff:192.0.2.9]:1": "200 confirmed record_matches",
		"192.0.3.9:1":          "403 denied strange_peer",
		"127.0.0.1:1":          "403 denied strange_peer",
		"[2001:db9::9]:1":      "403 denied strange_peer",
		"@":                    "403 denied strange_peer",
	} {
		t.Run(peer, func(t *testing.T) {
			s := newScene(t, Caddy)
			s.config.Peers, s.peer = peers, peer
			if got := said(s.ask()); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	s := newScene(t, Caddy)
	if s.peer = "127.0.0.1:1"; said(s.ask()) != "403 denied strange_peer" {
		t.Error("without peers loopback is believed")
	}
	if !strings.Contains(s.log.String(), "authz.peers") {
		t.Errorf("the operator is not told: %s", &s.log)
	}
}

// TestNotConfigured: as long as one of the three is missing, nobody passes.
func TestNotConfigured(t *testing.T) {
	for what, flip := range map[string]func(*Config){
		"authz.gateway":  func(c *Config) { c.Gateway = 0 },
		"issuers":        func(c *Config) { c.Issuers = false },
		"authz.subjects": func(c *Config) { c.Subjects = nil },
	} {
		for _, observe := range []bool{false, true} {
			s := newScene(t, Nginx)
			if said(s.ask())[:3] != "200" {
				t.Fatal("before anything is changed")
			}
			s.proof["jti"] = "2"
			s.config.Observe = observe
			flip(&s.config)
			a := s.ask()
			body, err := io.ReadAll(a.Body)
			must(t, err)
			if a.StatusCode != 503 || !strings.Contains(string(body), "urn:cnfd:problem:not-configured") || !strings.Contains(string(body), what) {
				t.Errorf("%s: %d %s", what, a.StatusCode, body)
			}
		}
	}
	must(t, errors.Join(func() error { _, err := New(Config{Verifier: verdicts{}}); return err }()))
}

func TestNewRefuses(t *testing.T) {
	for claim, flip := range map[string]func(*Config){
		"no Verifier":       func(c *Config) { c.Verifier = nil },
		"Possession":        func(c *Config) { c.Possession |= verifier.CheckSignature },
		"NonceHeader":       func(c *Config) { c.Possession, c.Audience = verifier.CheckKeyBinding, api },
		"an Audience":       func(c *Config) { c.Possession, c.NonceHeader = verifier.CheckKeyBinding, "X-Nonce" },
		"Unproven":          func(c *Config) { c.Unproven = 200 },
		"Deadline":          func(c *Config) { c.Deadline = -1 },
		"Gateway":           func(c *Config) { c.Gateway = gatewayCount },
		"Subjects":          func(c *Config) { c.Subjects = []string{""} },
		"any beside others": func(c *Config) { c.Subjects = []string{domain, Any} },
	} {
		c := Config{Verifier: verdicts{}}
		if _, err := New(c); err != nil {
			t.Fatal(err)
		}
		flip(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), claim) {
			t.Errorf("%s: %v", claim, err)
		}
	}
}

func TestAny(t *testing.T) {
	s := newScene(t, Nginx)
	s.config.Subjects = []string{Any}
	if got := said(s.ask()); got != "200 confirmed record_matches" {
		t.Error(got)
	}
}

// TestUnproven: the setting changes what is unproven, and nothing else.
func TestUnproven(t *testing.T) {
	for want, flip := range map[string]func(*scene){
		"503 unproven bogus":           func(s *scene) { s.zone.broken = true },
		"503 unproven unreachable":     func(s *scene) { s.zone.stuck, s.config.Deadline = true, time.Millisecond },
		"403 refuted record_absent":    func(s *scene) { clear(s.zone.records) },
		"403 denied domain_not_listed": func(s *scene) { s.config.Subjects = []string{"other.example"} },
		"401 invalid no_token":         func(s *scene) { s.head["Authorization"] = nil },
		"200 confirmed record_matches": func(s *scene) {},
	} {
		s := newScene(t, Envoy)
		s.config.Unproven = http.StatusServiceUnavailable
		flip(s)
		a := s.ask()
		if got := said(a); got != want || (a.Header.Get("Retry-After") == "1") != (a.StatusCode == 503) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestObserve: everything passes; what would have been is in the headers and counted.
func TestObserve(t *testing.T) {
	for _, f := range flips {
		s := newScene(t, Traefik)
		s.config.Observe, s.config.Counts = true, &Counts{}
		f.flip(s)
		h := s.handler()
		a := serve(h, s.request())
		if said(a) != "200"+f.want[3:] || a.Header.Get("Cnf-Observed") != f.want[:3] {
			t.Errorf("%s: %s, observed %s", f.claim, said(a), a.Header.Get("Cnf-Observed"))
		}
		for _, name := range []string{"Cnf-Domain", "Cnf-Thumbprint"} {
			if a.Header.Get(name) == "" {
				t.Errorf("%s: no %s: the client's would be left", f.claim, name)
			}
		}
		counts := s.config.Counts.All()
		if len(counts) != 1 || counts[0].N != 1 || !counts[0].Observed || counts[0].Outcome+" "+counts[0].Reason != f.want[4:] {
			t.Errorf("%s: counted %+v", f.claim, counts)
		}
		if !strings.Contains(s.log.String(), "observed=true") {
			t.Errorf("%s: nothing is logged", f.claim)
		}
	}
}

func TestCounts(t *testing.T) {
	s := newScene(t, Nginx)
	s.config.Counts = &Counts{}
	h := s.handler()
	serve(h, s.request())
	s.config.Verifier = nil
	h = s.handler() // goes on with them
	s.head["Authorization"] = nil
	for range 5 {
		serve(h, s.request())
	}
	got := map[Count]bool{}
	for _, c := range s.config.Counts.All() {
		got[c] = true
	}
	if len(got) != 2 || !got[Count{200, "confirmed", "record_matches", false, 1}] || !got[Count{401, "invalid", "no_token", false, 5}] {
		t.Errorf("%+v", got)
	}
}

// TestGoneClient: who seems to have gone is answered all the same. A handler that says nothing has said 200, and who
// has closed only its half of the connection would hear that.
func TestGoneClient(t *testing.T) {
	s := newScene(t, Nginx)
	if got := said(s.ask()); got != "200 confirmed record_matches" {
		t.Fatal(got)
	}
	s.proof["jti"], s.config.Verifier = "2", nil
	s.zone.stuck = true
	h := s.handler()
	r := s.request()
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if got := said(serve(h, r.WithContext(ctx))); got != "403 unproven unreachable" {
		t.Error(got)
	}

	path := filepath.Join(t.TempDir(), "sock")
	listener, err := net.Listen("unix", path)
	must(t, err)
	server := &http.Server{Handler: h}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { server.Close() })
	conn, err := net.Dial("unix", path)
	must(t, err)
	defer conn.Close()
	r.RequestURI, r.URL.Host = "", "cnfd"
	must(t, r.Write(conn))
	must(t, conn.(*net.UnixConn).CloseWrite())
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	a.Body.Close()
	if got := said(a); got != "403 unproven unreachable" {
		t.Errorf("of half a connection: %s", got)
	}
}

// TestFreshness: what a client says in Cache-Control bounds nothing.
func TestFreshness(t *testing.T) {
	s := newScene(t, Nginx)
	v := &asked{}
	s.config.Verifier = v
	s.head.Set("Cache-Control", "no-cache, max-age=0")
	s.ask()
	if v.q.Bounded || v.q.MaxAge != 0 || v.q.SkipTime || v.q.Audience != api || v.q.Checks != verifier.CheckSignature|verifier.CheckDPoP {
		t.Errorf("asked %+v", v.q)
	}
}

type asked struct{ q verifier.Request }

func (a *asked) Verify(_ context.Context, q *verifier.Request) (verifier.Verdict, error) {
	a.q = *q
	return verifier.Verdict{}, nil
}

// TestEveryCause: each has its words, and a status that gateways know.
func TestEveryCause(t *testing.T) {
	for c, e := range causes {
		if e.word == "" != e.judged || e.outcome == "" != e.judged || e.status == 0 || e.detail == "" && cause(c) != passed {
			t.Errorf("%d: %+v", c, e)
		}
		switch {
		case e.status == 200 && cause(c) == passed, e.status == 401, e.status == 403:
		default:
			t.Errorf("%d: status %d", c, e.status)
		}
		if e.outcome == "confirmed" {
			t.Errorf("%d: only a verdict confirms", c)
		}
	}
	for _, r := range verifier.Reasons() {
		if int(r) >= maxReasons {
			t.Errorf("%s is not counted by itself", r)
		}
	}
	sum := sha256.Sum256(nil)
	if got := said(serve(mustNew(t, Config{Verifier: verdicts{}, Gateway: Nginx, Issuers: true, Subjects: []string{Any}}), newScene(t, Nginx).request())); got != "403 unproven indeterminate" {
		t.Errorf("%s %x", got, sum[:1])
	}
}
