package thumbprint_test

import (
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/thumbprint"
)

// coseVector is an entry of thumbprints.json of a kind that this file reads.
type coseVector struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	CBOR        string `json:"cbor_hex"`
	PrintedCBOR string `json:"printed_cbor_hex"`
	Hash        string `json:"hash"`
	Thumbprint  string `json:"thumbprint_hex"`
	URI         string `json:"thumbprint_uri"`
	JKT         string `json:"jkt_of_same_key"`
}

func coseVectors(t testing.TB) []coseVector {
	t.Helper()
	file, err := os.ReadFile("testdata/thumbprints.json")
	if err != nil {
		t.Fatal(err)
	}
	var all, keys []coseVector
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Kind == "cose_key" {
			keys = append(keys, v)
		}
	}
	if len(keys) < 17 {
		t.Fatalf("%d keys in the vectors, want 17", len(keys))
	}
	return keys
}

func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCOSEKeyVectors(t *testing.T) {
	for _, v := range coseVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			h, err := thumbprint.ParseHash(v.Hash)
			if err != nil {
				t.Fatal(err)
			}
			for _, written := range []string{v.CBOR, v.PrintedCBOR} {
				if written == "" {
					continue
				}
				got, err := thumbprint.OfCOSEKey(octets(t, written), h)
				if err != nil || got.Hex() != v.Thumbprint || got.URI() != v.URI {
					t.Errorf("got %s %s %v, want %s", got.Hex(), got.URI(), err, v.Thumbprint)
				}
			}
			if v.JKT == "" {
				return
			}
			k, err := thumbprint.ParseCOSEKey(octets(t, v.CBOR))
			if err != nil || k.JKT(h).Hex() != v.JKT {
				t.Errorf("jkt of the same key: got %s %v, want %s", k.JKT(h).Hex(), err, v.JKT)
			}
		})
	}
}

// The key of RFC 9679 §6, whose y is even; that of RFC 7638 §3.1 as a COSE_Key.
const (
	x9679 = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
	y9679 = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
	ckt   = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
	ec2   = "a4 01 02 20 01 21 5820" + x9679 + "22 5820" + y9679
	ed    = "a3 01 01 20 06 21 5820 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
	// The generator of secp256k1 (SEC 2 §2.4.1), whose y is even.
	xG = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	yG = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
)

