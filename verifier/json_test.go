package verifier

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cnfd/dnssec"
	"cnfd/record"
)

const thumbprintJSON = `"thumbprint":{"hash":"sha-256","hex":"` + sum + `","uri":"urn:ietf:params:oauth:jwk-thumbprint:sha-256:gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}`

func TestVerdictsAreWrittenAsTheInterfaceHasThem(t *testing.T) {
	for _, c := range []struct {
		claim, id string
		flip      func(*scene)
		want      string
	}{
		{"confirmed", "01JD", func(s *scene) {},
			`{"outcome":"confirmed","reason":"record_matches","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",` + thumbprintJSON + `,` +
				`"record":{"name":"jwk.cnf.vendor.example.","form":"dotted","usable":1,"ttl":287},"dns":{"security":"secure","cached":true,"age":13},` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked","valid_until":"2026-11-22T06:39:47Z","id":"01JD"}`},
		{"refuted, by a denial with a life of its own, without an id", "", func(s *scene) {
			s.answer.Kind, s.answer.Data, s.source.cached = dnssec.NoName, nil, false
			s.answer.Until, s.answer.Fetched = now.Add(61900*time.Millisecond), now.Add(2*time.Second) // while the question waited
		},
			`{"outcome":"refuted","reason":"record_absent","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",` + thumbprintJSON + `,` +
				`"record":{"name":"jwk.cnf.vendor.example.","form":"dotted","usable":0,"ttl":59},"dns":{"security":"secure","cached":false,"age":0},` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked","valid_until":"2026-11-22T06:36:01Z"}`},
		{"unproven, with trouble", "", func(s *scene) {
			s.answer.Security, s.answer.Trouble = dnssec.Bogus, dnssec.Trouble{Code: 7, Text: "signature of \"vendor.example.\" expired"}
			s.request.SkipTime = true
		},
			`{"outcome":"unproven","reason":"bogus","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",` + thumbprintJSON + `,` +
				`"record":{"name":"jwk.cnf.vendor.example.","form":"dotted","usable":1,"ttl":287},` +
				`"dns":{"security":"bogus","cached":true,"age":13,"ede":{"code":7,"text":"signature of \"vendor.example.\" expired"}},` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"not_checked"}`},
		{"an insecure match, by the other form, while testing", "x", func(s *scene) {
			a := present("_jwk_cnf.vendor.example.", theirs, ours)
			a.Security = dnssec.Insecure
			s.source.answers = map[string]*dnssec.Answer{a.Name: a}
			s.config.Forms, s.config.AllowInsecure, s.config.Testing = []record.Form{record.Underscore}, true, true
		},
			`{"outcome":"confirmed","reason":"record_matches","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",` + thumbprintJSON + `,` +
				`"record":{"name":"_jwk_cnf.vendor.example.","form":"underscore","usable":2,"ttl":287},"dns":{"security":"insecure","cached":true,"age":13},` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked","valid_until":"2026-11-22T06:39:47Z","testing":true,"id":"x"}`},
		{"expired: the DNS was not asked", "", func(s *scene) { s.with(`"exp":1`) },
			`{"outcome":"refuted","reason":"expired","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",` + thumbprintJSON + `,` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked"}`},
		{"encrypted: there is no thumbprint", "", func(s *scene) { s.claims = strings.Replace(claims, cnf, encryptedCnf, 1) },
			`{"outcome":"unproven","reason":"undecryptable","subject":"https://vendor.example","domain":"vendor.example","method":"jwe",` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked"}`},
		{"a certificate's digest has no URI", "", func(s *scene) {
			s.claims = strings.Replace(claims, cnf, `{"x5t#S256":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}`, 1)
			s.config.Credential.Confirmation.X5T = true
			s.source.answers["x5t#s256.cnf.vendor.example."] = present("x5t#s256.cnf.vendor.example.", ours)
		},
			`{"outcome":"confirmed","reason":"record_matches","subject":"https://vendor.example","domain":"vendor.example","method":"x5t#S256",` +
				`"thumbprint":{"hash":"sha-256","hex":"` + sum + `"},` +
				`"record":{"name":"x5t#s256.cnf.vendor.example.","form":"dotted","usable":1,"ttl":287},"dns":{"security":"secure","cached":true,"age":13},` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked","valid_until":"2026-11-22T06:39:47Z"}`},
		{"a source that answers something else gets none of its names in", "", func(s *scene) {
			*s.answer = dnssec.Answer{Name: `"}`}
		},
			`{"outcome":"unproven","reason":"indeterminate","subject":"https://vendor.example","domain":"vendor.example","method":"jwk",` + thumbprintJSON + `,` +
				`"record":{"name":"jwk.cnf.vendor.example.","form":"dotted","usable":0,"ttl":0},"dns":{"security":"indeterminate","cached":true,"age":0},` +
				`"signature":"not_checked","key_binding":"not_checked","dpop":"not_checked","mtls":"not_checked","time":"checked"}`},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			c.flip(s)
			v, err := s.ask(t)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(v.AppendJSON([]byte("x"), c.id)); got != "x"+c.want {
				t.Errorf("got\n%s, want\n%s", got[1:], c.want)
			}
		})
	}
}

func TestStringsSurviveJSON(t *testing.T) {
	for _, text := range []string{
		"", "plain", `quote " and \ backslash`, "\x00\x01\x1f\x7f\t\n\r", "</script><!-- & -->", "\u2028\u2029", "é☕𝄞", "\ufffd",
		"\xff", "a\xc3", "\xed\xa0\x80", "é\xf0\x9d\x84", "\u2027\u202a\u202e",
	} {
		written := appendString(nil, text)
		if string(appendString(nil, []byte(text))) != string(written) {
			t.Errorf("%q: octets and text are written apart", text)
		}
		var read string
		if err := json.Unmarshal(written, &read); err != nil || read != strings.ToValidUTF8(perOctet(text), "\ufffd") {
			t.Errorf("%q is written %s and read %q, %v", text, written, read, err)
		}
		if strings.ContainsAny(string(written), "<>&\u2028\u2029\x00\n\x7f") {
			t.Errorf("%q is written %s", text, written)
		}
	}
}

// perOctet replaces each octet of invalid UTF-8 by one U+FFFD, as JSON encoders do.
func perOctet(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

func TestACloneSharesNothingWithTheRequest(t *testing.T) {
	s := newScene()
	v, err := s.ask(t)
	if err != nil {
		t.Fatal(err)
	}
	before := string(v.AppendJSON(nil, ""))
	kept := v.Clone()
	for i := range s.request.Bytes {
		s.request.Bytes[i] = '!'
	}
	if got := string(kept.AppendJSON(nil, "")); got != before {
		t.Errorf("the clone changed with the request's buffer: %s", got)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("</script>\u2028\x00\xff\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		var read string
		if err := json.Unmarshal(appendString(nil, text), &read); err != nil || read != perOctet(text) {
			t.Errorf("%q is read %q, %v", text, read, err)
		}
	})
}
