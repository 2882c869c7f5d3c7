package issuers_test

import (
	"crypto/elliptic"
	"slices"
	"strings"
	"testing"

	"github.com/veraison/go-cose"

	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// TestNames: which keys are tried by the name that a token gives. Every case
// begins where the key that signed has the token's name.
func TestNames(t *testing.T) {
	ours, theirs, edwards := newEC(t, elliptic.P256()), newEC(t, elliptic.P256()), newEd25519(t)
	named, nameless := jwt(t, "ES256", ours, "2026", nil), jwt(t, "ES256", ours, "", nil)
	set := func(keys ...issuers.Key) issuers.Set { return keys }
	for _, c := range []struct {
		claim string
		token string
		set   issuers.Set
		want  issuers.Rule
	}{
		{"the key by that name", named, set(keyOf(t, ours, "2026")), 0},
		{"beside another by another", named, set(keyOf(t, theirs, "2025"), keyOf(t, ours, "2026")), 0},
		{"the second of two by one name", named, set(keyOf(t, theirs, "2026"), keyOf(t, ours, "2026")), 0},
		{"the first of two by one name", named, set(keyOf(t, ours, "2026"), keyOf(t, theirs, "2026")), 0},
		{"one of another type by that name beside it", named, set(keyOf(t, edwards, "2026"), keyOf(t, ours, "2026")), 0},
		{"no name in the token", nameless, set(keyOf(t, theirs, "2025"), keyOf(t, edwards, "x"), keyOf(t, ours, "2026")), 0},
		{"no name at the key", named, set(keyOf(t, ours, "")), 0},
		{"no name at the key, beside another by another", named, set(keyOf(t, theirs, "2025"), keyOf(t, ours, "")), 0},
		{"no name anywhere", nameless, set(keyOf(t, ours, "")), 0},

		{"the key has another name", named, set(keyOf(t, ours, "2025")), issuers.NoKey},
		{"the name in another case", jwt(t, "ES256", ours, "Key", nil), set(keyOf(t, ours, "key")), issuers.NoKey},
		{"the name with a blank", jwt(t, "ES256", ours, "key ", nil), set(keyOf(t, ours, "key")), issuers.NoKey},
		{"another key has that name", named, set(keyOf(t, theirs, "2026"), keyOf(t, ours, "2025")), issuers.Signature},
		{"another key has that name, and the key none", named, set(keyOf(t, theirs, "2026"), keyOf(t, ours, "")), issuers.Signature},
		{"a key of another type has that name", named, set(keyOf(t, edwards, "2026")), issuers.Algorithm},
		{"only keys of other types", nameless, set(keyOf(t, edwards, ""), keyOf(t, newEC(t, elliptic.P384()), "")), issuers.NoKey},
		{"only another key without a name", named, set(keyOf(t, theirs, "")), issuers.NoKey},
		{"no name, and another key", nameless, set(keyOf(t, theirs, "")), issuers.Signature},
		{"no key", named, nil, issuers.NoKey},
		{"no key, no name", nameless, nil, issuers.NoKey},
		{"the zero Key", nameless, set(issuers.Key{}), issuers.NoKey},
		{"the zero Key by that name", named, set(issuers.Key{KID: "2026"}), issuers.Algorithm},
	} {
		t.Run(c.claim, func(t *testing.T) { wants(t, issuers.Judge(read(t, c.token), c.set, nil), c.want) })
	}
}

// TestTypes: RFC 8725 §3.11. By default those of a credential of the format; what
// an issuer signs for another purpose is none.
func TestTypes(t *testing.T) {
	key, edwards := newEC(t, elliptic.P256()), newEd25519(t)
	keys := issuers.Set{keyOf(t, key, ""), keyOf(t, edwards, "")}
	type typ struct {
		value any // nil: none
		usual bool
	}
	header := func(v any) map[string]any {
		if v == nil {
			return nil
		}
		return map[string]any{"typ": v}
	}
	judge := func(t *testing.T, all []typ, make func(any) *credential.Credential) {
		for _, typ := range all {
			want := issuers.Type
			if typ.usual {
				want = 0
			}
			if err := issuers.Judge(make(typ.value), keys, nil); (err == nil) != typ.usual {
				t.Errorf("%v: %v, want %s", typ.value, err, want)
			} else {
				wants(t, err, want)
			}
			// What is usual is not, where the issuer is held to another.
			wants(t, issuers.Judge(make(typ.value), keys, &issuers.Terms{Types: []string{"x-only+this"}}), issuers.Type)
		}
	}
	t.Run("JWT", func(t *testing.T) {
		judge(t, []typ{
			{nil, true}, {"JWT", true}, {"jwt", true}, {"application/jwt", true}, {"at+jwt", true}, {"AT+JWT", true}, {"application/at+jwt", true},
			{"Application/At+Jwt", true}, {"vc+jwt", true}, {"wit+jwt", true}, {"oauth-client-attestation+jwt", true}, {"", true},
			{"logout+jwt", false}, {"secevent+jwt", false}, {"oauth-authz-req+jwt", false}, {"statuslist+jwt", false}, {"entity-statement+jwt", false},
			{"token-introspection+jwt", false}, {"vp+jwt", false}, {"JOSE", false}, {"dc+sd-jwt", false}, {"application/", false}, {"application/text/jwt", false},
			{"text/jwt", false}, {"jwt ", false}, {"application/application/jwt", false}, {"61", false}, {"cwt", false},
		}, func(v any) *credential.Credential { return read(t, jwt(t, "ES256", key, "", header(v))) })
	})
	t.Run("SD-JWT", func(t *testing.T) {
		judge(t, []typ{
			{nil, true}, {"dc+sd-jwt", true}, {"vc+sd-jwt", true}, {"example+sd-jwt", true}, {"EXAMPLE+SD-JWT", true}, {"application/dc+sd-jwt", true}, {"sd-jwt", true}, {"JWT", true},
			{"vp+sd-jwt", false}, {"application/VP+sd-jwt", false}, {"+sd-jwt", false}, {"at+jwt", false}, {"secevent+jwt", false}, {"dc+sd-jwtx", false}, {"dc-sd-jwt", false},
		}, func(v any) *credential.Credential { return read(t, jwt(t, "ES256", key, "", header(v))+"~") })
	})
	t.Run("CWT", func(t *testing.T) {
		judge(t, []typ{
			{nil, true}, {"application/cwt", true}, {"Application/CWT", true}, {int64(61), true}, {"application/sd-cwt", true}, {int64(293), true},
			{int64(294), false}, {"application/kb+cwt", false}, {int64(60), false}, {int64(0), false}, {"application/jwt", false}, {"application/eat+cwt", false}, {"application/vp+sd-cwt", false}, {"text/cwt", false},
		}, func(v any) *credential.Credential {
			return readCWT(t, sign1(t, signer{cose.AlgorithmEdDSA, edwards, ""}, v))
		})
	})
	for _, c := range []struct {
		claim string
		types []string
		typ   any
		want  issuers.Rule
	}{
		{"the type in the terms", []string{"secevent+jwt"}, "secevent+jwt", 0},
		{"with application/ in the terms", []string{"application/secevent+jwt"}, "secevent+jwt", 0},
		{"with application/ in the token", []string{"secevent+jwt"}, "application/SecEvent+jwt", 0},
		{"the second in the terms", []string{"at+jwt", "secevent+jwt"}, "secevent+jwt", 0},
		{"none in the terms", []string{""}, nil, 0},
		{"a suffix in the terms", []string{"+jwt"}, "at+jwt", 0},
		{"none, where the terms have one", []string{"at+jwt"}, nil, issuers.Type},
		{"one, where the terms have none", []string{""}, "JWT", issuers.Type},
		{"application/ before a type with a '/'", []string{"text/x"}, "application/text/x", issuers.Type},
		{"a type with a '/'", []string{"text/x"}, "Text/X", 0},
		{"the suffix alone", []string{"+jwt"}, "+jwt", issuers.Type},
		{"a plus in the terms", []string{"+"}, "at+jwt", issuers.Type},
		{"nothing but application/ in the terms", []string{"application/"}, nil, issuers.Type},
	} {
		t.Run(c.claim, func(t *testing.T) {
			wants(t, issuers.Judge(read(t, jwt(t, "ES256", key, "", header(c.typ))), keys, &issuers.Terms{Types: c.types}), c.want)
		})
	}
}

// TestAlgorithms: those that the issuer is held to, and those that its key says it
// is for (RFC 8725 §3.1).
func TestAlgorithms(t *testing.T) {
	key := newRSA(t)
	only := func(algs ...signature.Algorithm) issuers.Set {
		k := keyOf(t, key, "k")
		k.Algorithms = algs
		return issuers.Set{k}
	}
	named, nameless := jwt(t, "PS256", key, "k", nil), jwt(t, "PS256", key, "", nil)
	for _, c := range []struct {
		claim string
		token string
		set   issuers.Set
		terms []signature.Algorithm
		want  issuers.Rule
	}{
		{"any", named, only(), nil, 0},
		{"that of the key", named, only(signature.PS256), nil, 0},
		{"one of the key's", named, only(signature.RS256, signature.PS256), nil, 0},
		{"that of the issuer", named, only(), []signature.Algorithm{signature.ES256, signature.PS256}, 0},
		{"that of both", nameless, only(signature.PS256), []signature.Algorithm{signature.PS256}, 0},
		{"not the key's", named, only(signature.RS256), nil, issuers.Algorithm},
		{"not the key's, with another hash", named, only(signature.PS384), nil, issuers.Algorithm},
		{"no key's", nameless, only(signature.RS256), nil, issuers.NoKey},
		{"not the issuer's", named, only(), []signature.Algorithm{signature.RS256}, issuers.Algorithm},
		{"the key's, but not the issuer's", named, only(signature.PS256), []signature.Algorithm{signature.ES256}, issuers.Algorithm},
		{"the issuer's, but not the key's", named, only(signature.RS256), []signature.Algorithm{signature.PS256}, issuers.Algorithm},
		{"the zero Algorithm of the issuer's", named, only(), []signature.Algorithm{0}, issuers.Algorithm},
		{"the zero Algorithm of the key's", named, only(0), nil, issuers.Algorithm},
	} {
		t.Run(c.claim, func(t *testing.T) {
			wants(t, issuers.Judge(read(t, c.token), c.set, &issuers.Terms{Algorithms: c.terms}), c.want)
		})
	}
}

// TestEveryAlgorithmOfCOSE that go-cose signs with, and one flipped octet of it.
func TestEveryAlgorithmOfCOSE(t *testing.T) {
	edwards, rsa := newEd25519(t), newRSA(t)
	for _, s := range []signer{
		{cose.AlgorithmES256, newEC(t, elliptic.P256()), "a"}, {cose.AlgorithmES384, newEC(t, elliptic.P384()), "b"}, {cose.AlgorithmES512, newEC(t, elliptic.P521()), ""},
		{cose.AlgorithmEdDSA, edwards, "d"}, {cose.AlgorithmPS256, rsa, "e"}, {cose.AlgorithmPS384, rsa, ""}, {cose.AlgorithmPS512, rsa, "g"},
	} {
		token := sign1(t, s, "application/cwt")
		set := issuers.Set{keyOf(t, s.key, s.kid)}
		wants(t, issuers.Judge(readCWT(t, token), set, nil), 0)
		wants(t, issuers.Judge(readCWT(t, append([]byte{0xd8, 61}, token...)), set, nil), 0)
		token[len(token)-1] ^= 1
		wants(t, issuers.Judge(readCWT(t, token), set, nil), issuers.Signature)
		token[len(token)-1] ^= 1
		at := strings.Index(string(token), "vendor")
		token[at] ^= 1
		wants(t, issuers.Judge(readCWT(t, token), set, nil), issuers.Signature)
	}
}

// TestCOSESign: one signature by a key of the issuer is enough, wherever it stands.
func TestCOSESign(t *testing.T) {
	ours, theirs := newEC(t, elliptic.P256()), newEC(t, elliptic.P256())
	a, b := signer{cose.AlgorithmES256, ours, "a"}, signer{cose.AlgorithmES256, theirs, "b"}
	set := issuers.Set{keyOf(t, ours, "a")}
	wants(t, issuers.Judge(readCWT(t, sign(t, a)), set, nil), 0)
	wants(t, issuers.Judge(readCWT(t, sign(t, a, b)), set, nil), 0)
	wants(t, issuers.Judge(readCWT(t, sign(t, b, a)), set, nil), 0)
	wants(t, issuers.Judge(readCWT(t, sign(t, b)), set, nil), issuers.NoKey)
	wants(t, issuers.Judge(readCWT(t, sign(t, b, b)), set, nil), issuers.NoKey)
	// A signature of the issuer's that does not verify hides no name that is missing.
	stranger := signer{cose.AlgorithmES256, theirs, "a"}
	wants(t, issuers.Judge(readCWT(t, sign(t, stranger)), set, nil), issuers.Signature)
	wants(t, issuers.Judge(readCWT(t, sign(t, stranger, b)), set, nil), issuers.NoKey)
	wants(t, issuers.Judge(readCWT(t, sign(t, b, stranger)), set, nil), issuers.NoKey)
	// One of the signatures under the other's headers is none.
	whole := sign(t, a, b)
	one := strings.Replace(string(whole), "\x41a", "\x41b", 1)
	wants(t, issuers.Judge(readCWT(t, []byte(one)), issuers.Set{keyOf(t, ours, "x"), keyOf(t, theirs, "b")}, nil), 0)
	wants(t, issuers.Judge(readCWT(t, []byte(one)), issuers.Set{keyOf(t, theirs, "a")}, nil), issuers.NoKey)
}

// TestTriesAreBounded: sixteen signatures are verified and no more, whether there
// are many keys or many signatures.
func TestTriesAreBounded(t *testing.T) {
	ours, theirs := newEC(t, elliptic.P256()), keyOf(t, newEC(t, elliptic.P256()), "")
	token := jwt(t, "ES256", ours, "", nil)
	keys := append(slices.Repeat(issuers.Set{theirs}, 15), keyOf(t, ours, ""))
	wants(t, issuers.Judge(read(t, token), keys, nil), 0)
	keys = append(issuers.Set{theirs}, keys...)
	wants(t, issuers.Judge(read(t, token), keys, nil), issuers.TooMany)
	// Keys that do not fit, or that have another name, cost none.
	wants(t, issuers.Judge(read(t, token), append(slices.Repeat(issuers.Set{keyOf(t, newEd25519(t), "")}, 90), keyOf(t, ours, "")), nil), 0)
	for i := range keys[:16] {
		keys[i].KID = "theirs"
	}
	keys[16].KID = "ours"
	wants(t, issuers.Judge(read(t, jwt(t, "ES256", ours, "ours", nil)), keys, nil), 0)

	stranger := signer{cose.AlgorithmES256, newEC(t, elliptic.P256()), ""}
	mine := signer{cose.AlgorithmES256, ours, ""}
	two := issuers.Set{theirs, keyOf(t, ours, "")}
	wants(t, issuers.Judge(readCWT(t, sign(t, append(slices.Repeat([]signer{stranger}, 7), mine)...)), two, nil), 0)
	wants(t, issuers.Judge(readCWT(t, sign(t, append(slices.Repeat([]signer{stranger}, 8), mine)...)), two, nil), issuers.TooMany)
}

// TestUnsigned: what nobody has signed with a public key.
func TestUnsigned(t *testing.T) {
	key := newEC(t, elliptic.P256())
	set := issuers.Set{keyOf(t, key, "")}
	wants(t, issuers.Judge(read(t, jwt(t, "ES256", key, "", nil)), set, nil), 0)
	wants(t, issuers.Judge(readCWT(t, sign1(t, signer{cose.AlgorithmES256, key, ""}, nil)), set, nil), 0)

	bare, err := credential.ParseClaims([]byte(claims), nil)
	check(t, err)
	payload := octets(t, cwtClaims)
	mac := func(head, tail string) *credential.Credential {
		return readCWT(t, slices.Concat(octets(t, head), []byte{0x58, byte(len(payload))}, payload, octets(t, tail)))
	}
	for claim, c := range map[string]*credential.Credential{
		"nil": nil, "the zero Credential": {}, "claims": &bare, "a claims map": readCWT(t, payload),
		"a COSE_Mac0": mac("d1 84 43 a10105 a0", "4100"), "a COSE_Mac": mac("d8 61 85 43 a10105 a0", "4100 81 83 40 a10125 40"),
	} {
		t.Run(claim, func(t *testing.T) { wants(t, issuers.Judge(c, set, nil), issuers.Unsigned) })
	}
	// The algorithm of a signature is protected, or there is none (RFC 9052 §3.1).
	signed := sign1(t, signer{cose.AlgorithmES256, key, ""}, nil)
	if !strings.HasPrefix(string(signed), "\xd2\x84\x43\xa1\x01\x26\xa0") {
		t.Fatalf("%x", signed[:8])
	}
	wants(t, issuers.Judge(readCWT(t, append(octets(t, "d2 84 40 a10126"), signed[7:]...)), set, nil), issuers.Algorithm)
}

// TestErrorsRepeatNothing of what stands in a token.
func TestErrorsRepeatNothing(t *testing.T) {
	key := newEC(t, elliptic.P256())
	set := issuers.Set{keyOf(t, key, "")}
	const mark = "XYZZY"
	header := map[string]any{"x": mark}
	for _, token := range []string{
		jwt(t, "ES256", newEC(t, elliptic.P256()), mark, header),
		jwt(t, "ES256", key, mark, map[string]any{"typ": mark}),
		jwt(t, "ES384", newEC(t, elliptic.P384()), mark, header),
		flip(t, jwt(t, "ES256", key, "", header), 0),
	} {
		if err := issuers.Judge(read(t, token), set, nil); err == nil || strings.Contains(err.Error(), mark) {
			t.Errorf("%v", err)
		}
	}
	for r := range issuers.TooMany + 2 {
		if (r.String() == "") != (r == 0 || r > issuers.TooMany) {
			t.Errorf("%d is %q", r, r)
		}
	}
}

// TestSetsMayBeShared: neither judging nor what becomes of the file changes one.
func TestSetsMayBeShared(t *testing.T) {
	key, _, token := sdCWT(t)
	kid := append([]byte{0x02, 0x78, 0x20}, "https://issuer.example/cwk3.cbor"...)
	file := append([]byte{0xa5}, []byte(strings.Replace(string(key[1:]), string(kid), "", 1))...)
	set := parse(t, file)
	clear(file)
	wants(t, issuers.Judge(readCWT(t, token), set, nil), 0)
	rsa, err := newRSA(t), error(nil)
	k := keyOf(t, rsa, "")
	file = slices.Concat(octets(t, "a3 01 03 20 59 0100"), rsa.N.Bytes(), octets(t, "21 43 010001"))
	set, err = issuers.Parse(file)
	check(t, err)
	clear(file)
	if set[0].Key.JKT(thumbprint.SHA256) != k.Key.JKT(thumbprint.SHA256) {
		t.Error("the key is gone with the file")
	}
}
