package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDPoPBoundTokens has a client get access tokens that are bound to its DPoP key, by both flows, and call a resource
// with them: cnfd confirms the token, its issuer's signature and the proof, until one thing is another.
func TestDPoPBoundTokens(t *testing.T) {
	t.Parallel()
	n := newTown(t, 50)
	for flow, alg := range map[string]string{"code": "ES256", "device": "EdDSA"} {
		t.Run("by "+flow+" flow", func(t *testing.T) {
			d := n.daemon(t, settings{sections: n.issued("")})
			g := n.grant(t, grant{Flow: flow, Binding: "dpop", Holder: flow + "'s", Alg: alg})
			another := n.grant(t, grant{Flow: flow, Binding: "dpop", Holder: flow + "'s"})
			n.vouch(t, g, g.Named)
			fresh := func() bound { return n.called(t, g) }
			all := append(ofAnyToken, n.ofProofs(t, g, another)...)
			n.twists(t, d, g, fresh, all)
			t.Run("and cnfd verify says so too", func(t *testing.T) {
				n.commanded(t, settings{sections: n.issued("")}, fresh, all)
			})
			t.Run("the same proof comes again", func(t *testing.T) {
				q := fresh()
				d.confirms(t, g, q)
				d.refuses(t, q, "refuted dpop_replayed", "jti")
				d.confirms(t, g, fresh())
			})
			t.Run("the request's query is no part of what the proof is for", func(t *testing.T) {
				q := fresh()
				proof(q)["htu"] = townResource + "/things?of=8"
				d.confirms(t, g, q)
			})
			t.Run("the nonce is another than the client was given", func(t *testing.T) {
				n.resource.demand("fresh")
				defer n.resource.demand("")
				given := func(nonce string) bound {
					q := fresh()
					q["nonce"] = nonce
					return q
				}
				d.confirms(t, g, given("fresh"))
				d.refuses(t, given("stale"), "refuted dpop_invalid", "nonce")
			})
			n.withdrawals(t, d, g, fresh)
		})
	}
	t.Run("of another domain that does not vouch", func(t *testing.T) {
		g := n.grant(t, grant{Flow: "code", Binding: "dpop", Holder: "code's", User: "https://ns.steady.example/users/7"})
		n.daemon(t, settings{sections: n.issued("")}).refuses(t, n.called(t, g), absent, "")
	})
	t.Run("a proof that is too old", func(t *testing.T) {
		g := n.grant(t, grant{Flow: "code", Binding: "dpop", Holder: "code's"})
		n.vouch(t, g, g.Named)
		n.ages(t, func() bound { return n.called(t, g) }, 45*time.Second, 3*time.Minute, "refuted dpop_invalid", "iat")
	})
	t.Run("a proof that the daemon before has taken", func(t *testing.T) {
		g, one := n.steady(t), n.daemon(t, settings{sections: n.issued("")})
		q, spare := n.called(t, g), n.called(t, g)
		one.confirms(t, g, q)
		one.process.signal(syscall.SIGKILL)
		<-one.process.done
		n.daemon(t, settings{sections: n.issued("")}).confirms(t, g, spare)       // as old, and nothing was taken before
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // proofs know seconds alone
		next := n.daemon(t, settings{sections: n.issued(""), after: one})
		next.refuses(t, q, "unproven too_costly", "remembered")
		next.confirms(t, g, n.called(t, g))
	})
	t.Run("a token that is too old", func(t *testing.T) {
		g := n.grant(t, grant{Flow: "device", Binding: "dpop", Holder: "code's"})
		n.vouch(t, g, g.Named)
		n.ages(t, func() bound {
			return bound{"token": g.Token, "check": []string{"signature"}}
		}, townLifetime-time.Minute, townLifetime+2*time.Minute, "refuted expired", "")
	})
}

// ofProofs are the twists of a DPoP proof, and of the request that it is for; the other grant is another token of its holder.
func (n *town) ofProofs(t *testing.T, g, another grant) []twist {
	return []twist{
		{"the request's method is another", func(q bound) { proof(q)["htm"] = "POST" }, "refuted dpop_invalid", "htm"},
		{"the request's path is another", func(q bound) { proof(q)["htu"] = townResource + "/other" }, "refuted dpop_invalid", "htu"},
		{"the request's host is another", func(q bound) { proof(q)["htu"] = "https://nginx.example/things" }, "refuted dpop_invalid", "htu"},
		{"the proof is by another key", func(q bound) {
			proof(q)["proof"] = n.call(t, g, "mallory", "GET", townThing).proof
		}, "refuted dpop_invalid", "header.jwk"},
		{"the proof is for another token", func(q bound) {
			proof(q)["proof"] = n.call(t, another, another.Holder, "GET", townThing).proof
		}, "refuted dpop_invalid", "ath"},
		{"a byte of the proof's signature is another", func(q bound) {
			proof(q)["proof"] = flipped(proof(q)["proof"])
		}, "refuted dpop_invalid", "signature"},
		{"no proof is there", func(q bound) { proof(q)["proof"] = "" }, "refuted dpop_invalid", "no proof"},
		{"a nonce was demanded", func(q bound) { q["nonce"] = "fresh" }, "refuted dpop_invalid", "nonce"},
	}
}

