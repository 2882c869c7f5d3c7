package thumbprint_test

import (
	"errors"
	"strings"
	"testing"

	"cnfd/thumbprint"
)

const (
	jktURI    = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"
	jktOther  = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" // RFC 7638 §3.1
	ckt7800   = "urn:ietf:params:oauth:ckt:sha-256:" + jkt7800
	jwe       = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"
	hex7800   = "80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"
	digest384 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// jkt7800SHA512 is the thumbprint URI of the key of RFC 7800 §3.2 with another
// hash.
func jkt7800SHA512(t *testing.T) string {
	other, err := thumbprint.OfJWK([]byte(ecKey), thumbprint.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	return other.URI()
}

func TestFromJOSEReduces(t *testing.T) {
	all := thumbprint.Options{X5T: true, TBH: true}
	sha512 := jkt7800SHA512(t)
	for _, c := range []struct {
		claim, cnf string
		options    thumbprint.Options
		method     thumbprint.Method
	}{
		{"jwk", `{"jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"an escaped jwk", `{"\u006awk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jkt", `{"jkt":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.MethodJKT},
		{"jkt, escaped", `{"jkt":"\u0067` + jkt7800[1:] + `"}`, thumbprint.Options{}, thumbprint.MethodJKT},
		{"jkt with bits to spare", `{"jkt":"` + jkt7800[:42] + `t"}`, thumbprint.Options{}, thumbprint.MethodJKT},
		{"kid, a thumbprint URI", `{"kid":"` + jktURI + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.MethodKID},
		{"kid, its scheme in capitals", `{"kid":"URN:IETF` + jktURI[8:] + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.MethodKID},
		{"x5t#S256, turned on", `{"x5t#S256":"` + jkt7800 + `"}`, all, thumbprint.MethodX5T},
		{"tbh, turned on", `{"tbh":"` + jkt7800 + `"}`, all, thumbprint.MethodTBH},
		{"jwk before jkt, in any order", `{"jkt":"` + jkt7800 + `","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jwk and a kid that is opaque", `{"kid":"1","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jwk and kid that agree", `{"kid":"` + jktURI + jkt7800 + `","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jwk and a kid of another hash that agree", `{"kid":"` + sha512 + `","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jwk, jkt and a kid of another hash that agree", `{"jkt":"` + jkt7800 + `","kid":"` + sha512 + `","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jwk and a ckt URI, which is opaque here", `{"kid":"urn:ietf:params:oauth:ckt:sha-256:` + jktOther + `","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jwk and x5t#S256, which names something else", `{"x5t#S256":"` + jktOther + `","jwk":` + ecKey + `}`, all, thumbprint.MethodJWK},
		{"jwk and an x5t#S256 that is not turned on", `{"x5t#S256":"` + jktOther + `","jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.MethodJWK},
		{"jkt and kid that agree", `{"kid":"` + jktURI + jkt7800 + `","jkt":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.MethodJKT},
		{"jkt beside jku", `{"jku":"https://a.example/","jkt":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.MethodJKT},
		{"an opaque kid beside x5t#S256", `{"kid":"1","x5t#S256":"` + jkt7800 + `"}`, all, thumbprint.MethodX5T},
		{"kid before x5t#S256", `{"x5t#S256":"` + jktOther + `","kid":"` + jktURI + jkt7800 + `"}`, all, thumbprint.MethodKID},
		{"x5t#S256 before tbh", `{"tbh":"` + jktOther + `","x5t#S256":"` + jkt7800 + `"}`, all, thumbprint.MethodX5T},
		{"unknown members beside", `{"cose":{"a":[1]},"x":null,"osc":{},"jkt":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.MethodJKT},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := thumbprint.FromJOSE([]byte(c.cnf), c.options)
			if err != nil || got.Method != c.method || got.Encrypted || got.Thumbprint.Hex() != hex7800 || got.Thumbprint.Hash() != thumbprint.SHA256 {
				t.Errorf("got %s %s %v", got.Method, got.Thumbprint.Hex(), err)
			}
			want := map[thumbprint.Method]thumbprint.Kind{thumbprint.MethodX5T: thumbprint.Certificate, thumbprint.MethodTBH: thumbprint.TokenBinding}[c.method]
			if want == 0 {
				want = thumbprint.JWK
			}
			if got.Thumbprint.Kind() != want {
				t.Errorf("a %s", got.Thumbprint.Kind())
			}
		})
	}
}

func TestFromJOSEGivesOtherHashesOnlyByURI(t *testing.T) {
	got, err := thumbprint.FromJOSE([]byte(`{"kid":"`+jkt7800SHA512(t)+`"}`), thumbprint.Options{})
	if err != nil || got.Thumbprint.Hash() != thumbprint.SHA512 || got.Thumbprint.URI() != jkt7800SHA512(t) {
		t.Errorf("got %s %v", got.Thumbprint.URI(), err)
	}
}

func TestFromJOSELeavesWhatIsEncrypted(t *testing.T) {
	for _, c := range []struct {
		claim, cnf string
		method     thumbprint.Method
	}{
		{"jwe", `{"jwe":"` + jwe + `"}`, thumbprint.MethodJWE},
		{"jwe and kid, which nothing shows to agree", `{"kid":"` + jktURI + jkt7800 + `","jwe":"` + jwe + `"}`, thumbprint.MethodJWE},
		{"jkt and jwe, which nothing shows to agree", `{"jkt":"` + jkt7800 + `","jwe":"` + jwe + `"}`, thumbprint.MethodJKT},
	} {
		got, err := thumbprint.FromJOSE([]byte(c.cnf), thumbprint.Options{})
		if err != nil || got != (thumbprint.Confirmation{Method: c.method, Encrypted: true}) {
			t.Errorf("%s: got %v %v", c.claim, got, err)
		}
	}
	for _, v := range vectors(t) {
		if v.Kind != "jwe" {
			continue
		}
		got, err := thumbprint.FromJOSE([]byte(`{"jwe":`+string(v.Input)+`}`), thumbprint.Options{})
		if err != nil || got != (thumbprint.Confirmation{Method: thumbprint.MethodJWE, Encrypted: true}) {
			t.Errorf("%s: got %v %v", v.Name, got, err)
		}
	}
}

func TestFromJOSERefuses(t *testing.T) {
	all := thumbprint.Options{X5T: true, TBH: true}
	private := ecKey[:len(ecKey)-1] + `,"d":"` + dSecret + `"}`
	const digest = "not the 32 octets of a sha-256 digest in base64url without padding"
	const opaque = "opaque: put the key in jwk, its thumbprint in jkt, or its thumbprint URI (urn:ietf:params:oauth:jwk-thumbprint:sha-256:…) in kid"
	for _, c := range []struct {
		claim, cnf string
		options    thumbprint.Options
		rule       thumbprint.Rule
		want       string
	}{
		{"members in disclosures beside a key", `{"_sd":["x"],"jwk":` + ecKey + `}`, thumbprint.Options{}, thumbprint.NotReducible, "cnf._sd: members in disclosures, which are not read, so that nothing shows them to name the same key: the issuer must leave all of cnf out of them"},
		{"members of the key in disclosures", `{"jwk":{"_sd":["x"],` + ecKey[1:] + `}`, thumbprint.Options{}, thumbprint.NotReducible, "cnf.jwk._sd: members in disclosures, which are not read, so that nothing shows them to name the same key: the issuer must leave all of cnf out of them"},
		{"a private key whose other members are in disclosures", `{"jwk":{"_sd":["x"],"d":"` + dSecret + `"}}`, thumbprint.Options{}, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"a string", `"x"`, all, thumbprint.Malformed, "cnf: not an object"},
		{"null", `null`, all, thumbprint.Malformed, "cnf: not an object"},
		{"a second jkt", `{"jkt":"` + jkt7800 + `","jkt":"` + jkt7800 + `"}`, all, thumbprint.Malformed, "cnf.jkt: given twice"},
		{"JKT beside jkt", `{"jkt":"` + jkt7800 + `","JKT":"` + jktOther + `"}`, all, thumbprint.Malformed, "cnf.JKT: differs only in case from jkt"},
		{"a jwk with a Kelvin sign", `{"jw` + "\u212a" + `":` + ecKey + `}`, all, thumbprint.Malformed, "cnf.jw???: differs only in case from jwk"},
		{"x5t#s256, turned off", `{"x5t#s256":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.Malformed, "cnf.x5t#s256: differs only in case from x5t#S256"},
		{"a duplicate in a member that is ignored", `{"jkt":"` + jkt7800 + `","a":{"b":1,"b":2}}`, all, thumbprint.Malformed, "cnf.a.b: given twice"},
		{"trailing data", `{"jkt":"` + jkt7800 + `"}]`, all, thumbprint.Malformed, "cnf: trailing data"},
		{"a jwk in a string", `{"jwk":"` + jkt7800 + `"}`, all, thumbprint.Malformed, "cnf.jwk: not an object"},
		{"a key off its curve", `{"jwk":{"kty":"EC","crv":"P-256","x":"` + x7517 + `","y":"` + y7800 + `"}}`, all, thumbprint.Malformed, "cnf.jwk.x: not, with y, a point on the curve P-256"},
		{"jkt of another type", `{"jkt":1}`, all, thumbprint.Malformed, "cnf.jkt: not a string"},
		{"jkt in hexadecimal", `{"jkt":"` + hex7800 + `"}`, all, thumbprint.Malformed, "cnf.jkt: " + digest},
		{"jkt with padding", `{"jkt":"` + jkt7800 + `="}`, all, thumbprint.Malformed, "cnf.jkt: " + digest},
		{"jkt with a space", `{"jkt":"` + jkt7800[:42] + ` "}`, all, thumbprint.Malformed, "cnf.jkt: " + digest},
		{"jkt of another hash", `{"jkt":"` + digest384 + `"}`, all, thumbprint.Malformed, "cnf.jkt: " + digest},
		{"an empty jkt", `{"jkt":""}`, all, thumbprint.Malformed, "cnf.jkt: " + digest},
		{"jkt as a URI", `{"jkt":"` + jktURI + jkt7800 + `"}`, all, thumbprint.Malformed, "cnf.jkt: " + digest},
		{"x5t#S256 of 20 octets", `{"x5t#S256":"` + jkt7800[:27] + `"}`, all, thumbprint.Malformed, "cnf.x5t#S256: " + digest},
		{"tbh of 31 octets", `{"tbh":"` + jkt7800[:41] + `"}`, all, thumbprint.Malformed, "cnf.tbh: " + digest},
		{"a kid that is a number", `{"kid":1}`, all, thumbprint.Malformed, "cnf.kid: not a string"},
		{"a jwe that is an object", `{"jwe":{}}`, all, thumbprint.Malformed, "cnf.jwe: not a string"},
		{"a jwe that is none", `{"jwe":"a.b.c"}`, all, thumbprint.Malformed, "cnf.jwe: not a JWE in compact serialization: five parts in base64url with dots between them"},
		{"jwk and jwe", `{"jwk":` + ecKey + `,"jwe":"` + jwe + `"}`, all, thumbprint.Malformed, "cnf: more than one of jwk, jwe and jku"},
		{"jwk and jku", `{"jku":"https://a.example/","jwk":` + ecKey + `}`, all, thumbprint.Malformed, "cnf: more than one of jwk, jwe and jku"},
		{"jwe and jku", `{"jku":null,"jwe":"` + jwe + `"}`, all, thumbprint.Malformed, "cnf: more than one of jwk, jwe and jku"},
		{"jwk and jkt that disagree", `{"jkt":"` + jktOther + `","jwk":` + ecKey + `}`, all, thumbprint.Malformed, "cnf.jkt: not the thumbprint of the key in jwk"},
		{"jwk and kid that disagree", `{"kid":"` + jktURI + jktOther + `","jwk":` + ecKey + `}`, all, thumbprint.Malformed, "cnf.kid: not the thumbprint URI of the key in jwk"},
		{"jwk and a kid of another hash that disagree", `{"kid":"` + strings.Replace(jktURI, "256", "384", 1) + digest384 + `","jwk":` + ecKey + `}`, all, thumbprint.Malformed, "cnf.kid: not the thumbprint URI of the key in jwk"},
		{"jkt and kid that disagree", `{"kid":"` + jktURI + jktOther + `","jkt":"` + jkt7800 + `"}`, all, thumbprint.Malformed, "cnf.kid: not the thumbprint URI of the key of jkt"},
		{"jkt and a kid of another hash", `{"kid":"` + strings.Replace(jktURI, "256", "384", 1) + digest384 + `","jkt":"` + jkt7800 + `"}`, all, thumbprint.Malformed, "cnf.kid: made with sha-384, so that nothing shows it to be the key of jkt: leave one of them out"},

		{"nothing at all", `{}`, all, thumbprint.NotReducible, "cnf: no member that names a key: put the key in jwk, or its thumbprint in jkt"},
		{"unknown members alone", `{"x":1,"y":{"jwk":` + ecKey + `}}`, all, thumbprint.NotReducible, "cnf: no member that names a key: put the key in jwk, or its thumbprint in jkt"},
		{"an opaque kid", `{"kid":"2015-08-28"}`, all, thumbprint.NotReducible, "cnf.kid: " + opaque},
		{"a ckt URI for kid", `{"kid":"` + ckt7800 + `"}`, all, thumbprint.NotReducible, "cnf.kid: " + opaque},
		{"a URI of an unknown hash", `{"kid":"` + strings.Replace(jktURI, "256", "224", 1) + jkt7800 + `"}`, all, thumbprint.NotReducible, "cnf.kid: " + opaque},
		{"a URI of another length than its hash", `{"kid":"` + jktURI + digest384 + `"}`, all, thumbprint.NotReducible, "cnf.kid: " + opaque},
		{"a URI with padding", `{"kid":"` + jktURI + jkt7800 + `="}`, all, thumbprint.NotReducible, "cnf.kid: " + opaque},
		{"a jku and its kid", `{"jku":"https://keys.example.net/pop-keys.json","kid":"2015-08-28"}`, all, thumbprint.NotReducible, "cnf.kid: " + opaque},
		{"a jku", `{"jku":"https://keys.example.net/pop-keys.json"}`, all, thumbprint.NotReducible, "cnf.jku: a key set elsewhere, which is never fetched: put the key in jwk, or its thumbprint in jkt"},
		{"an osc", `{"osc":{"id":1}}`, all, thumbprint.NotReducible, "cnf.osc: an OSCORE context and not a key: put the key in jwk, or its thumbprint in jkt"},
		{"x5t#S256, turned off", `{"x5t#S256":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.NotReducible, "cnf.x5t#S256: names a certificate and not a key: put the key in jwk or its thumbprint in jkt, or turn on record.x5t"},
		{"tbh, turned off", `{"tbh":"` + jkt7800 + `"}`, thumbprint.Options{}, thumbprint.NotReducible, "cnf.tbh: names a Token Binding and not a key: put the key in jwk or its thumbprint in jkt, or turn on record.tbh"},
		{"a symmetric key", `{"jwk":{"kty":"oct","k":"` + dSecret + `"}}`, all, thumbprint.NotReducible, "cnf.jwk.kty: a symmetric key, whose published hash lets anybody try guesses offline: use a key pair, or turn on record.symmetric"},

		{"a private key", `{"jwk":` + private + `}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private key with an escaped d", `{"jwk":` + strings.Replace(private, `"d"`, `"\u0064"`, 1) + `}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private key whose public part is wrong", `{"jwk":{"kty":"EC","d":"` + dSecret + `"}}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private key in no key type", `{"jwk":{"d":"` + dSecret + `"}}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"an EC key with k", `{"jwk":` + strings.Replace(private, `"d"`, `"k"`, 1) + `}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private RSA key by oth alone", `{"jwk":{"kty":"RSA","n":"` + n7638 + `","e":"AQAB","oth":[{"r":"` + dSecret + `"}]}}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
		{"a private AKP key", `{"jwk":{"kty":"AKP","alg":"ML-DSA-44","priv":"` + dSecret + `"}}`, all, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := thumbprint.FromJOSE([]byte(c.cnf), c.options)
			var e *thumbprint.Error
			if !errors.As(err, &e) || e.Rule != c.rule || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if got != (thumbprint.Confirmation{}) {
				t.Errorf("a confirmation all the same: %v", got)
			}
			if err != nil && (strings.Contains(err.Error(), dSecret) || strings.Contains(err.Error(), x7800)) {
				t.Error("the error repeats the key")
			}
		})
	}
}
