package credential_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"cnfd/credential"
)

var b64 = base64.RawURLEncoding

// compact writes a JWS whose signature is none at all.
func compact(header, payload string) string {
	return b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload)) + ".AAAA"
}

const es256 = `{"alg":"ES256"}`

func TestParseJWT(t *testing.T) {
	const sub = `{"sub":"a",` + cnf + `}`
	const noSub = `{"_sd":["x"],` + cnf + `}`
	token := compact(es256, sub)
	parts := strings.Split(token, ".")
	for _, c := range []struct{ name, in, want string }{
		{"a JWT", token, "a jkt"},
		{"a JWT with an HMAC is read, as a COSE_Mac0 is", compact(`{"alg":"HS256"}`, sub), "a jkt"},
		{"a header with more in it", compact(`{"typ":"JWT","alg":"ES256","kid":"1","jku":"https://a.example"}`, sub), "a jkt"},
		{"b64 true", compact(`{"alg":"ES256","b64":true}`, sub), "a jkt"},

		{"none", compact(`{"alg":"none"}`, sub), "malformed header.alg: none: an unsecured token proves nothing (RFC 8725 §3.2)"},
		{"nOnE", compact(`{"alg":"nOnE"}`, sub), "malformed header.alg: none: an unsecured token proves nothing (RFC 8725 §3.2)"},
		{"none, escaped", compact(`{"alg":"n\u006fne"}`, sub), "malformed header.alg: none: an unsecured token proves nothing (RFC 8725 §3.2)"},
		{"none as RFC 7515 writes it", parts[0] + "." + parts[1] + ".", "malformed signature: empty: an unsecured token proves nothing"},
		{"no alg", compact(`{}`, sub), "malformed header.alg: missing"},
		{"an empty alg", compact(`{"alg":""}`, sub), "malformed header.alg: empty"},
		{"alg null", compact(`{"alg":null}`, sub), "malformed header.alg: not a string"},
		{"alg twice", compact(`{"alg":"ES256","alg":"none"}`, sub), "malformed header.alg: given twice"},
		{"Alg", compact(`{"alg":"ES256","Alg":"none"}`, sub), "malformed header.Alg: differs only in case from alg"},
		{"crit", compact(`{"alg":"ES256","crit":["exp"],"exp":1}`, sub), "malformed header.crit: critical extensions, none of which is understood here"},
		{"crit with b64", compact(`{"alg":"ES256","crit":["b64"],"b64":true}`, sub), "malformed header.crit: critical extensions, none of which is understood here"},
		{"b64 false", compact(`{"alg":"ES256","b64":false}`, sub), "malformed header.b64: false, which no JWT may have (RFC 7797 §7)"},
		{"b64 in text", compact(`{"alg":"ES256","b64":"false"}`, sub), "malformed header.b64: not true or false"},
		{"zip", compact(`{"alg":"ES256","zip":"DEF"}`, sub), "malformed header.zip: compressed payloads are not read"},
		{"a key-binding token", compact(`{"typ":"kb+jwt","alg":"ES256"}`, sub), "malformed header.typ: a token of the key's holder, and no credential: send the one that its issuer has signed"},
		{"a key-binding token by its whole media type", compact(`{"typ":"Application/KB+jwt","alg":"ES256"}`, sub), "malformed header.typ: a token of the key's holder, and no credential: send the one that its issuer has signed"},
		{"a DPoP proof", compact(`{"typ":"dpop+jwt","alg":"ES256"}`, sub), "malformed header.typ: a token of the key's holder, and no credential: send the one that its issuer has signed"},
		{"typ of another type", compact(`{"typ":1,"alg":"ES256"}`, sub), "malformed header.typ: not a string"},
		{"a header with more after it", compact(`{"alg":"ES256"}{}`, sub), "malformed header: trailing data"},
		{"a header that is no object", compact(`"alg"`, sub), "malformed header: not an object"},

		{"nothing", "", "malformed not a JWT: want three parts in base64url, joined by dots"},
		{"two parts", parts[0] + "." + parts[1], "malformed not a JWT: want three parts in base64url, joined by dots"},
		{"four parts", token + ".AAAA", "malformed not a JWT: want three parts in base64url, joined by dots"},
		{"five parts", token + ".AAAA.AAAA", "malformed an encrypted token (JWE, five parts): decrypt it and send the JWT in it"},
		{"JSON serialisation", `{"payload":"","signatures":[]}`, "malformed a token in JSON serialisation: send it in compact form"},
		{"no payload", parts[0] + ".." + parts[2], "malformed payload: empty: a detached payload is not read, send the token with it"},
		{"no header", "." + parts[1] + "." + parts[2], "malformed header: ends too early"},
		{"padding", parts[0] + "." + b64.EncodeToString([]byte(sub+" ")) + "=." + parts[2], "malformed payload: not base64url as it must be: without padding, white space or bits to spare"},
		{"a line feed in the payload", parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2], "malformed payload: not base64url as it must be: without padding, white space or bits to spare"},
		{"a carriage return in the header", parts[0][:4] + "\r" + parts[0][4:] + "." + parts[1] + "." + parts[2], "malformed header: not base64url as it must be: without padding, white space or bits to spare"},
		{"a line feed at the end", token + "\n", "malformed signature: not base64url as it must be: without padding, white space or bits to spare"},
		{"a space before", " " + token, "malformed header: not base64url as it must be: without padding, white space or bits to spare"},
		{"base64 of the other alphabet", parts[0] + "." + parts[1] + ".+/+/", "malformed signature: not base64url as it must be: without padding, white space or bits to spare"},
		{"one octet too many", parts[0] + "." + parts[1] + ".AAAAA", "malformed signature: not base64url as it must be: without padding, white space or bits to spare"},
		{"bits to spare in the header", b64.EncodeToString([]byte(es256 + " "))[:21] + "h." + parts[1] + "." + parts[2], "malformed header: not base64url as it must be: without padding, white space or bits to spare"},
		{"claims that are no object", compact(es256, `[]`), "malformed claims: not an object"},
		{"a JWT in a JWT", compact(es256, token), "malformed claims: not an object"},
		{"sub twice", compact(es256, `{"sub":"a","sub":"b",`+cnf+`}`), "malformed claims.sub: given twice"},

		{"an SD-JWT", token + "~", "a jkt"},
		{"an SD-JWT with key binding", token + "~" + token, "a jkt"},
		{"an SD-JWT whose subject is not disclosed", compact(es256, noSub) + "~", "none jkt"},
		{"an SD-JWT whose key is not disclosed", compact(es256, `{"_sd":["x"],"sub":"a"}`) + "~", "not-reducible claims.cnf: missing: the issuer must sign it in the clear and leave cnf out of disclosures"},
		{"an SD-JWT with an empty disclosure", token + "~~", "malformed disclosures: not base64url as it must be: without padding, white space or bits to spare"},
		{"an SD-JWT with a disclosure in the clear", token + "~[1]~", "malformed disclosures: not base64url as it must be: without padding, white space or bits to spare"},
		{"an SD-JWT that ends in a disclosure", token + "~AAAA", "malformed key binding: not a JWT after the last '~': want three parts in base64url, joined by dots"},
		{"an SD-JWT with half a key binding", token + "~AAAA.AAAA", "malformed key binding: not a JWT after the last '~': want three parts in base64url, joined by dots"},
		{"an SD-JWT without a token", "~", "malformed not a JWT: want three parts in base64url, joined by dots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, parse := range map[string]func([]byte, *credential.Options) (credential.Credential, error){"ParseJWT": credential.ParseJWT, "Parse": credential.Parse} {
				got, err := parse([]byte(c.in), nil)
				is := outcome(t, got, err)
				if name == "Parse" && !strings.ContainsAny(c.in, ".~") {
					if err == nil {
						t.Errorf("Parse reads it as %s", got.Format)
					}
					continue
				}
				if is != c.want {
					t.Errorf("%s\ngot  %q\nwant %q", name, is, c.want)
				}
				want := credential.JWT
				if strings.Contains(c.in, "~") {
					want = credential.SDJWT
				}
				if err == nil && got.Format != want {
					t.Errorf("%s: format %s, want %s", name, got.Format, want)
				}
			}
		})
	}
}

