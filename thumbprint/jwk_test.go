package thumbprint_test

import (
	"errors"
	"strings"
	"testing"

	"cnfd/thumbprint"
)

// The key of RFC 7800 §3.2; x and y of another point of the curve (RFC 7517 §A.1);
// the private value d is made up, for it is never to be shown.
const (
	x7800   = "18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM"
	y7800   = "-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"
	x7517   = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
	ecKey   = `{"kty":"EC","crv":"P-256","x":"` + x7800 + `","y":"` + y7800 + `"}`
	jkt7800 = "gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"
	xEd     = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" // RFC 8037 §A.2
	dSecret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	n7638   = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)

func TestOfJWKReducesAlike(t *testing.T) {
	for _, c := range []struct{ claim, jwk string }{
		{"as it is", ecKey},
		{"in another order, with more members", `{"y":"` + y7800 + `","kid":"1","use":"sig","key_ops":["verify"],"x":"` + x7800 + `","x5c":["MII="],"crv":"P-256","alg":"ES256","kty":"EC","ext":true}`},
		{"with white space", " {\n\t\"kty\" : \"EC\" ,\r\n\"crv\":\"P-256\", \"x\":\"" + x7800 + "\", \"y\":\"" + y7800 + "\"}\n"},
		{"with escapes in names and values", `{"\u006bty":"\u0045C","crv":"P\u002d256","x":"\u0031` + x7800[1:] + `","y":"` + y7800[:42] + `\u0041"}`},
		{"private", `{"kty":"EC","crv":"P-256","d":"` + dSecret + `","x":"` + x7800 + `","y":"` + y7800 + `"}`},
		{"with a modulus that an EC key has no use for", ecKey[:len(ecKey)-1] + `,"n":"AA","e":"x y"}`},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := thumbprint.OfJWK([]byte(c.jwk), thumbprint.SHA256)
			if err != nil || got.Base64() != jkt7800 || got.Kind() != thumbprint.JWK {
				t.Errorf("got %s %v", got.Base64(), err)
			}
		})
	}
}

