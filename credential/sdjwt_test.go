package credential_test

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// disclosed writes an SD-JWT whose signature is none: "@n" in the payload and in
// later disclosures stands for the digest of the n-th disclosure.
func disclosed(payload string, disclosures ...string) string {
	sent, digests := "", []string{}
	fill := func(s string) string {
		for i, d := range digests {
			s = strings.ReplaceAll(s, `"@`+strconv.Itoa(i)+`"`, `"`+d+`"`)
		}
		return s
	}
	for _, d := range disclosures {
		text := b64.EncodeToString([]byte(fill(d)))
		digest := sha256.Sum256([]byte(text))
		digests = append(digests, b64.EncodeToString(digest[:]))
		sent += text + "~"
	}
	return compact(es256, fill(payload)) + "~" + sent
}

// TestDisclosures: each case but the refused ones first shows that its token is
// read; what is refused differs from one that is read in one thing.
func TestDisclosures(t *testing.T) {
	const sub = `["s","sub","https://a.example"]`
	const nothing = "nothing in the token refers to it"
	for _, c := range []struct {
		name        string
		payload     string
		disclosures []string
		want        string
	}{
		{"sub", `{"_sd":["@0"],` + cnf + `}`, []string{sub}, "https://a.example jkt"},
		{"sub beside decoys", `{"_sd":["decoy","@0","another"],` + cnf + `}`, []string{sub}, "https://a.example jkt"},
		{"sub, _sd last", `{` + cnf + `,"_sd":["@0"]}`, []string{sub}, "https://a.example jkt"},
		{"sub with an escape in its name", `{"_sd":["@0"],` + cnf + `}`, []string{`["s","s\u0075b","https://a.example"]`}, "https://a.example jkt"},
		{"sub with an empty salt", `{"_sd":["@0"],` + cnf + `}`, []string{`["","sub","https://a.example"]`}, "https://a.example jkt"},
		{"sub and an empty _sd", `{"_sd":[],"sub":"a",` + cnf + `}`, nil, "a jkt"},
		{"sub in an object and an array of others", `{"sub":"a","x":{"_sd":["@0"]},"y":[1,{"...":"@1"},{"...":"decoy"}],` + cnf + `}`, []string{`["s","n",1]`, `["s",{"z":[]}]`}, "a jkt"},
		{"disclosures in disclosures", `{"sub":"a","_sd":["@2"],` + cnf + `}`, []string{`["s","inner"]`, `["s","deep",[{"...":"@0"}]]`, `["s","x",{"_sd":["@1"]}]`}, "a jkt"},
		{"a name that is there at another level", `{"sub":"a","x":{"_sd":["@0"]},` + cnf + `}`, []string{`["s","sub","b"]`}, "a jkt"},
		{"cnf at another level", `{"sub":"a","x":{"_sd":["@0"]},` + cnf + `}`, []string{`["s","cnf",{"jkt":"x"}]`}, "a jkt"},
		{"sub withheld", `{"_sd":["x"],` + cnf + `}`, nil, "none jkt"},

		{"a disclosure that nothing refers to", `{"sub":"a","_sd":["x"],` + cnf + `}`, []string{sub}, "malformed disclosures[0]: " + nothing},
		{"a disclosure that only one not sent refers to", `{"sub":"a",` + cnf + `}`, []string{`["s","inner"]`, `["s","x",[{"...":"@0"}]]`}, "malformed disclosures[0]: " + nothing},
		{"a disclosure sent twice", `{"_sd":["@0"],` + cnf + `}`, []string{sub, sub}, "malformed disclosures[1]: sent twice"},
		{"a digest twice", `{"_sd":["@0","@0"],` + cnf + `}`, []string{sub}, "malformed claims._sd[1]: a digest that the token has elsewhere too"},
		{"a decoy twice", `{"_sd":["x"],"sub":"a","y":[{"...":"x"}],` + cnf + `}`, nil, "malformed claims.y[0]....: a digest that the token has elsewhere too"},
		{"a digest in a disclosure again", `{"_sd":["@0","@1"],` + cnf + `}`, []string{sub, `["s","x",{"_sd":["@0"]}]`}, "malformed disclosures[1]._sd[0]: a digest that the token has elsewhere too"},
		{"cnf", `{"sub":"a","_sd":["@0"]}`, []string{`["s","cnf",{"jkt":"x"}]`}, "malformed disclosures[0]: discloses cnf: the issuer must leave it out of disclosures"},
		{"cnf beside one in the clear", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","cnf",{"jkt":"x"}]`}, "malformed disclosures[0]: discloses cnf: the issuer must leave it out of disclosures"},
		{"cnf, escaped", `{"sub":"a","_sd":["@0"]}`, []string{`["s","\u0063nf",{"jkt":"x"}]`}, "malformed disclosures[0]: discloses cnf: the issuer must leave it out of disclosures"},
		{"CNF", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","CNF",{"jkt":"x"}]`}, "malformed claims.CNF: differs only in case from cnf"},
		{"a member of cnf", `{"sub":"a","cnf":{"_sd":["@0"]}}`, []string{`["s","jkt","gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"]`}, "not-reducible claims.cnf._sd: members in disclosures, which are not read, so that nothing shows them to name the same key: the issuer must leave all of cnf out of them"},
		{"_sd", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","_sd",[]]`}, "malformed disclosures[0]: discloses _sd, which is no claim"},
		{"...", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","...","x"]`}, "malformed disclosures[0]: discloses ..., which is no claim"},
		{"_sd_alg", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","_sd_alg","sha-512"]`}, "malformed disclosures[0]: discloses _sd_alg, which is no claim"},
		{"sub that is there already", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{sub}, "malformed claims.sub: given twice"},
		{"sub twice", `{"_sd":["@0","@1"],` + cnf + `}`, []string{sub, `["t","sub","b"]`}, "malformed claims.sub: given twice"},
		{"another claim twice, deep below", `{"sub":"a","x":{"y":[{"n":1,"_sd":["@0"]}]},` + cnf + `}`, []string{`["s","n",2]`}, "malformed claims.x.y[0].n: given twice"},
		{"Sub", `{"_sd":["@0"],` + cnf + `}`, []string{`["s","Sub","b"]`}, "malformed claims.Sub: differs only in case from sub"},
		{"sub that is no string", `{"_sd":["@0"],` + cnf + `}`, []string{`["s","sub",1]`}, "malformed claims.sub: not a string"},
		{"an element's disclosure in an object", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","x"]`}, "malformed disclosures[0]: not one of a member: a salt, a name in a string, and a value"},
		{"a member's disclosure in an array", `{"sub":"a","x":[{"...":"@0"}],` + cnf + `}`, []string{`["s","x",1]`}, "malformed disclosures[0]: not one of an array element: a salt and a value"},
		{"... outside of an array", `{"sub":"a","x":{"...":"@0"},` + cnf + `}`, []string{`["s","x"]`}, "malformed claims.x....: stands for an array element, alone in an object, and nowhere else"},
		{"... with company", `{"sub":"a","x":[{"...":"@0","y":1}],` + cnf + `}`, []string{`["s","x"]`}, "malformed claims.x[0]....: stands for an array element, alone in an object, and nowhere else"},
		{"... that is no string", `{"sub":"a","x":[{"...":1}],` + cnf + `}`, nil, "malformed claims.x[0]....: not a string"},
		{"_sd that is no array", `{"sub":"a","_sd":"@0",` + cnf + `}`, nil, "malformed claims._sd: not an array"},
		{"_sd with a number in it", `{"sub":"a","_sd":[1],` + cnf + `}`, nil, "malformed claims._sd[0]: not a string"},
		{"one part", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s"]`}, "malformed disclosures[0]: not a salt, a name and a value, nor a salt and a value"},
		{"four parts", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","x",1,2]`}, "malformed disclosures[0]: more than a salt, a name and a value"},
		{"a salt that is no string", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`[1,"x",1]`}, "malformed disclosures[0]: its salt is not a string"},
		{"a name that is no string", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s",1,1]`}, "malformed disclosures[0]: not one of a member: a salt, a name in a string, and a value"},
		{"a disclosure that is no array", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`{}`}, "malformed disclosures[0]: not an array"},
		{"a disclosure with more after it", `{"sub":"a","_sd":["@0"],` + cnf + `}`, []string{`["s","x",1]]`}, "malformed disclosures[0]: trailing data"},
		{"an unknown hash", `{"sub":"a","_sd_alg":"sha-1",` + cnf + `}`, nil, "malformed claims._sd_alg: not a hash that is known: sha-256, sha-384 or sha-512"},
		{"a hash in another case", `{"sub":"a","_sd_alg":"SHA-256",` + cnf + `}`, nil, "malformed claims._sd_alg: not a hash that is known: sha-256, sha-384 or sha-512"},
		{"a hash that the digests are not of", `{"_sd_alg":"sha-512","_sd":["@0"],` + cnf + `}`, []string{sub}, "malformed disclosures[0]: " + nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseJWT([]byte(disclosed(c.payload, c.disclosures...)), nil)
			if is := outcome(t, got, err); is != c.want {
				t.Errorf("\ngot  %q\nwant %q", is, c.want)
			}
		})
	}
}

// TestDisclosuresOfOtherClaims: times, issuer and audience may be disclosed too.
func TestDisclosuresOfOtherClaims(t *testing.T) {
	token := disclosed(`{"_sd":["@0","@1","@2","@3"],"sub":"a",`+cnf+`}`,
		`["s","exp",1700000000.5]`, `["s","nbf",1600000000.5]`, `["s","iss","https://iss.example"]`, `["s","aud",["x","https://v.example"]]`)
	c, err := credential.ParseJWT([]byte(token), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.HasExpires || c.Expires != 1700000000 || !c.HasNotBefore || c.NotBefore != 1600000001 || string(c.Issuer) != "https://iss.example" {
		t.Errorf("got %+v", c)
	}
	if named, present := c.For("https://v.example"); !named || !present {
		t.Error("its audience is not found")
	}
	if named, _ := c.For("https://v.example/"); named {
		t.Error("another audience is found")
	}
	hidden := disclosed(`{"sub":"a","aud":["x",{"...":"decoy"}],` + cnf + `}`)
	if c, err = credential.ParseJWT([]byte(hidden), nil); err != nil {
		t.Fatal(err)
	}
	if named, present := c.For("decoy"); named || !present {
		t.Error("a digest is taken for an audience")
	}
}

// TestDisclosuresNestedDeep: disclosures in disclosures count as one document.
func TestDisclosuresNestedDeep(t *testing.T) {
	for depth, want := range map[int]string{30: "a jkt", 31: "a jkt", 40: "malformed"} {
		disclosures := []string{`["s","n",1]`}
		for i := range depth - 1 {
			disclosures = append(disclosures, `["s","n",{"_sd":["@`+strconv.Itoa(i)+`"]}]`)
		}
		token := disclosed(`{"sub":"a","_sd":["@`+strconv.Itoa(depth-1)+`"],`+cnf+`}`, disclosures...)
		got, err := credential.ParseJWT([]byte(token), nil)
		if is := outcome(t, got, err); !strings.HasPrefix(is, want) {
			t.Errorf("%d levels: %s", depth, is)
		}
	}
}

const rfc9901Issuer = `{"kty":"EC","crv":"P-256","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`

// TestRFC9901 holds the RFC's own examples: signature of the issuer, disclosures,
// the holder's key and its signature.
func TestRFC9901(t *testing.T) {
	for _, c := range []struct {
		file, sub string
		bound     bool
	}{
		{"5.2", "user_42", true},
		{"8.2", "john_doe_42", false},
		{"8.2-kb", "", true},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, err := credential.Parse(file(t, "rfc9901/"+c.file+".txt"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Subject) != c.sub || got.HasSubject != (c.sub != "") || got.Expires != 1883000000 || string(got.Issuer) != "https://issuer.example.com" {
				t.Errorf("got %+v", got)
			}
			signedBy(t, got, parseJWK(t, rfc9901Issuer), "example+sd-jwt")
			boundBy(t, got, c.bound)
		})
	}
	t.Run("6.3", func(t *testing.T) {
		sent := string(file(t, "rfc9901/6.3-disclosures.txt"))
		payload := `{"_sd":["HvrKX6fPV0v9K_yCVFBiLFHsMaxcD_114Em6VT8x1lg"],"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,
			"sub":"6c5c0a49-b589-431d-bae7-219122a9ec2c","_sd_alg":"sha-256",` + cnf + `}`
		got, err := credential.Parse([]byte(compact(es256, payload)+"~"+sent), nil)
		if is := outcome(t, got, err); is != "6c5c0a49-b589-431d-bae7-219122a9ec2c jkt" {
			t.Error(is)
		}
		// Without the last, which holds the digests of the others.
		sent = sent[:strings.LastIndexByte(sent[:len(sent)-1], '~')+1]
		got, err = credential.Parse([]byte(compact(es256, payload)+"~"+sent), nil)
		if is := outcome(t, got, err); is != "malformed disclosures[0]: nothing in the token refers to it" {
			t.Error(is)
		}
	})
}

// TestMadeElsewhere holds tokens of npm's @sd-jwt/sd-jwt-vc.
func TestMadeElsewhere(t *testing.T) {
	var made struct {
		Issuer, Holder json.RawMessage
		Tokens         []struct{ Name, Issued, Presented string }
	}
	if err := json.Unmarshal(file(t, "made/sd-jwt-vc.json"), &made); err != nil || len(made.Tokens) != 8 {
		t.Fatal(len(made.Tokens), err)
	}
	for _, c := range made.Tokens {
		t.Run(c.Name, func(t *testing.T) {
			for _, token := range []string{c.Issued, c.Presented} {
				got, err := credential.Parse([]byte(token), nil)
				if err != nil {
					t.Fatal(err)
				}
				want := "https://vendor.example"
				if c.Name == "sub withheld" && token == c.Presented {
					want = ""
				}
				if string(got.Subject) != want || got.HasSubject != (want != "") {
					t.Errorf("got %q, want %q", got.Subject, want)
				}
				signedBy(t, got, parseJWK(t, string(made.Issuer)), "dc+sd-jwt")
				boundBy(t, got, token == c.Presented && c.Name != "no key binding")
				if key, ok := got.Key(); !ok || key.JKT(thumbprint.SHA256) != parseJWK(t, string(made.Holder)).JKT(thumbprint.SHA256) {
					t.Error("not the holder's key")
				}
			}
			// One octet of a disclosure changed: nothing refers to it then.
			at := strings.IndexByte(c.Presented, '~') + 3
			if c.Presented[at-1] == '~' || strings.Count(c.Presented, "~") < 2 {
				t.Fatal("nothing disclosed")
			}
			other := []byte(c.Presented)
			other[at] ^= 'A' ^ 'B'
			if _, err := credential.Parse(other, nil); err == nil {
				t.Error("a disclosure that was changed is read")
			}
		})
	}
}

// signedBy holds that the issuer's key, and no other octets, made the signature.
func signedBy(t *testing.T, c credential.Credential, key thumbprint.Key, typ string) {
	t.Helper()
	s, ok := c.Signed()
	if !ok || len(s.Signatures) != 1 || string(s.Type) != typ {
		t.Fatalf("got %+v %v", s, ok)
	}
	one := s.Signatures[0]
	if err := signature.Verify(one.Algorithm, key, one.Octets, one.Value); err != nil {
		t.Error(err)
	}
	if err := signature.Verify(one.Algorithm, key, one.Octets[1:], one.Value); err == nil {
		t.Error("verifies over other octets")
	}
}

// boundBy holds that there is a key-binding token, made by the key of the
// credential, over what was presented.
func boundBy(t *testing.T, c credential.Credential, want bool) {
	t.Helper()
	kb, ok := c.KeyBinding()
	if ok != want {
		t.Fatalf("key binding: %v, want %v", ok, want)
	}
	if !ok {
		return
	}
	_, payload, s, err := credential.ReadJWS(kb.JWT)
	if err != nil || string(s.Type) != "kb+jwt" {
		t.Fatal(string(s.Type), err)
	}
	key, ok := c.Key()
	if !ok {
		t.Fatal("no key")
	}
	if err := signature.Verify(s.Signatures[0].Algorithm, key, s.Signatures[0].Octets, s.Signatures[0].Value); err != nil {
		t.Error(err)
	}
	var claims struct {
		Hash string `json:"sd_hash"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Hash != b64.EncodeToString(kb.SDHash()) {
		t.Errorf("sd_hash %q, want %s: %v", claims.Hash, b64.EncodeToString(kb.SDHash()), err)
	}
}

// FuzzSDJWT: whatever the payload and the disclosures, what is accepted has each
// disclosure referred to, and its claims are what encoding/json makes of them.
func FuzzSDJWT(f *testing.F) {
	f.Add(`{"_sd":["@0"],`+cnf+`}`, `["s","sub","https://a.example"]`, `["s","x",{"_sd":["@0"]}]`)
	f.Add(`{"_sd":["@1"],`+cnf+`}`, `["s","sub","a"]`, `["s","x",{"_sd":["@0"]}]`)
	f.Add(`{"sub":"a","_sd":["@1"],`+cnf+`}`, `["s",[1,{}]]`, `["s","x",[{"...":"@0"},{"...":"d"}]]`)
	f.Add(`{"sub":"a","y":[{"...":"@0"},{"...":"@1"}],`+cnf+`}`, `["s",[1,{}]]`, `["s",""]`)
	f.Fuzz(func(t *testing.T, payload, one, two string) {
		token := disclosed(payload, one, two)
		c, err := credential.ParseJWT([]byte(token), nil)
		outcome(t, c, err)
		if err != nil {
			return
		}
		var plain map[string]any
		parts := strings.Split(token, ".")
		octets, _ := b64.DecodeString(parts[1])
		if err := json.Unmarshal(octets, &plain); err != nil {
			t.Fatalf("%q: %v", token, err)
		}
		if sub, there := plain["sub"]; there && sub != string(c.Subject) {
			t.Fatalf("%q: sub %q, signed in the clear %q", token, c.Subject, sub)
		}
		if _, there := plain["cnf"]; !there {
			t.Fatalf("%q: a key that is not signed in the clear", token)
		}
		if _, ok := c.Signed(); !ok {
			t.Fatalf("%q: nothing signed", token)
		}
	})
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSuffix(string(b), "\n"))
}

func parseJWK(t *testing.T, jwk string) thumbprint.Key {
	t.Helper()
	key, err := thumbprint.ParseJWK([]byte(jwk))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
