package integration

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/authz"
)

// TestGateways has nginx and Caddy ask cnfd, as examples/ has them, about calls with tokens of oidc-provider.
func TestGateways(t *testing.T) {
	t.Parallel()
	for name, launch := range map[string]func(*gateway, *testing.T){"nginx": launchNginx, "caddy": launchCaddy} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, name, map[string]int{"nginx": 56, "caddy": 57}[name], launch)
			byKey, byCert := g.steady(t), g.grant(t, grant{Flow: "device", Binding: "mtls", Holder: "alice"})
			g.vouch(t, byCert, byCert.Named)
			t.Run("the client's own calls get through", func(t *testing.T) {
				for _, of := range []grant{byKey, byCert} {
					g.behind.since()
					g.call(t, of, of.Holder, "GET", "https://gateway.example/things?of=7")
					if through := g.behind.since(); len(through) != 1 || through[0].Get("Cnf-Outcome") != "confirmed" {
						t.Errorf("%s: %v", of.Binding, through)
					}
				}
			})
			t.Run("what the client says of itself does not get through", func(t *testing.T) {
				q := g.fresh(t, byKey, townThing)
				q.head["Cnf-Domain"], q.head["Cnf-Outcome"], q.head["Cnf-Thumbprint"] = []string{"evil.example"}, []string{"none"}, []string{"evil"}
				g.passes(t, q)
				q = g.fresh(t, byKey, townThing)
				for _, name := range authz.Headers() {
					q.head[name] = []string{"the client's"}
				}
				_, _, through := g.asks(t, q)
				for _, heard := range through {
					for name, values := range heard {
						if strings.HasPrefix(name, "Cnf") && strings.Contains(strings.Join(values, " "), "the client's") {
							t.Errorf("%s: %q got through", name, values)
						}
					}
				}
				if len(through) != 1 {
					t.Errorf("%d requests got through", len(through))
				}
			})
			g.keepsItsWord(t, byKey)
			t.Run("a request with a body gets through", func(t *testing.T) {
				q := g.fresh(t, byKey, townThing)
				q.method, q.body = "POST", strings.Repeat("a", 100_000)
				q.head["Dpop"] = []string{g.call(t, byKey, byKey.Holder, "POST", townThing).proof}
				g.passes(t, q)
			})
			g.keepsOut(t, byKey, append(g.ofTokens(byKey), ofGatewaysProofs...))
			g.keepsOut(t, byCert, g.ofCertificates(t))
			g.keepsOut(t, byKey, g.ofNoAnswer())
			t.Run("a proof comes again", func(t *testing.T) {
				q := g.fresh(t, byKey, townThing)
				g.passes(t, q)
				if status, head, _ := g.asks(t, q); status != http.StatusUnauthorized || !strings.HasPrefix(head.Get("WWW-Authenticate"), invalidProof) {
					t.Errorf("%d %v", status, head)
				}
			})
			g.opens(t)
			g.outlives(t, byKey)
			g.withdraws(t, byKey)
			g.closes(t, byKey)
		})
	}
}

// keepsItsWord has the client do what could come between what cnfd has judged and what the resource gets.
func (g *gateway) keepsItsWord(t *testing.T, of grant) {
	for claim, change := range map[string]func(q *asking){
		"Connection takes cnfd's word away": func(q *asking) { q.head["Connection"] = []string{"Cnf-Outcome, Cnf-Domain, Cnf-Thumbprint"} },
		"its own word in disguise": func(q *asking) {
			q.head["Cnf_domain"], q.head["Cnf_Outcome"], q.head["Cnf.Domain"] = []string{"evil.example"}, []string{"none"}, []string{"evil.example"}
		},
		"another protocol, by which it could ask for more behind cnfd's back": func(q *asking) {
			q.head["Connection"], q.head["Upgrade"] = []string{"Upgrade"}, []string{"H2C"}
		},
		"another host":      func(q *asking) { q.host = "other.example" },
		"a port of its own": func(q *asking) { q.host = "api.example:1234" },
	} {
		t.Run(claim, func(t *testing.T) {
			g.passes(t, g.fresh(t, of, townThing))
			q := g.fresh(t, of, townThing)
			change(&q)
			status, head, through := g.asks(t, q)
			for _, heard := range through {
				for name := range heard {
					if strings.HasPrefix(name, "Cnf") && name != "Cnf-Outcome" && name != "Cnf-Domain" && name != "Cnf-Thumbprint" {
						t.Errorf("%s: %v got through", name, heard[name])
					}
				}
				if heard.Get("Upgrade") != "" || heard.Get("Cnf-Outcome") != "confirmed" || heard.Get("Cnf-Domain") == "" || heard.Get("Cnf-Thumbprint") == "" || heard.Get("Test-Host") != "api.example" {
					t.Errorf("%v got through", heard)
				}
			}
			if q.host != "other.example" && status != http.StatusOK {
				t.Errorf("%d %v", status, head)
			}
		})
	}
}