func TestParseCOSEKey(t *testing.T) {
	const secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	modulus := "b5" + strings.Repeat("5b", 255)
	for _, c := range []struct{ name, in, want string }{
		{"EC2", ec2, ""},
		{"EC2 with y as an even sign", "a4 01 02 20 01 21 5820" + x9679 + "22 f4", ""},
		{"EC2 with y as an odd sign", "a4 01 02 20 01 21 5820" + x9679 + "22 f5", ""},
		{"EC2 private", "a5 01 02 20 01 21 5820" + x9679 + "22 5820" + y9679 + "23 5820" + secret, "private"},
		{"EC2 with integers written long", "a4 1801 190002 3800 01 21 5820" + x9679 + "22 590020" + y9679, ""},
		{"secp256k1", "a4 01 02 20 08 21 5820" + xG + "22 5820" + yG, ""},
		{"secp256k1 with y as a sign", "a4 01 02 20 08 21 5820" + xG + "22 f4", ""},
		{"Ed25519", ed, ""},
		{"Ed25519 private", ed[:1] + "4" + ed[2:] + "23 5820" + secret, "private"},
		{"RSA", "a3 01 03 20 590100" + modulus + "21 43010001", ""},
		{"RSA with p alone", "a4 01 03 20 590100" + modulus + "21 43010001 23 40", "private"},
		{"RSA with t_i alone", "a4 01 03 20 590100" + modulus + "21 43010001 2b 40", "private"},
		{"symmetric", "a2 01 04 20 4101", "private symmetric"},
		{"a kid in text is nobody's concern", "a5 01 02 02 6161 20 01 21 5820" + x9679 + "22 5820" + y9679, ""},

		{"nothing", "", "cose_key: empty"},
		{"an array", "80", "cose_key: not a map, as a COSE_Key is"},
		{"a key in a byte string", "41a0", "cose_key: not a map, as a COSE_Key is"},
		{"an empty map", "a0", "cose_key: kty (1) is missing"},
		{"kty in text", "a1 01 63454332", "cose_key.1: not an integer, as every kty is"},
		{"kty as a float", "a1 01 f94000", "cose_key.1: not an integer, as every kty is"},
		{"kty null", "a1 01 f6", "cose_key.1: not an integer, as every kty is"},
		{"kty as a bignum", "a1 01 c24102", "cose_key: CBOR tag isn't allowed"},
		{"kty 0", "a1 01 00", "cose_key.1: not a key type that is known: 1 (OKP), 2 (EC2), 3 (RSA) or 7 (AKP)"},
		{"kty 5, HSS-LMS", "a1 01 05", "cose_key.1: not a key type that is known: 1 (OKP), 2 (EC2), 3 (RSA) or 7 (AKP)"},
		{"kty 2^64-1", "a1 01 1bffffffffffffffff", "cose_key.1: not an integer, as every kty is"},
		{"no crv", "a3 01 02 21 5820" + x9679 + "22 5820" + y9679, "cose_key: -1 is missing, which a key of its kty needs"},
		{"crv in text", "a4 01 02 20 65502d323536 21 5820" + x9679 + "22 5820" + y9679, "cose_key.-1: not a curve that is known for kty 2: 1 (P-256), 2 (P-384), 3 (P-521) or 8 (secp256k1)"},
		{"an OKP curve in EC2", "a4 01 02 20 06 21 5820" + x9679 + "22 5820" + y9679, "cose_key.-1: not a curve that is known for kty 2: 1 (P-256), 2 (P-384), 3 (P-521) or 8 (secp256k1)"},
		{"an EC2 curve in OKP", "a3 01 01 20 01 21 5820" + x9679, "cose_key.-1: not a curve that is known for kty 1: 4 (X25519), 5 (X448), 6 (Ed25519) or 7 (Ed448)"},
		{"no x", "a3 01 02 20 01 22 5820" + y9679, "cose_key: -2 is missing, which a key of its kty needs"},
		{"no y", "a3 01 02 20 01 21 5820" + x9679, "cose_key: -3 is missing, which a key of its kty needs"},
		{"x in text", "a4 01 02 20 01 21 6161 22 f4", "cose_key.-2: not a byte string"},
		{"y null", "a4 01 02 20 01 21 5820" + x9679 + "22 f6", "cose_key.-3: neither a byte string nor a boolean"},
		{"x short by its zero", "a4 01 02 20 01 21 581f" + x9679[2:] + "22 5820" + y9679, "cose_key.-2: not the 32 octets of P-256"},
		{"x long by a zero", "a4 01 02 20 01 21 582100" + x9679 + "22 5820" + y9679, "cose_key.-2: not the 32 octets of P-256"},
		{"x short with y as a sign", "a4 01 02 20 01 21 581f" + x9679[2:] + "22 f4", "cose_key.-2: not the 32 octets of P-256"},
		{"y short", "a4 01 02 20 01 21 5820" + x9679 + "22 581f" + y9679[2:], "cose_key.-3: not the 32 octets of P-256"},
		{"a point off the curve", "a4 01 02 20 01 21 5820" + x9679 + "22 5820" + x9679, "cose_key.-2: not, with y, a point on the curve P-256"},
		{"a point of P-256 called secp256k1", "a4 01 02 20 08 21 5820" + x9679 + "22 5820" + y9679, "cose_key.-2: not, with y, a point on the curve secp256k1"},
		{"no point has this x", "a4 01 02 20 01 21 5820" + strings.Repeat("ff", 32) + "22 f4", "cose_key.-2: not a coordinate of a point on the curve P-256"},
		{"Ed25519 of 31 octets", "a3 01 01 20 06 21 581f" + x9679[2:], "cose_key.-2: not the 32 octets of Ed25519"},
		{"RSA modulus with a leading zero", "a3 01 03 20 59010100" + modulus + "21 43010001", "cose_key.-1: begins with a zero octet"},
		{"RSA modulus of 2040 bits", "a3 01 03 20 58ff" + modulus[:510] + "21 43010001", "cose_key.-1: not a modulus of 2048 to 8192 bits"},
		{"RSA exponent with a leading zero", "a3 01 03 20 590100" + modulus + "21 4400010001", "cose_key.-2: begins with a zero octet"},
		{"RSA without an exponent", "a2 01 03 20 590100" + modulus, "cose_key: -2 is missing, which a key of its kty needs"},
		{"AKP without alg", "a2 01 07 20 4101", "cose_key: 3 is missing, which a key of its kty needs"},
		{"AKP with alg ES256", "a3 01 07 03 26 20 4101", "cose_key.3: not an algorithm that is known for kty 7: -48 (ML-DSA-44), -49 (ML-DSA-65) or -50 (ML-DSA-87)"},
		{"AKP of one octet", "a3 01 07 03 382f 20 4101", "cose_key.-1: not the 1312 octets of ML-DSA-44"},
		{"an empty symmetric key", "a2 01 04 20 40", "cose_key.-1: empty"},
		{"x twice", "a5 01 02 20 01 21 5820" + x9679 + "21 5820" + xG + "22 5820" + y9679, "cose_key.-2: given twice"},
		{"kty twice, in two encodings", "a5 01 02 1801 01 20 01 21 5820" + x9679 + "22 5820" + y9679, "cose_key.1: given twice"},
		{"an indefinite map", "bf" + ec2[2:] + "ff", "cose_key: indefinite-length map isn't allowed"},
		{"an x in pieces", "a4 01 02 20 01 21 5f 5810" + x9679[:32] + "50" + x9679[32:] + "ff 22 f4", "cose_key: indefinite-length byte string isn't allowed"},
		{"a tagged x", "a4 01 02 20 01 21 c2 5820" + x9679 + "22 f4", "cose_key: CBOR tag isn't allowed"},
		{"trailing octets", ec2 + "00", "cose_key: 1 bytes of extraneous data starting at index 75"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := thumbprint.ParseCOSEKey(octets(t, c.in))
			got := ""
			if err != nil {
				got = err.Error()
				var e *thumbprint.Error
				if !errors.As(err, &e) || e.Rule != thumbprint.Malformed || !k.IsZero() {
					t.Errorf("%#v with key %v", err, k)
				}
			} else {
				if k.Private() {
					got = "private"
				}
				if k.Symmetric() {
					got += " symmetric"
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCompressedYIsExpanded(t *testing.T) {
	full, err := thumbprint.OfCOSEKey(octets(t, ec2), thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	even, _ := thumbprint.OfCOSEKey(octets(t, "a4 01 02 20 01 21 5820"+x9679+"22 f4"), thumbprint.SHA256)
	odd, _ := thumbprint.OfCOSEKey(octets(t, "a4 01 02 20 01 21 5820"+x9679+"22 f5"), thumbprint.SHA256)
	if even != full || odd == full || odd.IsZero() {
		t.Errorf("even %s odd %s, want the first to be %s", even.Hex(), odd.Hex(), full.Hex())
	}
	for _, curve := range []struct {
		label byte
		elliptic.Curve
	}{{1, elliptic.P256()}, {2, elliptic.P384()}, {3, elliptic.P521()}} {
		p := curve.Params()
		size := (p.BitSize + 7) / 8
		x, y := p.Gx.FillBytes(make([]byte, size)), p.Gy.FillBytes(make([]byte, size))
		a := map[int]any{1: 2, -1: curve.label, -2: x, -3: y}
		b := map[int]any{1: 2, -1: curve.label, -2: x, -3: p.Gy.Bit(0) == 1}
		var sums []thumbprint.Thumbprint
		for _, m := range []map[int]any{a, b} {
			written, err := cbor.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			sum, err := thumbprint.OfCOSEKey(written, thumbprint.SHA256)
			if err != nil {
				t.Fatal(p.Name, err)
			}
			sums = append(sums, sum)
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: %s and %s", p.Name, sums[0].Hex(), sums[1].Hex())
		}
	}
}

func TestCOSEKeyOrderIsOfNoConcern(t *testing.T) {
	const shuffled = "a5 22 5820" + y9679 + "02 4101 20 01 01 02 21 5820" + x9679
	got, err := thumbprint.OfCOSEKey(octets(t, shuffled), thumbprint.SHA256)
	if err != nil || got.Hex() != ckt {
		t.Errorf("got %s, %v", got.Hex(), err)
	}
}

// FuzzCOSEKey holds the thumbprint against what the library makes of the same
// bytes: the required parameters, in its own core deterministic encoding.
func FuzzCOSEKey(f *testing.F) {
	for _, v := range coseVectors(f) {
		f.Add(octets(f, v.CBOR))
	}
	f.Add(octets(f, "a4 01 02 20 01 21 5820"+x9679+"22 f5"))
	f.Add(octets(f, "a2 01 04 20 4101"))
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IntDec: cbor.IntDecConvertSignedOrFail}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		f.Fatal(err)
	}
	required := map[int64][]int64{1: {1, -1, -2}, 2: {1, -1, -2, -3}, 3: {1, -1, -2}, 4: {1, -1}, 7: {1, 3, -1}}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := thumbprint.ParseCOSEKey(b)
		if err != nil {
			if !k.IsZero() {
				t.Fatalf("%x: a key beside the error %v", b, err)
			}
			return
		}
		got := k.CKT(thumbprint.SHA256)
		if got.IsZero() || k.JKT(thumbprint.SHA256).IsZero() || k.Algorithm() == "" {
			t.Fatalf("%x: a key without a thumbprint", b)
		}
		var all map[any]any
		if err := dec.Unmarshal(b, &all); err != nil {
			t.Fatalf("%x: the library says %v", b, err)
		}
		some := map[any]any{}
		for _, label := range required[all[int64(1)].(int64)] {
			some[label] = all[label]
		}
		if _, sign := some[int64(-3)].(bool); sign {
			return
		}
		canonical, err := enc.Marshal(some)
		if err != nil {
			t.Fatal(err)
		}
		again, err := thumbprint.OfCOSEKey(canonical, thumbprint.SHA256)
		if err != nil || again != got {
			t.Fatalf("%x: %s, its canonical form %s %v", b, got.Hex(), again.Hex(), err)
		}
		sum := sha256.Sum256(canonical)
		want, err := thumbprint.New(thumbprint.COSEKey, thumbprint.SHA256, sum[:])
		if err != nil || want != got {
			t.Fatalf("%x: got %s, want the hash of %x", b, got.Hex(), canonical)
		}
	})
}

func ExampleOfCOSEKey() {
	key, _ := hex.DecodeString("a40102200121582065eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d22f4")
	t, err := thumbprint.OfCOSEKey(key, thumbprint.SHA256)
	fmt.Println(t.URI(), err)
	// Output: urn:ietf:params:oauth:ckt:sha-256:SWvYr63zB-WwjGSwQhv53AFSijRKQ72oj63RZp2iU-w <nil>
}

func BenchmarkOfCOSEKey(b *testing.B) {
	key := octets(b, ec2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := thumbprint.OfCOSEKey(key, thumbprint.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}
