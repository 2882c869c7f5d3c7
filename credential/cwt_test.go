package credential_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"cnfd/credential"
)

// bareCKT begins a claims map with cnf in it; head is its first octet.
func bareCKT(head string) string { return head + "08 a1 05 5820" + hex1 }

// coseMessage puts claims, in hexadecimal, between what is before and after.
func coseMessage(before, claims, after string) string {
	claims = strings.ReplaceAll(claims, " ", "")
	return fmt.Sprintf("%s 58%02x %s %s", before, len(claims)/2, claims, after)
}

func TestParseCWT(t *testing.T) {
	claims := bareCKT("a2") + "02 6161"
	const sign1 = "84 43a10126 a0"
	for _, c := range []struct{ name, in, want string }{
		{"a claims map", claims, "a 5"},
		{"a claims map of indefinite length", "bf" + bareCKT("") + "02 6161 ff", "a 5"},
		{"no subject", bareCKT("a1"), "none 5"},
		{"an empty subject is one", bareCKT("a2") + "02 60", " 5"},
		{"a COSE_Sign1", coseMessage("d2"+sign1, claims, "4100"), "a 5"},
		{"a COSE_Sign1 in the CWT tag", coseMessage("d83d d2"+sign1, claims, "4100"), "a 5"},
		{"a COSE_Sign1 with no header", coseMessage("d2 84 40 a0", claims, "4100"), "a 5"},
		{"a COSE_Mac0", coseMessage("d1 84 43a10105 a0", claims, "4100"), "a 5"},
		{"a COSE_Mac0 in the CWT tag", coseMessage("d83d d1 84 43a10105 a0", claims, "4100"), "a 5"},
		{"a COSE_Mac", coseMessage("d861 85 43a10105 a0", claims, "4100 81 83 40 a0 40"), "a 5"},
		{"a COSE_Sign", coseMessage("d862 84 40 a0", claims, "81 83 43a10126 a0 4100"), "a 5"},
		{"256 elements in a protected header", coseMessage("d2 84 590108 a20126 186499 0100"+strings.Repeat("f6", 256)+"a0", claims, "4100"), "a 5"},
		{"257 elements in a protected header", coseMessage("d2 84 590109 a20126 186499 0101"+strings.Repeat("f6", 257)+"a0", claims, "4100"), "malformed cwt: exceeded max number of elements 256 for CBOR array"},
		{"1000 empty maps in a protected header", coseMessage("d2 84 5903f6 a20126 1864 84"+strings.Repeat("98fa"+strings.Repeat("a0", 250), 4)+"a0", claims, "4100"), "a 5"},
		{"1500 empty maps in a protected header", coseMessage("d2 84 5905ee a20126 1864 86"+strings.Repeat("98fa"+strings.Repeat("a0", 250), 6)+"a0", claims, "4100"), "malformed cwt: more than 1024 items in its headers"},
		{"1500 empty maps in a header beside it", coseMessage("d2 84 43a10126 a1 1864 86"+strings.Repeat("98fa"+strings.Repeat("a0", 250), 6), claims, "4100"), "malformed cwt: more than 1024 items in its headers"},
		{"256 certificates in a protected header", coseMessage("d2 84 590108 a20126 182199 0100"+strings.Repeat("40", 256)+"a0", claims, "4100"), "a 5"},
		{"257 certificates in a protected header", coseMessage("d2 84 590109 a20126 182199 0101"+strings.Repeat("40", 257)+"a0", claims, "4100"), "malformed cwt: exceeded max number of elements 256 for CBOR array"},
		{"256 elements in a signer's protected header", coseMessage("d862 84 40 a0", claims, "81 83 590108 a20126 186499 0100"+strings.Repeat("f6", 256)+"a0 4100"), "a 5"},
		{"257 elements in a signer's protected header", coseMessage("d862 84 40 a0", claims, "81 83 590109 a20126 186499 0101"+strings.Repeat("f6", 257)+"a0 4100"), "malformed cwt: exceeded max number of elements 256 for CBOR array"},
		{"the same claims in a header", coseMessage("d2 84 48a201260fa1 02 6161 a0", claims, "4100"), "a 5"},
		{"the same claims in a header that is not protected", coseMessage("d2 84 43a10126 a1 0f a1 02 6161", claims, "4100"), "a 5"},
		{"another claim in a header that is not read", coseMessage("d2 84 48a201260fa1 07 6162 a0", claims, "4100"), "a 5"},
		{"another subject in a header", coseMessage("d2 84 48a201260fa1 02 6162 a0", claims, "4100"), "malformed claims.2: not what the header 15 (RFC 9597) says"},
		{"another subject in a header that is not protected", coseMessage("d2 84 43a10126 a1 0f a1 02 6162", claims, "4100"), "malformed claims.2: not what the header 15 (RFC 9597) says"},
		{"an end in a header alone", coseMessage("d2 84 47a201260fa1 04 01 a0", claims, "4100"), "malformed claims.4: not what the header 15 (RFC 9597) says"},
		{"another subject in a signer's header", coseMessage("d862 84 40 a0", claims, "81 83 48a201260fa1 02 6162 a0 4100"), "malformed claims.2: not what the header 15 (RFC 9597) says"},
		{"a COSE_Sign of 16 signatures", coseMessage("d862 84 40 a0", claims, "90"+strings.Repeat("83 43a10126 a0 4100", 16)), "a 5"},
		{"a COSE_Sign of 17 signatures", coseMessage("d862 84 40 a0", claims, "91"+strings.Repeat("83 43a10126 a0 4100", 17)), "malformed cwt: a COSE_Sign of more than 16 signatures"},
		{"other claims of any form", bareCKT("ad") + "02 6161 03 c06161 06 9f01ff 07 a2010101 02 0a 61ff 0b c24101 0c f97e00 6378797a f6 18ff 5f4101ff 19ffff 80 f83b 80 20 f7", "a 5"},
		{"the key in every place of a COSE_Key", "a2 02 6161 08 a1 01 a3 01 01 20 06 21 5820 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "a 1"},

		{"nothing", "", "malformed cwt: empty"},
		{"trailing octets", claims + "00", "malformed cwt: 1 bytes of extraneous data starting at index 41"},
		{"an integer", "01", "malformed cwt: neither a claims map nor a COSE message with its tag (18, 98, 17 or 97)"},
		{"a COSE message without its tag", coseMessage(sign1, claims, "4100"), "malformed cwt: neither a claims map nor a COSE message with its tag (18, 98, 17 or 97)"},
		{"claims in the CWT tag", "d83d" + claims, "malformed cwt: neither a claims map nor a COSE message with its tag (18, 98, 17 or 97)"},
		{"the CWT tag twice", coseMessage("d83d d83d d2"+sign1, claims, "4100"), "malformed cwt: a tag that is none of 18, 98, 17 and 97"},
		{"self-described CBOR", "d9d9f7" + claims, "malformed cwt: a tag that is none of 18, 98, 17 and 97"},
		{"an encrypted CWT", "d083 43a1010a a0 4100", "malformed cwt: encrypted: decrypt it and send the CWT in it"},
		{"a COSE_Sign1 with its payload elsewhere", "d284 43a10126 a0 f6 4100", "malformed cwt: its payload is detached: send the message with it"},
		{"a COSE_Mac0 with its payload elsewhere", "d184 43a10105 a0 f6 4100", "malformed cwt: its payload is detached: send the message with it"},
		{"a COSE_Mac0 with an undefined payload", "d184 43a10105 a0 f7 4100", "malformed cwt: its payload is neither a byte string nor null"},
		{"a COSE_Sign1 with no signature", coseMessage("d2"+sign1, claims, "40"), "malformed cwt: not a COSE_Sign1 with headers in order and a signature"},
		{"a COSE_Mac0 with no tag", coseMessage("d1 84 43a10105 a0", claims, "40"), "malformed cwt: its authentication tag is not a byte string, or is empty"},
		{"a COSE_Mac0 of five", coseMessage("d1 85 43a10105 a0", claims, "4100 00"), "malformed cwt: not a COSE_Mac0 of four members, or a COSE_Mac of five"},
		{"a COSE_Mac without recipients", coseMessage("d861 85 43a10105 a0", claims, "4100 80"), "malformed cwt: its recipients are not an array, or none"},
		{"a COSE_Sign without signatures", coseMessage("d862 84 40 a0", claims, "80"), "malformed cwt: not a COSE_Sign with headers in order and signatures"},
		{"a header given twice", coseMessage("d2 84 45a201260126 a0", claims, "4100"), "malformed cwt: not a COSE_Sign1 with headers in order and a signature"},
		{"a header of a COSE_Mac0 given twice", coseMessage("d1 84 45a201260126 a0", claims, "4100"), "malformed cwt: not a COSE_Mac0 or COSE_Mac with headers in order"},
		{"a critical header that is known", coseMessage("d2 84 46a20126028101 a0", claims, "4100"), "a 5"},
		{"a critical header that is not", coseMessage("d2 84 4a a3 0126 02811864 186400 a0", claims, "4100"), "malformed cwt: critical header parameters that are not understood here"},
		{"a critical header of a signer that is not", coseMessage("d862 84 40 a0", claims, "81 83 4a a3 0126 02811864 186400 a0 4100"), "malformed cwt: critical header parameters that are not understood here"},
		{"a critical header of a COSE_Mac0 that is not", coseMessage("d1 84 4a a3 0105 02811864 186400 a0", claims, "4100"), "malformed cwt: critical header parameters that are not understood here"},
		{"a key-binding token", coseMessage("d2 84 46 a2 0126 0d4100 a0", claims, "4100"), "malformed cwt: a key-binding token: send the SD-CWT in its header 13 (kcwt)"},
		{"a key-binding token, its credential beside the protected headers", coseMessage("d2 84 43a10126 a10d4100", claims, "4100"), "malformed cwt: a key-binding token: send the SD-CWT in its header 13 (kcwt)"},
		{"a CWT in a CWT", coseMessage("d2"+sign1, coseMessage("d2"+sign1, claims, "4100"), "4100"), "malformed claims: not a map: a nested CWT is not read, send the inner one"},
		{"an empty payload", "d284 43a10126 a0 40 4100", "malformed claims: empty"},
		{"more after the claims", coseMessage("d2"+sign1, claims+"00", "4100"), "malformed claims: 1 bytes of extraneous data starting at index 41"},

		{"sub twice", bareCKT("a3") + "02 6161 02 6162", "malformed claims.2: given twice"},
		{"sub twice, once written long", bareCKT("a3") + "02 6161 1802 6162", "malformed claims.2: given twice"},
		{"sub twice, once written very long", bareCKT("a3") + "1b0000000000000002 6161 02 6162", "malformed claims.2: given twice"},
		{"sub as a bignum beside sub", bareCKT("a3") + "02 6161 c24102 6162", "malformed claims: a map key that is neither an integer nor text"},
		{"sub as a float beside sub", bareCKT("a3") + "02 6161 f94000 6162", "malformed claims: a map key that is neither an integer nor text"},
		{"another claim twice", bareCKT("a3") + "18ff 00 18ff 00", "malformed claims.255: given twice"},
		{"a claim in text twice", bareCKT("a3") + "6161 00 780161 00", "malformed claims.a: given twice"},
		{"cnf twice", "a2 08 a1 05 5820" + hex1 + "08 a1 05 5820" + hex1, "malformed claims.8: given twice"},
		{"a label given twice in cnf", "a1 08 a2 05 5820" + hex1 + "1805 5820" + hex1, "malformed claims.8.5: given twice"},
		{"cnf of indefinite length", "a1 08 bf 05 5820" + hex1 + "ff", "malformed claims.8: not a map of definite length"},
		{"a tag in cnf", "a1 08 a1 05 c2 5820" + hex1, "malformed claims.8.5: CBOR tag isn't allowed"},
		{"a private key", "a1 08 a1 01 a4 01 01 20 06 21 5820 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a 23 5820 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"private-key claims.8.1: holds a private key: send the public part only, and take the private key for exposed"},
		{"a coordinate too short", "a1 08 a1 01 a3 01 01 20 06 21 4100", "malformed claims.8.1.-2: not the 32 octets of Ed25519"},
		{"no key", "a1 02 6161", "not-reducible claims.8: missing: the credential names no key to confirm; its issuer must add cnf (8) with a COSE_Key (1) or its thumbprint (5)"},
		{"sub in octets", bareCKT("a2") + "02 4161", "malformed claims.2: not text of definite length in UTF-8, without a tag"},
		{"sub in a tag", bareCKT("a2") + "02 d8206161", "malformed claims.2: not text of definite length in UTF-8, without a tag"},
		{"sub in pieces", bareCKT("a2") + "02 7f6161ff", "malformed claims.2: not text of definite length in UTF-8, without a tag"},
		{"sub is not UTF-8", bareCKT("a2") + "02 61ff", "malformed claims.2: not text of definite length in UTF-8, without a tag"},
		{"iss is a number", bareCKT("a2") + "01 01", "malformed claims.1: not text of definite length in UTF-8, without a tag"},
		{"sub in text is another claim", bareCKT("a2") + "63737562 6161", "none 5"},
		{"17 levels in another claim", bareCKT("a2") + "18ff" + strings.Repeat("81", 16) + "00", "malformed cwt: exceeded max nested level 16"},
		{"16 levels in all", bareCKT("a2") + "18ff" + strings.Repeat("81", 15) + "00", "none 5"},
		{"257 elements in another claim", bareCKT("a2") + "18ff 990101" + strings.Repeat("00", 257), "malformed cwt: exceeded max number of elements 256 for CBOR array"},
		{"another claim cut short", bareCKT("a2") + "18ff 5820 00", "malformed cwt: cut short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseCWT(octets(t, c.in), nil)
			is := outcome(t, got, err)
			if is != c.want {
				t.Errorf("got  %q\nwant %q", is, c.want)
			}
			if strings.Contains(is, "9d61") {
				t.Error("repeats a private key")
			}
			if err == nil && got.Format == credential.CWTClaims {
				is = "malformed a bare CWT claims map is not a token: send the CWT that it came in, or the map itself as application/cwt"
			}
			text, err := credential.Parse([]byte(b64.EncodeToString(octets(t, c.in))), nil)
			if again := outcome(t, text, err); again != is && c.in != "" {
				t.Errorf("in base64url %q", again)
			}
		})
	}
}

func TestParseRefusesWhatIsNoToken(t *testing.T) {
	bare := b64.EncodeToString(octets(t, bareCKT("a1")))
	for _, c := range []struct{ name, in string }{
		{"padding", bare + "="},
		{"a line feed", bare + "\n"},
		{"a line feed inside", bare[:8] + "\n" + bare[8:]},
		{"hexadecimal", hex.EncodeToString(octets(t, bareCKT("a1")))},
		{"raw CBOR", string(octets(t, bareCKT("a1")))},
		{"a claim set", `{"sub":"a"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.Parse([]byte(c.in), nil)
			if is := outcome(t, got, err); !strings.HasPrefix(is, "malformed ") {
				t.Errorf("got %q", is)
			}
		})
	}
}

// TestSignedByTheLibrary reads what go-cose itself signs.
func TestSignedByTheLibrary(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cose.NewSigner(cose.AlgorithmES256, key)
	if err != nil {
		t.Fatal(err)
	}
	headers := cose.Headers{
		Protected:   cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256},
		Unprotected: cose.UnprotectedHeader{cose.HeaderLabelKeyID: []byte("1")},
	}
	claims := octets(t, bareCKT("a2")+"02 6161")
	one, err := cose.Sign1(rand.Reader, signer, headers, claims, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := cose.SignMessage{
		Headers:    cose.Headers{Protected: cose.ProtectedHeader{}, Unprotected: cose.UnprotectedHeader{}},
		Payload:    claims,
		Signatures: []*cose.Signature{{Headers: headers}},
	}
	if err := m.Sign(rand.Reader, nil, signer); err != nil {
		t.Fatal(err)
	}
	several, err := m.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range [][]byte{one, several} {
		got, err := credential.ParseCWT(token, nil)
		if is := outcome(t, got, err); is != "a 5" {
			t.Errorf("%x: %s", token, is)
		}
	}
}

// FuzzCWT holds what is read against fxamacker/cbor: where it is accepted here,
// the library sees the same sub, iss, exp, nbf and aud and the same key in cnf, in
// the same payload.
func FuzzCWT(f *testing.F) {
	claims := bareCKT("a2") + "02 6161"
	const cktURI = "urn:ietf:params:oauth:ckt:sha-256:" + jkt
	for _, s := range []string{
		claims, coseMessage("d284 43a10126 a0", claims, "4100"), coseMessage("d83d d1 84 43a10105 a0", claims, "4100"),
		coseMessage("d862 84 40 a0", claims, "81 83 43a10126 a0 4100"), coseMessage("d861 85 43a10105 a0", claims, "4100 81 83 40 a0 40"),
		"bf" + bareCKT("") + "02 6161 ff", bareCKT("a3") + "02 6161 1802 6162", bareCKT("a3") + "04 fb41d452d9e20ccccd 05 20",
		bareCKT("a4") + "04 f9c580 05 fa3f8ccccd 01 6169", bareCKT("a2") + "03 83 6161 01 6162", bareCKT("a2") + "03 6161",
		bareCKT("a3") + "04 1b7fffffffffffffff 05 3b7fffffffffffffff", "a1 08 a2 02 83 40 a0 4100 05 5820" + hex1, "a1 08 a1 190143 5820" + hex1,
		"a1 08 a2 05 5820" + hex1 + "3b fb30303030303030 00",
		"a1 08 a1 03 58" + fmt.Sprintf("%02x%x", len(cktURI), cktURI),
		"a1 08 a1 01 a4 01 02 20 01 21 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13 22 f5",
		"a2 02 6161 08 a1 01 a3 01 01 20 06 21 5820 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"a3 08 a1 05 5820 3030303030303030303030303030303030303030303030303030303030303030 1b fb30303030303030 30 30 30",
	} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := credential.ParseCWT(b, nil)
		outcome(t, got, err)
		if err != nil {
			return
		}
		payload := b
		for b[0]>>5 == 6 { // a tag: the message's own
			var tag cbor.RawTag
			if err := libraryMode.Unmarshal(b, &tag); err != nil {
				t.Fatalf("%x: %v", payload, err)
			}
			if b = tag.Content; tag.Number == 61 {
				continue
			}
			var parts []cbor.RawMessage
			if err := libraryMode.Unmarshal(b, &parts); err != nil {
				t.Fatalf("%x: %v", payload, err)
			}
			if err := libraryMode.Unmarshal(parts[2], &payload); err != nil {
				t.Fatalf("%x: %v", payload, err)
			}
			break
		}
		want, ok := byCBOR(t, payload)
		if !ok {
			return
		}
		want.agrees(t, payload, got)
		if alone, err := credential.ParseCWT(payload, nil); err != nil || alone.Confirmation != got.Confirmation || !bytes.Equal(alone.Subject, got.Subject) {
			t.Fatalf("%x: alone %+v %v", payload, alone, err)
		}
	})
}