// A game is one thing that is other than in a request that passes.
type game struct {
	claim   string
	change  func(q *asking)
	status  int    // 0: any that keeps out
	outcome string // "": any
	demands string // the beginning of WWW-Authenticate
}

// keepsOut plays games with requests of a grant that pass without.
func (g *gateway) keepsOut(t *testing.T, of grant, games []game) {
	for _, m := range games {
		t.Run(of.Binding+": "+m.claim, func(t *testing.T) {
			g.passes(t, g.fresh(t, of, townThing))
			q := g.fresh(t, of, townThing)
			m.change(&q)
			status, head, _ := g.asks(t, q)
			if status == http.StatusOK || m.status != 0 && status != m.status || !strings.HasPrefix(head.Get("WWW-Authenticate"), m.demands) {
				t.Errorf("%d %v, want %d %s", status, head, m.status, m.demands)
			}
			// nginx keeps the outcome to itself.
			if got := head.Get("Cnf-Outcome") + " " + head.Get("Cnf-Reason"); g.name == "caddy" && m.outcome != "" && got != m.outcome {
				t.Errorf("%s, want %s", got, m.outcome)
			}
		})
	}
}

const (
	invalidProof = `DPoP error="invalid_dpop_proof"`
	invalidToken = `DPoP error="invalid_token"`
)

// ofTokens are games with the Authorization header.
func (g *gateway) ofTokens(of grant) []game {
	says := func(values ...string) func(*asking) {
		return func(q *asking) { q.head["Authorization"] = values }
	}
	return []game{
		{"no token", says(), 401, "invalid no_token", `DPoP algs="`},
		{"as Bearer", says("Bearer " + of.Token), 401, "invalid bound_as_bearer", invalidToken},
		{"two tokens", says("DPoP "+of.Token, "DPoP "+of.Token), 0, "invalid two_tokens", ""},
		{"a token of no form", says("DPoP a.b.c"), 401, "invalid malformed", invalidToken},
		{"a byte of the token's signature is another", says("DPoP " + flipped(of.Token)), 401, "refuted signature_invalid", invalidToken},
	}
}

