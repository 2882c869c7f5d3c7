package possession_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"cnfd/possession"
	"cnfd/thumbprint"
)

type request struct {
	h               *holder
	header, payload object
	terms           possession.Request
}

func newRequest(t testing.TB) request {
	h := newHolder(t)
	token := []byte("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
	ath := sha256.Sum256(token)
	return request{h,
		object{"alg": "ES256", "typ": "dpop+jwt", "jwk": h.jwk},
		object{"iat": now.Unix(), "jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": "https://r.example/a", "ath": b64(ath[:])},
		possession.Request{Confirmed: h.jkt, Method: "GET", URL: "https://r.example/a", Token: token, Now: now},
	}
}

func (r request) judge(t testing.TB) error {
	t.Helper()
	_, err := r.proof(t)
	return err
}

func (r request) proof(t testing.TB) (possession.Proof, error) {
	t.Helper()
	return possession.DPoP([]byte(r.h.sign(t, r.header, r.payload)), &r.terms)
}

// judge is what DPoP says of a proof, without what is to be remembered of it.
func judge(proof []byte, r *possession.Request) error {
	_, err := possession.DPoP(proof, r)
	return err
}

// TestDPoP: the proof is good, and with one thing changed it is not.
func TestDPoP(t *testing.T) {
	good := newRequest(t)
	for _, c := range []struct {
		name   string
		change func(*request)
		want   possession.Rule
	}{
		{"nothing", func(r *request) {}, 0},
		{"another type", func(r *request) { r.header = with(r.header, "typ", "JWT") }, possession.Type},
		{"a key-binding token's type", func(r *request) { r.header = with(r.header, "typ", "kb+jwt") }, possession.Type},
		{"no key", func(r *request) { r.header = with(r.header, "jwk", nil) }, possession.Key},
		{"a private key", func(r *request) {
			r.header = with(r.header, "jwk", with(r.h.jwk, "d", b64(make([]byte, 32))))
		}, possession.Key},
		{"a key that is no object", func(r *request) { r.header = with(r.header, "jwk", "x") }, possession.Key},
		{"another's key and signature", func(r *request) {
			r.h = newHolder(t)
			r.header = with(r.header, "jwk", r.h.jwk)
		}, possession.Key},
		{"another's signature", func(r *request) { r.h = newHolder(t) }, possession.Signature},
		{"another key is confirmed", func(r *request) { r.terms.Confirmed = newHolder(t).jkt }, possession.Key},
		{"a thumbprint by another hash", func(r *request) { r.terms.Confirmed = r.h.key.JKT(thumbprint.SHA512) }, 0},
		{"none", func(r *request) { r.header = with(r.header, "alg", "none") }, possession.Malformed},
		{"HS256", func(r *request) { r.header = with(r.header, "alg", "HS256") }, possession.Signature},
		{"another method", func(r *request) { r.payload = with(r.payload, "htm", "POST") }, possession.Method},
		{"the method in another case", func(r *request) { r.payload = with(r.payload, "htm", "get") }, possession.Method},
		{"no method", func(r *request) { r.payload = with(r.payload, "htm", nil) }, possession.Method},
		{"another resource", func(r *request) { r.payload = with(r.payload, "htu", "https://r.example/b") }, possession.URI},
		{"another host", func(r *request) { r.payload = with(r.payload, "htu", "https://s.example/a") }, possession.URI},
		{"no resource", func(r *request) { r.payload = with(r.payload, "htu", nil) }, possession.URI},
		{"a resource that is no URI", func(r *request) { r.payload = with(r.payload, "htu", "/a") }, possession.URI},
		{"a resource in other words", func(r *request) { r.payload = with(r.payload, "htu", "HTTPS://R.Example:443/x/../%61?q#f") }, 0},
		{"a request with a query", func(r *request) { r.terms.URL += "?q=1#f" }, 0},
		{"another access token", func(r *request) { r.terms.Token = []byte("another") }, possession.Hash},
		{"no ath", func(r *request) { r.payload = with(r.payload, "ath", nil) }, possession.Hash},
		{"no jti", func(r *request) { r.payload = with(r.payload, "jti", nil) }, possession.ID},
		{"an empty jti", func(r *request) { r.payload = with(r.payload, "jti", "") }, possession.ID},
		{"a jti of 256", func(r *request) { r.payload = with(r.payload, "jti", strings.Repeat("x", 256)) }, 0},
		{"a longer jti", func(r *request) { r.payload = with(r.payload, "jti", strings.Repeat("x", 257)) }, possession.ID},
		{"a longer proof", func(r *request) { r.payload = with(r.payload, "x", strings.Repeat("x", possession.MaxProof)) }, possession.Malformed},
		{"at the end of its life", func(r *request) { r.payload = with(r.payload, "iat", now.Unix()-120) }, 0},
		{"past the end of its life", func(r *request) { r.payload = with(r.payload, "iat", now.Unix()-121) }, possession.Time},
		{"of the future", func(r *request) { r.payload = with(r.payload, "iat", now.Unix()+61) }, possession.Time},
		{"no iat", func(r *request) { r.payload = with(r.payload, "iat", nil) }, possession.Time},
		{"expired", func(r *request) { r.payload = with(r.payload, "exp", 1) }, possession.Time},
		{"the nonce that was demanded", func(r *request) { r.terms.Nonce, r.payload = "n", with(r.payload, "nonce", "n") }, 0},
		{"another nonce than was demanded", func(r *request) { r.terms.Nonce, r.payload = "n", with(r.payload, "nonce", "m") }, possession.Nonce},
		{"no nonce though one was demanded", func(r *request) { r.terms.Nonce = "n" }, possession.Nonce},
		{"a nonce that nobody demanded", func(r *request) { r.payload = with(r.payload, "nonce", "n") }, 0},

		{"no method expected", func(r *request) { r.terms.Method = "" }, possession.Unasked},
		{"no URL expected", func(r *request) { r.terms.URL = "" }, possession.Unasked},
		{"a URL that is none", func(r *request) { r.terms.URL = "r.example/a" }, possession.Unasked},
		{"no token", func(r *request) { r.terms.Token = nil }, possession.Unasked},
		{"nothing confirmed", func(r *request) { r.terms.Confirmed = thumbprint.Thumbprint{} }, possession.Unasked},
		{"no time", func(r *request) { r.terms.Now = time.Time{} }, possession.Unasked},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good
			c.change(&r)
			proof, err := r.proof(t)
			wants(t, err, c.want)
			if (len(proof.JTI) > 0) != (c.want == 0) || proof.Until.IsZero() != (c.want != 0) {
				t.Errorf("to be remembered: %+v: only what is good is, and that always", proof)
			}
		})
	}
	t.Run("none at all", func(t *testing.T) { wants(t, judge(nil, &good.terms), possession.Missing) })
}

