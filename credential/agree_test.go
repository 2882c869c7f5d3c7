package credential_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"cnfd/credential"
)

// claimed is what other code finds in a claim set.
type claimed struct {
	sub, iss  *string
	exp, nbf  *big.Rat
	aud       []string // those in text
	hasAud    bool
	method    string // which member of cnf names the key
	encrypted bool
	digest    []byte // of the key; nil where other code cannot tell
}

// agrees holds what was read here against it.
func (want *claimed) agrees(t *testing.T, in []byte, got credential.Credential) {
	t.Helper()
	same := func(what string, ok bool) {
		t.Helper()
		if !ok {
			t.Fatalf("%q: %s: here %+v, by other code %+v", in, what, got, *want)
		}
	}
	same("sub", got.HasSubject == (want.sub != nil) && (want.sub == nil || *want.sub == string(got.Subject)))
	same("iss", want.iss == nil && got.Issuer == nil || want.iss != nil && *want.iss == string(got.Issuer))
	same("exp", got.HasExpires == (want.exp != nil) && (want.exp == nil || floor(want.exp).Cmp(big.NewInt(got.Expires)) == 0))
	same("nbf", got.HasNotBefore == (want.nbf != nil) && (want.nbf == nil || ceil(want.nbf).Cmp(big.NewInt(got.NotBefore)) == 0))
	for _, audience := range want.aud {
		named, present := got.For(audience)
		same("aud", named && present)
	}
	const nobody = "nobody has this name"
	named, present := got.For(nobody)
	same("aud", present == want.hasAud && named == slices.Contains(want.aud, nobody))
	c := got.Confirmation
	same("method", c.Method.String() == want.method && c.Encrypted == want.encrypted && c.Thumbprint.IsZero() == want.encrypted)
	same("key", want.digest == nil || c.Thumbprint.Equal(want.digest))
}

func floor(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) }
func ceil(r *big.Rat) *big.Int  { r = new(big.Rat).Neg(r); return new(big.Int).Neg(floor(r)) }

// byJSON is what encoding/json finds. A float64 would not hold every second, so
// that numbers are taken as they are written.
func byJSON(t *testing.T, claims []byte) (c claimed) {
	t.Helper()
	must := func(doc []byte, into any) {
		t.Helper()
		if err := json.Unmarshal(doc, into); err != nil {
			t.Fatalf("%q is read here; encoding/json says %v", claims, err)
		}
	}
	// What most programs would read them with, names in any case.
	var typed struct {
		Sub, Iss *string
		Exp, Nbf *json.Number
		Aud      any
		Cnf      map[string]json.RawMessage
	}
	must(claims, &typed)
	var members map[string]json.RawMessage
	must(claims, &members)
	c.sub, c.iss, c.exp, c.nbf = typed.Sub, typed.Iss, rational(typed.Exp), rational(typed.Nbf)
	_, c.hasAud = members["aud"]
	c.aud = texts(typed.Aud)

	text := func(member string) (s string) {
		if typed.Cnf[member] != nil {
			must(typed.Cnf[member], &s)
		}
		return s
	}
	_, c.encrypted = typed.Cnf["jwe"]
	for _, c.method = range [...]string{"jwk", "jkt", "jwe", "kid"} {
		switch {
		case typed.Cnf[c.method] == nil, c.method == "kid" && !strings.Contains(text("kid"), ":jwk-thumbprint:"):
			continue
		case c.encrypted:
		case c.method == "jwk":
			var key map[string]any
			must(typed.Cnf["jwk"], &key)
			c.digest = jwkDigest(key)
			if jkt, _ := base64.RawURLEncoding.DecodeString(text("jkt")); len(jkt) > 0 && !bytes.Equal(jkt, c.digest) {
				t.Fatalf("%q: jkt and jwk disagree", claims)
			}
		default:
			s := text(c.method)
			c.digest, _ = base64.RawURLEncoding.DecodeString(s[strings.LastIndexByte(s, ':')+1:])
		}
		return c
	}
	t.Fatalf("%q has no cnf that names a key", claims)
	return c
}