// TestCertificateBoundTokens has a client get access tokens that are bound to its certificate, by both flows, and call a
// resource behind nginx and behind a gateway that writes what Envoy writes.
func TestCertificateBoundTokens(t *testing.T) {
	t.Parallel()
	n := newTown(t, 51)
	n.nginx(t)
	const behind = "https://nginx.example/things"
	for _, flow := range []string{"code", "device"} {
		t.Run("by "+flow+" flow", func(t *testing.T) {
			d := n.daemon(t, settings{sections: n.issued("") + "record: {x5t: true}\n"})
			g := n.grant(t, grant{Flow: flow, Binding: "mtls", Holder: "alice"})
			n.vouch(t, g, g.Named)
			fresh := func() bound { return n.called(t, g) }
			all := append(ofAnyToken,
				twist{"the certificate is another, by nginx", func(q bound) {
					q["client_cert"] = n.call(t, g, "mallory", "GET", behind).cert
				}, "refuted mtls_mismatch", "not the one"},
				twist{"no certificate is there", func(q bound) { q["client_cert"] = "" }, "refuted mtls_mismatch", "no client certificate"})
			mallory := n.call(t, g, "mallory", "GET", townThing).cert
			for form, write := range handed {
				all = append(all, twist{"the certificate is another, in " + form, func(q bound) { q["client_cert"] = write(mallory) }, "refuted mtls_mismatch", "not the one"})
			}
			n.twists(t, d, g, fresh, all)
			t.Run("and cnfd verify says so too", func(t *testing.T) {
				n.commanded(t, settings{sections: n.issued("") + "record: {x5t: true}\n"}, fresh, all)
			})
			t.Run("every gateway's form confirms", func(t *testing.T) {
				q := fresh()
				own := q["client_cert"].(string)
				if q["client_cert"] = n.call(t, g, g.Holder, "GET", behind).cert; q["client_cert"] != escaped(own) {
					t.Errorf("nginx hands on %q", q["client_cert"])
				}
				d.confirms(t, g, q)
				for form, write := range handed {
					if q["client_cert"] = write(own); !t.Run(form, func(t *testing.T) { d.confirms(t, g, q) }) {
						t.Log(q["client_cert"])
					}
				}
			})
			n.withdrawals(t, d, g, fresh)
		})
	}
}

// TestIssuersTerms has the configuration say what an issuer's tokens are held to, whatever the caller asks for.
func TestIssuersTerms(t *testing.T) {
	t.Parallel()
	n := newTown(t, 53)
	of := func(resource string) *daemon {
		return n.daemon(t, settings{sections: n.issued(", check: [signature, dpop], types: [at+jwt], audience: " + resource)})
	}
	d, g := of(townResource), n.steady(t)
	fresh := func() bound {
		q := n.called(t, g)
		delete(q, "check")
		delete(q, "aud")
		return q
	}
	n.twists(t, d, g, fresh, []twist{
		ofAnyToken[0],
		{"it is for another resource", func(q bound) { q["aud"] = "https://other.example" }, "refuted audience_mismatch", "aud"},
		{"the proof is left out", func(q bound) { delete(q, "dpop") }, "refuted dpop_invalid", "no proof"},
		{"the token is another's", func(q bound) {
			q["token"] = n.grant(t, grant{Flow: "code", Binding: "dpop", Holder: "mallory"}).Token
		}, "refuted dpop_invalid", "header.jwk"},
	})
	t.Run("another resource is configured", func(t *testing.T) {
		of("https://other.example").refuses(t, fresh(), "refuted audience_mismatch", "aud")
	})
	t.Run("another type of token is configured", func(t *testing.T) {
		n.daemon(t, settings{sections: n.issued(", check: [signature], types: [jwt]")}).refuses(t, fresh(), "refuted signature_invalid", "typ")
	})
	for _, alg := range []string{"ES384", "PS256", "EdDSA"} {
		t.Run("signed by "+alg, func(t *testing.T) {
			other := n.grant(t, grant{Flow: "code", Binding: "dpop", Holder: "alice", Resource: townResource + "/" + alg})
			n.daemon(t, settings{sections: n.issued("")}).confirms(t, other, n.called(t, other))
			d := n.daemon(t, settings{sections: n.issued(", algorithms: [" + alg + "]")})
			d.confirms(t, other, n.called(t, other))
			d.refuses(t, n.called(t, g), "refuted signature_invalid", "alg")
		})
	}
	t.Run("another issuer is configured", func(t *testing.T) {
		other := strings.Replace(n.issued(""), townIssuer, townIssuer+"/", 1)
		n.daemon(t, settings{sections: other}).refuses(t, signatureOf(g), "refuted signature_invalid", "iss")
	})
}

