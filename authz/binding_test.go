package authz

import (
	"testing"

	"cnfd/verifier"
)

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