func TestNoSubjectSaysWhereOneIsLookedFor(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a JWT", compact(es256, `{`+cnf+`}`), "claims.sub: missing: a credential is confirmed by the domain of its sub, and of nothing else"},
		{"an SD-JWT that hides members", compact(es256, `{"_sd":["x"],`+cnf+`}`) + "~", "claims.sub: missing: neither signed in the clear nor in a disclosure that was sent, so the holder must disclose sub"},
		{"an SD-CWT that hides claims", string(octets(t, bareCKT("a2")+"f83b 81 41ff")), "claims.2: missing: neither signed in the clear nor in a disclosure that was sent, so the holder must disclose sub (2)"},
		{"a CWT", string(octets(t, bareCKT("a1"))), "claims.2: missing: a credential is confirmed by the domain of its sub (2), and of nothing else"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseJWT([]byte(c.in), nil)
			if !strings.Contains(c.in, ".") {
				got, err = credential.ParseCWT([]byte(c.in), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := got.NoSubject(); err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
	got, err := credential.ParseClaims([]byte(draft), nil)
	if err != nil || got.NoSubject() != nil {
		t.Errorf("%v %v", err, got.NoSubject())
	}
}

func TestSubjectOutlivesTheToken(t *testing.T) {
	token := []byte(compact(es256, `{"sub":"https://a.example",`+cnf+`}`))
	got, err := credential.ParseJWT(token, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(token)
	if string(got.Subject) != "https://a.example" {
		t.Errorf("got %q", got.Subject)
	}
}

// FuzzJWT holds that what is accepted is what its three parts say to the
// library's own decoder, and that no token is accepted in two spellings.
func FuzzJWT(f *testing.F) {
	token := compact(es256, draft)
	for _, s := range []string{
		token, token + "~", token + "~AAAA~" + token, compact(`{"alg":"none"}`, draft), token + ".AAAA.AAAA", token + "\n",
		compact(`{"alg":"ES256","crit":["b64"],"b64":false}`, draft), compact(es256, `{"_sd":[],`+cnf+`}`) + "~AAAA~",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := credential.Parse(b, nil)
		outcome(t, got, err)
		if err != nil || got.Format == credential.CWT || got.Format == credential.CWTClaims {
			return
		}
		signed, _, _ := strings.Cut(string(b), "~")
		parts := strings.Split(signed, ".")
		if len(parts) != 3 {
			t.Fatalf("%q: %d parts", b, len(parts))
		}
		var decoded [3]string
		for i, part := range parts {
			octets, err := b64.DecodeString(part)
			if err != nil {
				t.Fatalf("%q: part %d: %v", b, i, err)
			}
			if i < 2 && b64.EncodeToString(octets) != part {
				t.Fatalf("%q: part %d has another spelling", b, i)
			}
			decoded[i] = string(octets)
		}
		if strings.Contains(strings.ToLower(decoded[0]), `"alg":"none"`) || decoded[2] == "" {
			t.Fatalf("%q: unsecured", b)
		}
		if got.Format == credential.SDJWT {
			return // FuzzSDJWT
		}
		claims, err := credential.ParseClaims([]byte(decoded[1]), nil)
		if err != nil || string(claims.Subject) != string(got.Subject) || claims.Confirmation != got.Confirmation {
			t.Fatalf("%q: its claims alone: %+v %v", b, claims, err)
		}
	})
}