// TestRemembered: what is remembered of a proof is its jti, for as long as it
// could be good.
func TestRemembered(t *testing.T) {
	for _, iat := range []float64{float64(now.Unix()), float64(now.Unix() + 60), float64(now.Unix()) - 119.5, float64(now.Unix() - 120)} {
		r := newRequest(t)
		r.payload = with(r.payload, "iat", iat)
		proof, err := r.proof(t)
		wants(t, err, 0)
		if string(proof.JTI) != r.payload["jti"] {
			t.Errorf("jti %q", proof.JTI)
		}
		r.terms.Now = proof.Until
		wants(t, r.judge(t), possession.Time)
	}
}

// TestRFC9449 holds the RFC's own proofs: figure 2 (§4.1) has no ath, since it is
// for a token request, and figure 13 (§7.1) is for a resource.
func TestRFC9449(t *testing.T) {
	const header = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
	const figure2 = header + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	const figure13 = header + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	sum, err := base64.RawURLEncoding.DecodeString("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
	check(t, err)
	jkt, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, sum)
	check(t, err)
	resource := possession.Request{
		Confirmed: jkt, Method: "GET", URL: "https://resource.example.org/protectedresource",
		Token: []byte("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"), Now: time.Unix(1562262618, 0),
	}
	wants(t, judge([]byte(figure13), &resource), 0)
	token := resource
	token.Method, token.URL = "POST", "https://server.example.com/token"
	wants(t, judge([]byte(figure13), &token), possession.Method)
	wants(t, judge([]byte(figure2), &token), possession.Hash)
	token.URL = "https://server.example.com/other"
	wants(t, judge([]byte(figure2), &token), possession.URI)
	flipped := []byte(figure13)
	flipped[len(flipped)-3] ^= 1
	wants(t, judge(flipped, &resource), possession.Signature)
}
