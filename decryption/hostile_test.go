package decryption_test

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/decryption"
	"cnfd/thumbprint"
)

// sealed encrypts a plaintext as a JWE and as a COSE_Encrypt0, by the key of symmetric.
func sealed(t testing.TB, plaintext []byte) (jwe, message string) {
	t.Helper()
	iv, aad := make([]byte, 12), []byte(b64([]byte(`{"alg":"dir","enc":"A128GCM"}`)))
	out := gcm(t, []byte(cek)).Seal(nil, iv, plaintext, aad)
	n := len(out) - 16
	jwe = string(aad) + ".." + b64(iv) + "." + b64(out[:n]) + "." + b64(out[n:])
	out = gcm(t, []byte(cek)).Seal(nil, iv, plaintext, encode(t, array{"Encrypt0", protectedGCM, []byte{}}))
	return jwe, string(encode(t, array{protectedGCM, headers{5: iv}, out}))
}

// TestNothingThatWasEncryptedIsRepeated: somebody's secret that was encrypted to
// this verifier is sent to it as a confirmation key, and what it says of that
// tells nothing of the secret, be it the name of a member.
func TestNothingThatWasEncryptedIsRepeated(t *testing.T) {
	o := thumbprint.Options{Opener: keys(t, symmetric)}
	const secret = "hunter2"
	for name, plaintext := range map[string]string{
		"a key":                       `{"kty":"EC","crv":"P-256","x":"mPUKT_bAWGHIhg0TpjjqVsP1rXWQu_vwVOHHtNkdYoA","y":"8BQAsImGeAS46fyWw5MhYfGTT0IjBpFw2SS34Dv4Irs","hunter2":1}`,
		"a member twice":              `{"hunter2":1,"hunter2":2}`,
		"a member twice, deep inside": `{"kty":"EC","hunter2":[{"hunter2":{"a":1,"a":1}}]}`,
		"a name that looks like one":  `{"kty":"EC","\u004bty":{"hunter2":1}}`,
		"cut short":                   `{"hunter2":{"hunter2":[`,
		"more after it":               `{"kty":"EC"}hunter2`,
		"a value":                     `{"kty":"hunter2"}`,
		"a curve":                     `{"kty":"EC","crv":"hunter2"}`,
		"a coordinate":                `{"kty":"EC","crv":"P-256","x":"hunter2"}`,
		"claims":                      `{"sub":"hunter2","exp":1}`,
		"text":                        `hunter2`,
		"a map of CBOR":               "\xa2\x67hunter2\x01\x67hunter2\x01",
		"a map of CBOR, deep inside":  "\xa2\x01\x02\x67hunter2\xa2\x67hunter2\x01\x67hunter2\x01",
		"a tag of CBOR":               "\xa1\x67hunter2\xc1\x01",
		"a kty of CBOR":               "\xa1\x01\x67hunter2",
		"a string of CBOR":            "\x4ahunter2\xff\xff\xff",
		"a map in a string of CBOR":   "\x53\xa2\x67hunter2\x01\x67hunter2\x01",
	} {
		jwe, message := sealed(t, []byte(plaintext))
		_, inJOSE := thumbprint.FromJOSE(cnfJWE(jwe), o)
		_, inCOSE := thumbprint.FromCOSE(append([]byte{0xa1, 0x02}, message...), o)
		if (inJOSE == nil) != (name == "a key") || inCOSE == nil {
			t.Errorf("%s: %v, %v", name, inJOSE, inCOSE)
		}
		for _, err := range []error{inJOSE, inCOSE} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
		claims := `{"sub":"https://a.example","cnf":{"jwe":"` + jwe + `"}}`
		if _, err := credential.ParseClaims([]byte(claims), &credential.Options{Confirmation: o}); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCutShortAtEveryOctet opens a message of each algorithm whole, and no
// beginning of it: that is malformed, or stays closed.
func TestCutShortAtEveryOctet(t *testing.T) {
	m := loadMade(t)
	all := m.all(t)
	wants := func(t *testing.T, n int, plaintext []byte, err error) {
		var e *thumbprint.Error
		if plaintext != nil || err == nil || !closed(err) && !asRule(err, &e, thumbprint.Malformed) {
			t.Errorf("%d octets: %x %v", n, plaintext, err)
		}
	}
	for _, v := range m.JWE {
		if v.Enc != "A128GCM" && v.Enc != "A128CBC-HS256" {
			continue
		}
		t.Run(v.Alg+" "+v.Enc+" "+v.Key, func(t *testing.T) {
			if _, err := all.OpenJWE([]byte(v.Compact)); err != nil {
				t.Fatal(err)
			}
			for n := range len(v.Compact) {
				plaintext, err := all.OpenJWE([]byte(v.Compact[:n]))
				wants(t, n, plaintext, err)
			}
		})
	}
	for _, v := range m.COSE {
		message := octets(t, v.Message)
		t.Run(v.Alg+" "+v.To+" "+v.Key, func(t *testing.T) {
			if _, err := all.OpenCOSE(message); err != nil {
				t.Fatal(err)
			}
			for n := range len(message) {
				plaintext, err := all.OpenCOSE(message[:n])
				wants(t, n, plaintext, err)
			}
		})
	}
}

func asRule(err error, e **thumbprint.Error, rule thumbprint.Rule) bool {
	var ok bool
	*e, ok = err.(*thumbprint.Error)
	return ok && (*e).Rule == rule
}

// allocated is how many octets f takes from the heap, be they given back or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// most is what a message of 64 KiB may take from the heap: a few copies of it, its
// items, the arithmetic of four keys. A bomb asks for a thousand times more.
const most = 2 << 20

// TestJWEBombs: what is meant to cost memory or time is refused at the cost of
// reading it. The first row opens, and the others differ from it in the bomb.
func TestJWEBombs(t *testing.T) {
	m := loadMade(t)
	k := keys(t, symmetric, m.Keys["rsa"], m.Keys["p256"], m.Keys["p521"])
	seal := func(header string, plaintext []byte) string {
		iv, aad := make([]byte, 12), []byte(b64([]byte(header)))
		out := gcm(t, []byte(cek)).Seal(nil, iv, plaintext, aad)
		return string(aad) + ".." + b64(iv) + "." + b64(out[:len(out)-16]) + "." + b64(out[len(out)-16:])
	}
	var zip bytes.Buffer
	w, _ := flate.NewWriter(&zip, flate.BestCompression)
	w.Write(make([]byte, 32<<20))
	w.Close()
	long := func(n int) string { return strings.Repeat("A", n) }
	const plain = `{"alg":"dir","enc":"A128GCM"}`
	with := func(member string) string { return plain[:len(plain)-1] + "," + member + "}" }
	es := func(member string) string { return `{"alg":"ECDH-ES","enc":"A128GCM",` + member + `}` }
	names := "0"
	for i := range 5000 {
		names += `,"` + strconv.Itoa(i) + `":0`
	}
	for _, c := range []struct {
		name, message string
		want          string // what it says of the rule; "" where it opens
	}{
		{"nothing large in it", seal(plain, []byte("x")), ""},
		{"a plaintext as long as it may be", seal(plain, make([]byte, 45<<10)), ""},
		{"a billion turns of PBES2", message(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAAAAAAAAA","p2c":1000000000}`, 24, 12, 3, 16), "header.alg: PBES2"},
		{"a turn more than is counted", message(`{"alg":"PBES2-HS512+A256KW","enc":"A128GCM","p2s":"`+long(40000)+`","p2c":1e308}`, 40, 12, 3, 16), "header.alg: PBES2"},
		{"32 MiB compressed", seal(with(`"zip":"DEF"`), zip.Bytes()), "header.zip"},
		{"an unknown compression", seal(with(`"zip":"BR"`), []byte("x")), "header.zip"},
		{"AAD of 40 KB", seal(with(`"x":"`+long(30000)+`"`), []byte("x")), ""},
		{"5000 members", seal(with(`"x":`+names), []byte("x")), ""},
		{"5001 members, of which two are one", seal(with(`"x":`+names+`,"4999":0`), []byte("x")), "header.4999: given twice"},
		{"a kid of 30 KB", seal(with(`"kid":"`+long(30000)+`"`), []byte("x")), ""},
		{"certificates of 30 KB, which nobody reads", seal(with(`"x5c":["`+long(30000)+`"]`), []byte("x")), ""},
		{"32 levels too many", seal(with(`"x":`+strings.Repeat("[", 10000)), []byte("x")), "nested too deep"},
		{"an epk of 30 KB", message(es(`"epk":{"kty":"EC","crv":"P-256","x":"`+long(30000)+`","y":"AA"}`), 0, 12, 3, 16), "header.epk.x: too long"},
		{"an epk of RSA and 8 KB", message(es(`"epk":{"kty":"RSA","n":"`+strings.Repeat("_", 10922)+`","e":"AQAB"}`), 0, 12, 3, 16), "header.epk"},
		{"apu of 30 KB", message(es(`"apu":"`+long(30000)+`","epk":`+string(public(t, m, "p256"))), 0, 12, 3, 16), "no key opens it"},
		{"an encrypted key of 40 KB", message(`{"alg":"RSA-OAEP-256","enc":"A128GCM"}`, 40<<10, 12, 3, 16), "no key opens it"},
		{"over 64 KiB", seal(plain, make([]byte, 64<<10)), "over 64 KiB"},
		{"a million levels", strings.Repeat("[", 1_000_000), "over 64 KiB"},
		{"a million dots", strings.Repeat(".", 1_000_000), "over 64 KiB"},
	} {
		var plaintext []byte
		var err error
		took := allocated(func() { plaintext, err = k.OpenJWE([]byte(c.message)) })
		if c.want == "" && err != nil || c.want != "" && (err == nil || plaintext != nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %d octets, %v, want %q", c.name, len(plaintext), err, c.want)
		}
		if took > most {
			t.Errorf("%s: %d octets from the heap", c.name, took)
		}
	}
}

// public gives the public half of an EC key of made.json.
func public(t *testing.T, m made, name string) []byte {
	t.Helper()
	k, err := thumbprint.ParseJWK(m.Keys[name])
	if err != nil {
		t.Fatal(err)
	}
	point, ok := k.Public().(interface{ Bytes() ([]byte, error) })
	if !ok {
		t.Fatalf("%s is %T", name, k.Public())
	}
	octets, err := point.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	n := (len(octets) - 1) / 2
	return []byte(`{"kty":"EC","crv":"P-256","x":"` + b64(octets[1:1+n]) + `","y":"` + b64(octets[1+n:]) + `"}`)
}

// TestCOSEBombs does the same with messages in CBOR.
func TestCOSEBombs(t *testing.T) {
	m := loadMade(t)
	k := keys(t, symmetric, m.Keys["p521"])
	good := encode(t, seal(t, []byte(cek), nil))
	kw := array{[]byte{}, headers{1: -3}, make([]byte, 24)}
	many := func(n int, r any) []byte {
		recipients := array{}
		for range n {
			recipients = append(recipients, r)
		}
		return encode(t, seal(t, []byte(cek), nil, recipients...))
	}
	hexed := func(text string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// x = 4 is on P-521; with a boolean for y it costs a square root.
	x := make([]byte, 66)
	x[65] = 4
	root := array{encode(t, headers{1: -25}), headers{-1: headers{1: 2, -1: 3, -2: x, -3: true}}, []byte{}}
	large := array{encode(t, headers{1: 1, "x": make([]byte, 40<<10)}), headers{5: make([]byte, 12)}, make([]byte, 17)}
	for _, c := range []struct {
		name    string
		message []byte
		want    string
	}{
		{"nothing large in it", good, ""},
		{"an array of 2^64-1", hexed("9b ffffffffffffffff"), "too large"},
		{"an array of 2^31", hexed("9a 7fffffff 43a10101 a0 41 00"), "exceeded max number of elements 256"},
		{"a string of 2^63", hexed("83 5b 8000000000000000"), "too large"},
		{"a string of 4 GB", hexed("83 5a ffffffff a0 4100"), "cut short"},
		{"a map of 2^63", hexed("83 43a10101 bb 7fffffffffffffff 01 02"), "exceeded max number of key-value pairs"},
		{"protected headers of 2^63 pairs", hexed("83 4a bb7fffffffffffffff00 a0 41 00"), "protected"},
		{"an array without end", hexed("9f 43a10101 a1 05 4c000000000000000000000000 51 0000000000000000000000000000000000 ff"), "indefinite"},
		{"a string without end", hexed("83 5f 43a10101 ff a0 4100"), "indefinite"},
		{"a map without end", hexed("83 43a10101 bf 05 4c000000000000000000000000 ff 51 0000000000000000000000000000000000"), "indefinite"},
		{"60,000 breaks", bytes.Repeat([]byte{0xff}, 60000), "break"},
		{"60,000 arrays in one another", bytes.Repeat([]byte{0x81}, 60000), "nested level"},
		{"60,000 arrays without end in one another", bytes.Repeat([]byte{0x9f}, 60000), "nested level"},
		{"60,000 tags in one another", bytes.Repeat([]byte{0xd0}, 60000), "nested level"},
		{"60,000 maps in one another", bytes.Repeat([]byte{0xa1, 0x01}, 30000), "nested level"},
		{"a million levels", bytes.Repeat([]byte{0x81}, 1_000_000), "over 64 KiB"},
		{"256 recipients for nobody", many(256, kw), "no key opens it"},
		{"257 recipients", many(257, kw), "exceeded max number of elements 256"},
		{"256 square roots", many(256, root), "more than one"},
		{"AAD of 40 KB", encode(t, large), "no key opens it"},
	} {
		var plaintext []byte
		var err error
		took := allocated(func() { plaintext, err = k.OpenCOSE(c.message) })
		if c.name == "nothing large in it" {
			if err != nil || string(plaintext) != "x" {
				t.Fatalf("%s: %v", c.name, err)
			}
		} else if err == nil || plaintext != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d octets, %v, want %q", c.name, len(plaintext), err, c.want)
		}
		if took > most {
			t.Errorf("%s: %d octets from the heap", c.name, took)
		}
	}
	if _, err := (*decryption.Keys)(nil).OpenCOSE(many(256, root)); err == nil {
		t.Error("without a key it is taken")
	}
}