// ofGatewaysProofs are games with the DPoP proof, and with what the gateway says that it is for.
var ofGatewaysProofs = []game{
	{"no proof", func(q *asking) { q.head.Del("DPoP") }, 401, "refuted dpop_invalid", invalidProof},
	{"a proof twice", func(q *asking) { q.head["Dpop"] = append(q.head["Dpop"], q.head["Dpop"][0]) }, 401, "invalid two_proofs", invalidProof},
	{"a certificate for a proof", func(q *asking) { q.head.Del("DPoP"); q.holder = "alice" }, 401, "refuted dpop_invalid", invalidProof},
	{"another method", func(q *asking) { q.method = "DELETE" }, 401, "refuted dpop_invalid", invalidProof},
	{"another path", func(q *asking) { q.path = "/other" }, 401, "refuted dpop_invalid", invalidProof},
	{"another path, in a whole URI", func(q *asking) { q.whole = "https://api.example/other" }, 401, "refuted dpop_invalid", invalidProof},
	{"a path that only ends at the same one", func(q *asking) { q.path = "/other/%2e%2e" + q.path }, 0, "denied odd_headers", ""},
	{"another path, and the client says the old one as the gateway does", func(q *asking) {
		q.path = "/other"
		for name, value := range map[string]string{
			"X-Original-Url": townThing, "X-Original-Method": "GET", "X-Forwarded-Uri": "/things?of=7", "X-Forwarded-Method": "GET",
			"X-Forwarded-Host": "api.example", "X-Forwarded-Proto": "https",
		} {
			q.head[name] = []string{value}
		}
	}, 401, "refuted dpop_invalid", invalidProof},
	{"another path, and the client says the old one in disguise", func(q *asking) {
		q.path = "/other"
		q.head["X_original_url"], q.head["X_forwarded_uri"] = []string{townThing}, []string{"/things?of=7"}
	}, 0, "denied odd_headers", ""}, // nginx drops the disguise
	{"another path, and Connection takes the gateway's headers away", func(q *asking) {
		q.path = "/other"
		q.head["Connection"] = []string{"X-Original-URL, X-Forwarded-Uri, DPoP"}
	}, 0, "", ""},
}

// ofNoAnswer are games that are over before they come to what answers gateways (docs/gateways.md, Without Cnf-…).
func (g *gateway) ofNoAnswer() []game {
	games := []game{{"headers over limits.header", func(q *asking) { q.head["X-Long"] = slices.Repeat([]string{strings.Repeat("a", 6000)}, 4) }, map[string]int{"nginx": 500, "caddy": 431}[g.name], "", ""}}
	if g.name == "caddy" { // nginx keeps Expect to itself
		games = append(games, game{"an Expect that is not known", func(q *asking) { q.head["Expect"] = []string{"foo"} }, 417, "", ""})
	}
	return games
}

// ofCertificates are games with a token that is bound to a certificate.
func (g *gateway) ofCertificates(t *testing.T) []game {
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.identity(t, "alice").Certificate[0]}))
	const demands = `DPoP algs="`
	return []game{
		{"no certificate", func(q *asking) { q.holder = "" }, 401, "refuted mtls_mismatch", demands},
		{"another's certificate", func(q *asking) { q.holder = "mallory" }, 401, "refuted mtls_mismatch", demands},
		{"another's certificate, and the holder's in every gateway's header", func(q *asking) {
			q.holder = "mallory"
			for _, name := range []string{"Ssl-Client-Cert", "Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert"} {
				q.head[name] = []string{handed["nginx's form"](own)}
			}
			q.head["Client-Cert"] = []string{handed["RFC 9440"](own)}
		}, 401, "refuted mtls_mismatch", demands},
		{"no certificate, and the holder's in every gateway's header", func(q *asking) {
			q.holder = ""
			q.head["Ssl-Client-Cert"], q.head["Client-Cert"] = []string{handed["nginx's form"](own)}, []string{handed["RFC 9440"](own)}
		}, 401, "refuted mtls_mismatch", demands},
	}
}

// withdraws takes the record away: access is gone once its time is over, and no sooner.
func (g *gateway) withdraws(t *testing.T, of grant) {
	t.Run("the record is withdrawn", func(t *testing.T) {
		g.passes(t, g.fresh(t, of, townThing))
		g.vouch(t, of, "")
		g.passes(t, g.fresh(t, of, townThing)) // for as long as cnfd may believe it
		g.clock.set(t, gatewayCache+time.Second)
		await(t, "the clock", func() error {
			if status, _, _ := g.asks(t, g.fresh(t, of, townThing)); status != http.StatusForbidden {
				return fmt.Errorf("status %d", status)
			}
			return nil
		})
	})
}

// closes stops the daemon: nobody gets through.
func (g *gateway) closes(t *testing.T, of grant) {
	t.Run("the daemon is stopped", func(t *testing.T) {
		g.clock.set(t, 0)
		g.daemon.process.stop()
		if status, _, _ := g.asks(t, g.fresh(t, of, townThing)); status != http.StatusInternalServerError && status != http.StatusBadGateway {
			t.Errorf("status %d", status)
		}
	})
}