func TestParseJWKRefuses(t *testing.T) {
	rsa := func(n, e string) string { return `{"kty":"RSA","n":"` + n + `","e":"` + e + `"}` }
	ec := func(crv, x, y string) string {
		return `{"kty":"EC","crv":"` + crv + `","x":"` + x + `","y":"` + y + `"}`
	}
	okp := func(crv, x string) string { return `{"kty":"OKP","crv":"` + crv + `","x":"` + x + `"}` }
	akp := func(alg, pub string) string { return `{"kty":"AKP","alg":"` + alg + `","pub":"` + pub + `"}` }
	const text = ": not base64url as it must be: without padding, white space or bits to spare"
	for _, c := range []struct{ claim, jwk, want string }{
		{"nothing", ``, "jwk: ends too early"},
		{"an array", `[]`, "jwk: not an object"},
		{"a set", `{"keys":[` + ecKey + `]}`, "jwk: kty is missing"},
		{"trailing data", ecKey + `{}`, "jwk: trailing data"},
		{"a duplicate", `{"kty":"EC","kty":"EC"}`, "jwk.kty: given twice"},
		{"a duplicate that nobody reads", ecKey[:len(ecKey)-1] + `,"a":{"b":1,"b":1}}`, "jwk.a.b: given twice"},
		{"another case", `{"KTY":"EC"}`, "jwk.KTY: differs only in case from kty"},
		{"a Kelvin sign in kty", `{"` + "\u212a" + `ty":"EC"}`, "jwk.???ty: differs only in case from kty"},
		{"D for d", `{"D":"` + dSecret + `"}`, "jwk.D: differs only in case from d"},
		{"no kty", `{}`, "jwk: kty is missing"},
		{"an unknown kty", `{"kty":"ec"}`, "jwk.kty: not a key type that is known: EC, OKP, RSA or AKP"},
		{"a kty in COSE's numbers", `{"kty":2}`, "jwk.kty: not a string"},
		{"no crv", `{"kty":"EC","x":"` + x7800 + `","y":"` + y7800 + `"}`, "jwk: crv is missing"},
		{"an unknown crv", ec("P-192", x7800, y7800), "jwk.crv: not a curve that is known: P-256, P-384, P-521 or secp256k1"},
		{"the crv of another kty", ec("Ed25519", x7800, y7800), "jwk.crv: not a curve that is known: P-256, P-384, P-521 or secp256k1"},
		{"the EC crv in OKP", okp("P-256", x7800), "jwk.crv: not a curve that is known: Ed25519, Ed448, X25519 or X448"},
		{"no x", `{"kty":"EC","crv":"P-256","y":"` + y7800 + `"}`, "jwk: x is missing"},
		{"no y", `{"kty":"EC","crv":"P-256","x":"` + x7800 + `"}`, "jwk: y is missing"},
		{"an empty x", ec("P-256", "", y7800), "jwk.x: not the 32 octets of P-256"},
		{"x without its first octet", ec("P-256", x7800[:42], y7800), "jwk.x" + text},
		{"x with a leading zero octet", ec("P-256", "ANfMBy3iIFvcFTelQ9U8YKasti7M2JDH-ifJ41QIm74T", y7800), "jwk.x: not the 32 octets of P-256"},
		{"x of 31 octets", ec("P-256", x7800[:40]+"Ag", y7800), "jwk.x: not the 32 octets of P-256"},
		{"x with padding", ec("P-256", x7800+"=", y7800), "jwk.x" + text},
		{"x in standard base64", ec("P-256", x7800, "+"+y7800[1:]), "jwk.y" + text},
		{"x with a line end", ec("P-256", x7800[:20]+`\n`+x7800[20:], y7800), "jwk.x" + text},
		{"x with bits to spare", ec("P-256", x7800[:42]+"N", y7800), "jwk.x" + text},
		{"x of another point", ec("P-256", x7517, y7800), "jwk.x: not, with y, a point on the curve P-256"},
		{"x and y exchanged", ec("P-256", y7800, x7800), "jwk.x: not, with y, a point on the curve P-256"},
		{"zeros, in place of the point at infinity", ec("P-256", strings.Repeat("A", 43), strings.Repeat("A", 43)), "jwk.x: not, with y, a point on the curve P-256"},
		{"a coordinate as large as the field", ec("P-256", "_____wAAAAEAAAAAAAAAAAAAAAD_______________8", y7800), "jwk.x: not, with y, a point on the curve P-256"},
		{"a P-256 point on secp256k1", ec("secp256k1", x7800, y7800), "jwk.x: not, with y, a point on the curve secp256k1"},
		{"a P-256 point on P-384", ec("P-384", x7800, y7800), "jwk.x: not the 48 octets of P-384"},
		{"a very long x", ec("P-256", strings.Repeat("A", 4000), y7800), "jwk.x: too long"},
		{"Ed25519 of 31 octets", okp("Ed25519", xEd[:40]+"Ag"), "jwk.x: not the 32 octets of Ed25519"},
		{"an Ed25519 x that is no point", okp("Ed25519", "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "jwk.x: not a point on the curve Ed25519"},
		{"an Ed25519 y that is not reduced", okp("Ed25519", "7v_"+strings.Repeat("_", 37)+"_38"), "jwk.x: not a point on the curve Ed25519"},
		{"an Ed25519 zero with a sign", okp("Ed25519", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA"), "jwk.x: not a point on the curve Ed25519"},
		{"an Ed448 x that is no point", okp("Ed448", strings.Repeat("A", 75)+"B"), "jwk.x: not a point on the curve Ed448"},
		{"an Ed448 zero with a sign", okp("Ed448", "AQ"+strings.Repeat("A", 72)+"CA"), "jwk.x: not a point on the curve Ed448"},
		{"X25519 of 33 octets", okp("X25519", xEd+"A"), "jwk.x: not the 32 octets of X25519"},
		{"X448 of 57 octets", okp("X448", strings.Repeat("A", 76)), "jwk.x: not the 56 octets of X448"},
		{"RSA without n", `{"kty":"RSA","e":"AQAB"}`, "jwk: n is missing"},
		{"RSA without e", `{"kty":"RSA","n":"` + n7638 + `"}`, "jwk: e is missing"},
		{"an empty modulus", rsa("", "AQAB"), "jwk.n: empty"},
		{"a modulus with a leading zero octet", rsa("AL"+strings.Repeat("A", 338)+"_w", "AQAB"), "jwk.n: begins with a zero octet"},
		{"2047 bits", rsa("f"+strings.Repeat("_", 340)+"w", "AQAB"), "jwk.n: not a modulus of 2048 to 8192 bits"},
		{"1024 bits", rsa("_"+strings.Repeat("_", 169)+"w", "AQAB"), "jwk.n: not a modulus of 2048 to 8192 bits"},
		{"8193 bits", rsa("Af"+strings.Repeat("_", 1364)+"w", "AQAB"), "jwk.n: not a modulus of 2048 to 8192 bits"},
		{"a modulus that fills memory", rsa(strings.Repeat("_", 40000), "AQAB"), "jwk.n: too long"},
		{"an even modulus", rsa(n7638[:341]+"A", "AQAB"), "jwk.n: even, so not an RSA modulus"},
		{"an empty exponent", rsa(n7638, ""), "jwk.e: empty"},
		{"an exponent with a leading zero octet", rsa(n7638, "AAEAAQ"), "jwk.e: begins with a zero octet"},
		{"an exponent of one", rsa(n7638, "AQ"), "jwk.e: not an odd number over one, so not an RSA exponent"},
		{"an even exponent", rsa(n7638, "Ag"), "jwk.e: not an odd number over one, so not an RSA exponent"},
		{"a long exponent", rsa(n7638, strings.Repeat("_", 44)), "jwk.e: longer than 32 octets"},
		{"AKP without alg", `{"kty":"AKP","pub":"AA"}`, "jwk: alg is missing"},
		{"AKP of another alg", akp("ES256", "AA"), "jwk.alg: not an algorithm that is known: ML-DSA-44, ML-DSA-65 or ML-DSA-87"},
		{"AKP without pub", `{"kty":"AKP","alg":"ML-DSA-44"}`, "jwk: pub is missing"},
		{"AKP of another length", akp("ML-DSA-44", "AA"), "jwk.pub: not the 1312 octets of ML-DSA-44"},
		{"oct without k", `{"kty":"oct"}`, "jwk: k is missing"},
		{"an empty oct", `{"kty":"oct","k":""}`, "jwk.k: empty"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			k, err := thumbprint.ParseJWK([]byte(c.jwk))
			var e *thumbprint.Error
			if !errors.As(err, &e) || e.Rule != thumbprint.Malformed || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if !k.IsZero() || !k.JKT(thumbprint.SHA256).IsZero() {
				t.Error("a key all the same")
			}
			if got, err := thumbprint.OfJWK([]byte(c.jwk), thumbprint.SHA256); err == nil || !got.IsZero() {
				t.Errorf("a thumbprint all the same: %s", got.Hex())
			}
		})
	}
}

func TestParseJWKTakesTheBounds(t *testing.T) {
	for _, c := range []struct{ claim, jwk, algorithm string }{
		{"2048 bits", `{"kty":"RSA","n":"gAAA` + strings.Repeat("A", 336) + `AQ","e":"Aw"}`, "RSA 2048"},
		{"8192 bits", `{"kty":"RSA","n":"` + strings.Repeat("_", 1365) + `w","e":"AQAB"}`, "RSA 8192"},
		{"an exponent of 32 octets", `{"kty":"RSA","n":"` + n7638 + `","e":"` + strings.Repeat("_", 42) + `8"}`, "RSA 2048"},
		{"the generator of secp256k1", `{"kty":"EC","crv":"secp256k1","x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}`, "EC secp256k1"},
		{"an Ed448 key of RFC 8032 §7.4", `{"kty":"OKP","crv":"Ed448","x":"X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"}`, "OKP Ed448"},
		{"an oct", `{"kty":"oct","k":"AA"}`, "oct"},
	} {
		k, err := thumbprint.ParseJWK([]byte(c.jwk))
		if err != nil || k.Algorithm() != c.algorithm || k.Symmetric() != (c.algorithm == "oct") {
			t.Errorf("%s: %v %s", c.claim, err, k.Algorithm())
		}
	}
}

func TestKeyRemembersThatItWasPrivate(t *testing.T) {
	for member := range strings.SplitSeq("d p q dp dq qi oth priv k", " ") {
		k, err := thumbprint.ParseJWK([]byte(ecKey[:len(ecKey)-1] + `,"` + member + `":"AA"}`))
		if err != nil || !k.Private() || k.Symmetric() {
			t.Errorf("%s: %v, private %t", member, err, k.Private())
		}
	}
	if k, err := thumbprint.ParseJWK([]byte(ecKey)); err != nil || k.Private() {
		t.Errorf("a public key: %v, private %t", err, k.Private())
	}
	if k, err := thumbprint.ParseJWK([]byte(`{"kty":"oct","k":"AA"}`)); err != nil || !k.Symmetric() || !k.Private() {
		t.Errorf("a symmetric key: %v, symmetric %t", err, k.Symmetric())
	}
}

func TestOfJWKDoesNotAllocate(t *testing.T) {
	jwk, cnf := []byte(ecKey), []byte(`{"jwk":`+ecKey+`}`)
	for name, reduce := range map[string]func() error{
		"OfJWK":    func() error { _, err := thumbprint.OfJWK(jwk, thumbprint.SHA256); return err },
		"FromJOSE": func() error { _, err := thumbprint.FromJOSE(cnf, thumbprint.Options{}); return err },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := reduce(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
