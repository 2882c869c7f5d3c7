package api

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestCutShort cuts what was confirmed off after every octet.
func TestCutShort(t *testing.T) {
	s := newScene(t)
	s.claim("_sd", []string{s.disclose(`["s","name","x"]`)})
	s.envelope["check"] = []string{"signature", "key_binding", "mtls"} // a proof is taken once
	if a := s.ask(); !a.is("record_matches", "") {
		t.Fatalf("got %+v", a)
	}
	whole := s.sent
	for n := range whole {
		s.envelope["token"] = whole[:n]
		if a := s.again(); a.Outcome == "confirmed" || a.Status >= 500 || a.Detail == "" {
			t.Errorf("the token, %d octets: %+v", n, a)
		}
	}
	s.envelope["token"] = whole
	body := string(inJSON(t, s.envelope))
	for n := range body {
		if a := read(t, send(s.handler, "POST", "/v1/verify", body[:n], asJSON)); !a.is("malformed", "") || a.Detail == "" {
			t.Errorf("the body, %d octets: %+v", n, a)
		}
	}
	cert := s.envelope["client_cert"].(string)
	for n := range cert {
		s.envelope["client_cert"] = cert[:n]
		// Line ends at the end of a PEM certificate are nobody's concern.
		if a := s.again(); !a.is("mtls_mismatch", "client certificate: ") && !strings.HasSuffix(cert[:n], "-----") {
			t.Errorf("the certificate, %d octets: %+v", n, a)
		}
	}
	s.envelope["client_cert"] = cert
	s.envelope["check"] = []string{"dpop"}
	delete(s.envelope, "aud")
	proof := s.envelope["dpop"].(object)["proof"].(string)
	for n := range proof {
		s.envelope["dpop"] = object{"proof": proof[:n], "htm": "GET", "htu": ourURL}
		if a := s.again(); !a.is("dpop_invalid", "DPoP proof: ") {
			t.Errorf("the proof, %d octets: %+v", n, a)
		}
	}
	s.envelope["dpop"] = object{"proof": proof, "htm": "GET", "htu": ourURL}
	if a := s.again(); !a.is("record_matches", "") {
		t.Errorf("whole again: %+v", a)
	}
	h := newReal(t, nil)
	cwt := string(plainCWT)
	if a := read(t, send(h, "POST", "/v1/verify", cwt, "Content-Type: application/cwt")); a.Reason != "record_absent" {
		t.Fatalf("got %+v", a)
	}
	for n := range cwt {
		if a := read(t, send(h, "POST", "/v1/verify", cwt[:n], "Content-Type: application/cwt")); !a.is("malformed", "") {
			t.Errorf("the CWT, %d octets: %+v", n, a)
		}
	}
}

// plainCWT is a COSE_Sign1 with sub and a ckt, 61(18([h'a10126', {}, claims, h'00'])).
var plainCWT = func() []byte {
	claims := append([]byte("\xa2\x02\x76https://vendor.example\x08\xa1\x05\x58\x20"), bytes.Repeat([]byte{0x11}, 32)...)
	out := append([]byte{0xd8, 0x3d, 0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x58, byte(len(claims))}, claims...)
	return append(out, 0x41, 0x00)
}()

