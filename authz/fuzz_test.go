package authz

import (
	"net/http"
	"strings"
	"testing"

	"cnfd/verifier"
)

// FuzzRequest changes the headers of a question, which would pass, in any way: nothing passes but the
// request that the proof was made for, by the sender of token and proof, and every answer is one that gateways know.
func FuzzRequest(f *testing.F) {
	for g := range gateways {
		f.Add(byte(g), "", "", "", "")
		f.Add(byte(g), "Connection", "X-Forwarded-Uri", "X_Forwarded_Uri", "/")
		f.Add(byte(g), "X-Forwarded-Uri", "/orders/8", "X-Original-Url", api+"/orders/7")
		f.Add(byte(g), "Authorization", "Bearer a.b.c", "Dpop", "a.b.c")
		f.Add(byte(g), "X-Original-Url", api+"/orders/7#", "X-Forwarded-Host", "api.example,evil.example")
		f.Add(byte(g), "Ssl-Client-Cert", "-----BEGIN CERTIFICATE-----", "X-Forwarded-Proto", "http")
		f.Add(byte(g), "X-Forwarded-Tls-Client-Cert", "MIIB%2B%2F%3D,MIIC", "Client-Cert", "::")
		f.Add(byte(g), "X-Forwarded-Client-Cert", `Hash=00;Cert="%"`, "X-Forwarded-Client-Cert", "+Hash=00")
	}
	scenes := make([]*scene, len(gateways))
	requests := make([]*http.Request, len(gateways))
	handlers := make([]*Handler, len(gateways))
	for i, g := range gateways {
		scenes[i] = newScene(f, g)
		scenes[i].config.Possession = verifier.CheckDPoP | verifier.CheckMTLS // certificates are read, and of no use
		scenes[i].verifying.Proofs = everyOne{}                               // the same proof is good again and again: replays are not what is asked here
		handlers[i], requests[i] = scenes[i].handler(), scenes[i].request()
	}
	f.Fuzz(func(t *testing.T, which byte, name1, value1, name2, value2 string) {
		i := int(which) % len(gateways)
		s, g := scenes[i], gateways[i]
		honest := requests[i]
		r := honest.Clone(honest.Context())
		for _, h := range [][2]string{{name1, value1}, {name2, value2}} {
			switch name := http.CanonicalHeaderKey(h[0]); {
			case name == "":
			case strings.HasPrefix(h[1], "+"):
				r.Header[name] = append(r.Header[name], h[1][1:])
			case h[1] == "-":
				delete(r.Header, name)
			default:
				r.Header[name] = []string{h[1]}
			}
		}
		a := serve(handlers[i], r)
		switch a.StatusCode {
		case 200:
		case 401, 403:
			if a.Header.Get("Cnf-Outcome") == "confirmed" {
				t.Fatal("kept out, and confirmed")
			}
			return
		default:
			t.Fatalf("status %d", a.StatusCode)
		}
		method, url, ok := g.target(r)
		path, _, _ := strings.Cut(url, "?")
		if !ok || method != s.proof["htm"] || !same(path, s.proof["htu"].(string)) {
			t.Fatalf("%s %s passes with a proof for %v", method, url, s.proof)
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		_, own, _ := strings.Cut(honest.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "DPoP") || strings.TrimLeft(token, " ") != own || len(r.Header["Authorization"]) != 1 ||
			len(r.Header["Dpop"]) != 1 || r.Header.Get("Dpop") != honest.Header.Get("Dpop") {
			t.Fatalf("passes with %q", r.Header)
		}
	})
}

// same reports whether two URLs are the same but for what RFC 3986 makes equal: here, that is as far as
// a proof for one may be good for the other.
func same(a, b string) bool {
	plain := func(s string) string {
		s = strings.ToLower(strings.NewReplacer(":443/", "/", "%2D", "-", "%2d", "-", "/./", "/").Replace(s))
		if strings.ContainsAny(s, "%") || strings.Contains(s, "..") || strings.Contains(s, "/.") {
			return "normal" // possession's to judge
		}
		return s
	}
	return plain(a) == plain(b) || plain(a) == "normal"
}