// texts are the strings of an aud claim.
func texts(aud any) (all []string) {
	list, ok := aud.([]any)
	if !ok {
		list = []any{aud}
	}
	for _, one := range list {
		if s, ok := one.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func rational(n *json.Number) *big.Rat {
	if n == nil {
		return nil
	}
	number := strings.ToLower(n.String())
	mantissa, exponent, _ := strings.Cut(number, "e")
	if e, err := strconv.Atoi(exponent); exponent != "" && (err != nil || e < -1000) {
		// Nothing that big.Rat should write out: as far from 0 as matters.
		r := big.NewRat(1, 1000)
		switch {
		case !strings.ContainsAny(mantissa, "123456789"):
			return new(big.Rat)
		case mantissa[0] == '-':
			r.Neg(r)
		}
		return r
	}
	r, _ := new(big.Rat).SetString(number)
	return r
}

// jwkDigest is RFC 7638 by other means: encoding/json sorts the members, and what
// is hashed needs no escapes.
func jwkDigest(key map[string]any) []byte {
	required := map[string]any{}
	for _, name := range map[string][]string{
		"EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}, "RSA": {"e", "kty", "n"}, "AKP": {"alg", "kty", "pub"},
	}[key["kty"].(string)] {
		required[name] = key[name]
	}
	canonical, err := json.Marshal(required)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(canonical)
	return sum[:]
}

// libraryMode reads as much as it may, so that what it refuses is refused on purpose.
var libraryMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IntDec: cbor.IntDecConvertSignedOrFail, UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// byCBOR is what fxamacker/cbor finds in a claims map; false where it has no means
// to read what this room passes over.
func byCBOR(t *testing.T, claims []byte) (c claimed, ok bool) {
	t.Helper()
	must := func(item []byte, into any) {
		t.Helper()
		if err := libraryMode.Unmarshal(item, into); err != nil {
			t.Fatalf("%x is read here; the library says %v", claims, err)
		}
	}
	var all, cnf map[any]cbor.RawMessage
	err := libraryMode.Unmarshal(claims, &all)
	if err == nil {
		err = libraryMode.Unmarshal(all[int64(8)], &cnf)
	}
	if err != nil {
		// It also judges what the tags of other claims may hold, and here has no type for labels over an int64.
		if strings.Contains(err.Error(), "tag number") || strings.Contains(err.Error(), "overflows Go's int64") {
			return c, false
		}
		t.Fatalf("%x is read here; the library says %v", claims, err)
	}
	text := func(key int64) *string {
		if all[key] == nil {
			return nil
		}
		var s string
		must(all[key], &s)
		return &s
	}
	number := func(key int64) *big.Rat {
		var n any
		if all[key] == nil {
			return nil
		}
		must(all[key], &n)
		switch n := n.(type) {
		case int64:
			return new(big.Rat).SetInt64(n)
		case float64:
			return new(big.Rat).SetFloat64(n)
		}
		t.Fatalf("%x: a date that is %T", claims, n)
		return nil
	}
	c.sub, c.iss, c.exp, c.nbf = text(2), text(1), number(4), number(5)
	// Audiences of indefinite length are there and name nobody.
	if c.hasAud = all[int64(3)] != nil; c.hasAud && bytes.IndexByte(all[int64(3)], 0x7f) < 0 && all[int64(3)][0] != 0x9f {
		var aud any
		if libraryMode.Unmarshal(all[int64(3)], &aud) == nil {
			c.aud = slices.DeleteFunc(texts(aud), func(s string) bool { return !utf8.ValidString(s) })
		}
	}
	_, c.encrypted = cnf[int64(2)]
	for _, method := range [...]int64{1, 2, 3, 5, 323} {
		value := []byte(cnf[method])
		c.method = strconv.FormatInt(method, 10)
		switch {
		case value == nil:
			continue
		case method == 3:
			var uri []byte
			if must(value, &uri); !bytes.Contains(uri, []byte(":ckt:")) {
				continue
			}
			c.digest, _ = base64.RawURLEncoding.DecodeString(string(uri[bytes.LastIndexByte(uri, ':')+1:]))
		case method == 1:
			if value[0]>>5 == 2 {
				must(value, &value)
			}
			var key map[any]any
			must(value, &key)
			c.digest = coseKeyDigest(t, key)
		case method != 2:
			must(value, &c.digest)
		}
		if c.encrypted {
			c.digest = nil
		}
		return c, true
	}
	t.Fatalf("%x has no cnf that names a key", claims)
	return c, false
}

// coseKeyDigest is RFC 9679 by the library's own core deterministic encoding; nil
// where only the sign of y stands there and the standard library does not know
// the curve.
func coseKeyDigest(t *testing.T, key map[any]any) []byte {
	t.Helper()
	if odd, sign := key[int64(-3)].(bool); sign {
		curve := map[int64]elliptic.Curve{1: elliptic.P256(), 2: elliptic.P384(), 3: elliptic.P521()}[key[int64(-1)].(int64)]
		if curve == nil {
			return nil
		}
		point := append([]byte{2}, key[int64(-2)].([]byte)...)
		if odd {
			point[0] = 3
		}
		_, y := elliptic.UnmarshalCompressed(curve, point)
		if y == nil {
			t.Fatalf("no such point: %x", point)
		}
		key[int64(-3)] = y.FillBytes(make([]byte, len(point)-1))
	}
	required := map[int64]any{}
	for _, label := range map[int64][]int64{1: {1, -1, -2}, 2: {1, -1, -2, -3}, 3: {1, -1, -2}, 7: {1, 3, -1}}[key[int64(1)].(int64)] {
		required[label] = key[label]
	}
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := enc.Marshal(required)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(canonical)
	return sum[:]
}