// allocated is how many octets f takes from the heap, be they given back or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBombs: a body of 64 KiB or of many times that costs no more memory than a few
// copies of what is read of it, whatever is in it. The first row of each kind is
// well-formed and answered with a verdict.
func TestBombs(t *testing.T) {
	const most = 3 << 20
	h := newReal(t, nil)
	verdict := `{"claims":{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}`
	deep := func(n int) string { return strings.Repeat("[", n) }
	token := func(header, payload string) string { return b64([]byte(header)) + "." + b64([]byte(payload)) + ".AAAA" }
	const es256 = `{"alg":"ES256"}`
	claims := `{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}`
	many := func(n int, one func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(one(i))
		}
		return b.String()
	}

	salted := func(n int) (digests, sent string) {
		for i := range n {
			text := b64(fmt.Appendf(nil, `["","%d",0]`, i))
			sum := sha256.Sum256([]byte(text))
			digests += `,"` + b64(sum[:]) + `"`
			sent += text + "~"
		}
		return digests[1:], sent
	}
	digests, sent := salted(700)
	for _, c := range []struct {
		name, kind, body string
		want, words      string
	}{
		{"claims", asJSON, verdict + `}}`, "record_matches", ""},
		{"a million levels", asJSON, deep(1_000_000), "too-large", ""},
		{"a million levels, said to be few", asJSON + "\x00", deep(1_000_000), "unsupported-media-type", ""},
		{"65,000 levels", asJSON, deep(65000), "malformed", "not an object"},
		{"60,000 levels among the options", asJSON, verdict + `},"aud":` + deep(60000), "malformed", "aud"},
		{"60,000 levels in place of claims", asJSON, `{"claims":` + deep(60000), "malformed", "claims"},
		{"30,000 levels in the claims", asJSON, verdict + `,"x":` + deep(30000) + strings.Repeat("]", 30000) + `}}`, "malformed", "nested too deep"},
		{"10,000 objects in one another in the claims", asJSON, verdict + `,"x":` + strings.Repeat(`{"a":`, 10000) + "0" + strings.Repeat("}", 10000) + `}}`, "malformed", "nested too deep"},
		{"33 levels in the claims", asJSON, verdict + `,"x":` + deep(32) + strings.Repeat("]", 32) + `}}`, "malformed", "nested too deep"},
		{"a string of a million", asJSON, `{"token":"` + strings.Repeat("A", 1_000_000) + `"}`, "too-large", ""},
		{"64 KiB and an octet", asJSON, verdict + `}}` + strings.Repeat(" ", 65537-len(verdict)-2), "too-large", ""},
		{"64 KiB", asJSON, verdict + `}}` + strings.Repeat(" ", 65536-len(verdict)-2), "record_matches", ""},
		{"6000 members", asJSON, verdict + many(6000, func(i int) string { return fmt.Sprintf(`,"%d":0`, i) }) + `}}`, "record_matches", ""},
		{"6000 members of which two are one", asJSON, verdict + many(6000, func(i int) string { return fmt.Sprintf(`,"%d":0`, i%5999) }) + `}}`, "malformed", "given twice"},
		{"a number of 60,000 digits", asJSON, verdict + `,"exp":` + strings.Repeat("9", 60000) + `}}`, "malformed", "claims.exp"},
		{"60,000 escapes", asJSON, `{"token":"` + strings.Repeat(`\u0041`, 10000) + `"}`, "malformed", ""},

		{"a token", asJWT, token(es256, claims+`}`), "record_matches", ""},
		{"40,000 levels in its header", asJWT, token(deep(40000), claims+`}`), "malformed", "header"},
		{"40,000 levels in a member of its header", asJWT, token(`{"alg":"ES256","x":`+deep(40000), claims+`}`), "malformed", "nested too deep"},
		{"40,000 levels in its payload", asJWT, token(es256, claims+`,"x":`+deep(40000)), "malformed", "nested too deep"},
		{"65,000 dots", asJWT, strings.Repeat(".", 65000), "malformed", ""},

		{"disclosures", asSDJWT, token(es256, claims+`,"_sd":[`+digests+`]}`) + "~" + sent, "record_matches", ""},
		{"65,000 tildes", asSDJWT, strings.Repeat("~", 65000), "malformed", ""},
		{"a token and 65,000 tildes", asSDJWT, token(es256, claims+`}`) + strings.Repeat("~", 65000), "malformed", "disclosures"},
		{"20,000 disclosures of one octet", asSDJWT, token(es256, claims+`}`) + strings.Repeat("~AA", 20000) + "~", "malformed", "disclosures[1]: sent twice"},
		{"2700 that nothing refers to", asSDJWT, token(es256, claims+`}`) + "~" + manySent(2700), "malformed", "disclosures[0]: nothing in the token refers to it"},
		{"5000 decoys, and a number", asSDJWT, token(es256, claims+`,"_sd":[0`+many(5000, func(i int) string { return fmt.Sprintf(`,"%d"`, i) })+`]}`) + "~", "malformed", "not a string"},
		{"5000 decoys", asSDJWT, token(es256, claims+`,"_sd":["a"`+many(5000, func(i int) string { return fmt.Sprintf(`,"%d"`, i) })+`]}`) + "~", "record_matches", ""},
		{"30 disclosures in one another, each of 1 KB", asSDJWT, nested(es256, claims, 29, 1000), "record_matches", ""},
		{"40 disclosures in one another", asSDJWT, nested(es256, claims, 40, 10), "malformed", "nested too deep"},
		{"40,000 levels in a disclosure", asSDJWT, token(es256, claims+`,"_sd":["`+digestOf(`["s","x",`+deep(40000))+`"]}`) + "~" + b64([]byte(`["s","x",`+deep(40000))) + "~", "malformed", "nested too deep"},

		{"a CWT", asCWT, string(plainCWT), "record_absent", ""},
		{"65,000 arrays in one another", asCWT, strings.Repeat("\x81", 65000), "malformed", "nested"},
		{"65,000 arrays without end", asCWT, strings.Repeat("\x9f", 65000), "malformed", "nested"},
		{"65,000 tags", asCWT, strings.Repeat("\xd2", 65000), "malformed", "nested"},
		{"65,000 maps", asCWT, strings.Repeat("\xa1\x01", 32500), "malformed", "nested"},
		{"65,000 strings without end", asCWT, strings.Repeat("\x5f", 65000), "malformed", ""},
		{"an array of 2^32", asCWT, "\x9a\xff\xff\xff\xff", "malformed", "elements"},
		{"an array of 2^64", asCWT, "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "malformed", ""},
		{"a string of 2^63", asCWT, "\xd2\x84\x5b\x80\x00\x00\x00\x00\x00\x00\x00", "malformed", ""},
		{"a claims map of 2^31 pairs", asCWT, "\xba\x7f\xff\xff\xff\x01", "malformed", "pairs"},
		{"a claims map without end", asCWT, "\xbf\x02\x76https://vendor.example\x08\xa1\x05\x58\x20" + strings.Repeat("\x11", 32) + "\xff", "record_absent", ""},
		{"a cnf without end", asCWT, "\xa2\x02\x76https://vendor.example\x08\xbf\x05\x58\x20" + strings.Repeat("\x11", 32) + "\xff", "malformed", "claims.8"},
		{"a sub without end", asCWT, "\xa2\x02\x7f\x76https://vendor.example\xff\x08\xa1\x05\x58\x20" + strings.Repeat("\x11", 32), "malformed", "claims.2"},
		{"a bignum for a key", asCWT, "\xa3\xc2\x41\x02\x61a\x02\x76https://vendor.example\x08\xa1\x05\x58\x20" + strings.Repeat("\x11", 32), "malformed", "map key"},
		{"sub twice, once in a longer spelling", asCWT, "\xa3\x02\x76https://vendor.example\x18\x02\x61a\x08\xa1\x05\x58\x20" + strings.Repeat("\x11", 32), "malformed", "claims.2: given twice"},
		{"60,000 octets of a claim that nobody reads", asCWT, "\xa3\x02\x76https://vendor.example\x08\xa1\x05\x58\x20" + strings.Repeat("\x11", 32) + "\x19\x01\x00\x59\xea\x60" + strings.Repeat("A", 60000), "record_absent", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind := strings.TrimSuffix(c.kind, "\x00")
			if kind != c.kind {
				kind = "Content-Type: application/jose"
			}
			var a answer
			took := allocated(func() { a = read(t, send(h, "POST", "/v1/verify", c.body, kind)) })
			if !a.is(c.want, c.words) || len(a.Detail) > 1000 {
				t.Errorf("got %+v, want %s, %q", a, c.want, c.words)
			}
			if took > most {
				t.Errorf("%d octets from the heap for a body of %d", took, len(c.body))
			}
		})
	}
}

func digestOf(disclosure string) string {
	sum := sha256.Sum256([]byte(b64([]byte(disclosure))))
	return b64(sum[:])
}

// manySent are disclosures of numbers.
func manySent(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(b64(fmt.Appendf(nil, `["",%d]`, i)) + "~")
	}
	return b.String()
}

// nested is an SD-JWT of n disclosures, each but the first in the one after it.
func nested(header, claims string, n, size int) string {
	inner, sent := `["s","n",0]`, ""
	for range n {
		sent += b64([]byte(inner)) + "~"
		inner = `["s","n",{"x":"` + strings.Repeat("x", size) + `","_sd":["` + digestOf(inner) + `"]}]`
	}
	payload := claims + `,"_sd":["` + digestOf(inner) + `"]}`
	return b64([]byte(header)) + "." + b64([]byte(payload)) + ".AAAA~" + sent + b64([]byte(inner)) + "~"
}
