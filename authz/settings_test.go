package authz

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cnfd/verifier"
)

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
}

func TestNewRefuses(t *testing.T) {
	for claim, flip := range map[string]func(*Config){
		"no Verifier":       func(c *Config) { c.Verifier = nil },
		"no NewID":          func(c *Config) { c.NewID = nil },
		"Possession":        func(c *Config) { c.Possession |= verifier.CheckSignature },
		"NonceHeader":       func(c *Config) { c.Possession, c.Audience = verifier.CheckKeyBinding, api },
		"an Audience":       func(c *Config) { c.Possession, c.NonceHeader = verifier.CheckKeyBinding, "X-Nonce" },
		"Unproven":          func(c *Config) { c.Unproven = 200 },
		"DPoPNonce":         func(c *Config) { c.DPoPNonce = true },
		"no proofs":         func(c *Config) { c.DPoPNonce, c.Nonces, c.Possession = true, NewNonces(time.Now), verifier.CheckMTLS },
		"Deadline":          func(c *Config) { c.Deadline = -1 },
		"Gateway":           func(c *Config) { c.Gateway = gatewayCount },
		"Subjects":          func(c *Config) { c.Subjects = []string{""} },
		"any beside others": func(c *Config) { c.Subjects = []string{domain, Any} },
	} {
		c := Config{Verifier: verdicts{}, NewID: counted()}
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
			if got := a.Header.Get(name); got == "" || got != nobody && !strings.HasSuffix(f.want, "domain_not_listed") {
				t.Errorf("%s: %s is %q: the client's would be left, or somebody be named", f.claim, name, got)
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