// TestIssuersKeysRotate has the authorization server sign with other keys, as its operator rotates them: its tokens confirm as
// soon as the daemon has seen the new ones, and those of a key that is not there any more do not.
func TestIssuersKeysRotate(t *testing.T) {
	t.Parallel()
	n, d, c := newClockTown(t, 52)
	first := n.steady(t)
	d.confirms(t, first, n.called(t, first))

	n.provideAnew(t, "second.ES256", "first.ES256")
	second := n.steady(t)
	c.set(t, 2*time.Minute) // keys that a token lacks are not asked for again at once
	d.becomes(t, func() bound { return signatureOf(second) }, confirmed)
	d.confirms(t, first, signatureOf(first))

	n.provideAnew(t, "third.ES256", "second.ES256")
	third := n.steady(t)
	d.confirms(t, first, signatureOf(first)) // for all that the daemon has seen
	c.set(t, 4*time.Minute)
	d.becomes(t, func() bound { return signatureOf(third) }, confirmed)
	d.confirms(t, second, signatureOf(second))
	d.refuses(t, signatureOf(first), "refuted signature_invalid", "kid")

	// A key of the same name: as long as the issuer does not publish it, it is a stranger's.
	name := filepath.Join(n.dir, "third.ES256.jwk")
	kept := run(t, "", "", "cat", name)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	n.provideAnew(t, "third.ES256")
	namesake, other := n.steady(t), run(t, "", "", "cat", name)
	write(t, name, kept)
	n.provideAnew(t, "third.ES256")
	c.set(t, 6*time.Minute)
	d.becomes(t, func() bound {
		d.refuses(t, signatureOf(namesake), "refuted signature_invalid", "signature")
		return signatureOf(second) // until the daemon has asked again, and has the third key alone
	}, "refuted signature_invalid")
	d.refuses(t, signatureOf(namesake), "refuted signature_invalid", "signature")
	d.confirms(t, third, signatureOf(third))
	write(t, name, other)
	n.provideAnew(t, "third.ES256")
	c.set(t, 8*time.Minute)
	d.becomes(t, func() bound { return signatureOf(namesake) }, confirmed)
	d.refuses(t, signatureOf(third), "refuted signature_invalid", "signature")
}

// TestIssuerUnreachable takes the authorization server away: the keys that were had are good, and without any nothing is
// proven either way.
func TestIssuerUnreachable(t *testing.T) {
	t.Parallel()
	n, d, c := newClockTown(t, 54)
	g := n.steady(t)
	d.confirms(t, g, signatureOf(g))
	n.provideAnew(t, "second.ES256")
	unknown := n.steady(t)
	n.provider.stop()
	d.confirms(t, g, signatureOf(g))
	c.set(t, 2*time.Minute)
	d.becomes(t, func() bound { return signatureOf(unknown) }, unreachable)
	d.confirms(t, g, signatureOf(g))
	never := n.daemon(t, n.settings(c))
	never.refuses(t, signatureOf(g), unreachable, "issuer's keys")

	n.provide(t, "first.ES256")
	await(t, townIssuer, n.provided)
	c.set(t, 4*time.Minute)
	never.becomes(t, func() bound { return signatureOf(g) }, confirmed)
	never.refuses(t, signatureOf(unknown), "refuted signature_invalid", "kid")
	for claim, config := range map[string]string{
		"its certificate is by another authority": strings.Replace(n.issued(""), n.ca, newAuthority(t, t.TempDir()).ca, 1),
		"another address is pinned":               strings.Replace(n.issued(""), n.at(9), n.at(19), 1),
		"the certificate of another host":         strings.Replace(n.issued(""), `keys: "`+townIssuer, `keys: "https://op2.example`, 1),
		"there are no keys at the URL":            strings.Replace(n.issued(""), "/jwks", "/.well-known/openid-configuration", 1),
	} {
		t.Run(claim, func(t *testing.T) {
			n.daemon(t, settings{sections: config}).refuses(t, signatureOf(g), unreachable, "issuer's keys")
		})
	}
}

// newClockTown is a town and a daemon whose clock can be moved.
func newClockTown(t *testing.T, number int) (*town, *daemon, clock) {
	t.Helper()
	n := newTown(t, number)
	c := newClock(t, &n.trust)
	return n, n.daemon(t, n.settings(c)), c
}

// settings are those of a daemon by that clock that knows the town's issuer.
func (n *town) settings(c clock) settings {
	s := c.settings()
	s.sections += "\n" + n.issued("")
	return s
}

// steady is a grant whose record is there.
func (n *town) steady(t testing.TB) grant {
	t.Helper()
	g := n.grant(t, grant{Flow: "code", Binding: "dpop", Holder: "alice"})
	n.vouch(t, g, g.Named)
	return g
}
