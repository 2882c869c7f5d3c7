package credential_test

import (
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"cnfd/credential"
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

// processed does what RFC 9901 §7.1, step 3 says to a decoded document, without
// its refusals.
func processed(v any, of map[string][]any) {
	switch v := v.(type) {
	case map[string]any:
		digests, _ := v["_sd"].([]any)
		for _, digest := range digests {
			digest, _ := digest.(string)
			if parts := of[digest]; len(parts) == 3 {
				name, _ := parts[1].(string)
				v[name] = parts[2]
			}
		}
		for _, member := range v {
			processed(member, of)
		}
	case []any:
		for i, element := range v {
			object, _ := element.(map[string]any)
			digest, _ := object["..."].(string)
			if parts := of[digest]; len(parts) == 2 {
				v[i] = parts[1]
			}
			processed(v[i], of)
		}
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
		issued, sent, _ := strings.Cut(token, "~")
		octets, _ := b64.DecodeString(strings.Split(issued, ".")[1])
		var plain, whole map[string]any
		if json.Unmarshal(octets, &plain) != nil || json.Unmarshal(octets, &whole) != nil {
			t.Fatalf("%q: its payload is no object", token)
		}
		if _, there := plain["cnf"]; !there {
			t.Fatalf("%q: a key that is not signed in the clear", token)
		}
		of := map[string][]any{}
		for _, text := range strings.Split(sent, "~") {
			var parts []any
			octets, _ := b64.DecodeString(text)
			if json.Unmarshal(octets, &parts) == nil {
				digest := sha256.Sum256([]byte(text))
				of[b64.EncodeToString(digest[:])] = parts
			}
		}
		if _, other := plain["_sd_alg"]; other && plain["_sd_alg"] != "sha-256" {
			of = nil
		}
		processed(whole, of)
		if sub, there := whole["sub"]; there != c.HasSubject || there && sub != string(c.Subject) {
			t.Fatalf("%q: sub %q %v, by other code %q", token, c.Subject, c.HasSubject, sub)
		}
		if _, ok := c.Signed(); !ok {
			t.Fatalf("%q: nothing signed", token)
		}
	})
}
