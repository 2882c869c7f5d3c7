package possession_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/possession"
	"cnfd/thumbprint"
)

func ExampleDPoP() {
	// The proof of RFC 9449 §7.1, and the key that the record confirms.
	proof := "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19" +
		".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9" +
		".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	sum, _ := base64.RawURLEncoding.DecodeString("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
	confirmed, _ := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, sum)
	request := &possession.Request{
		Confirmed: confirmed, Method: "GET", URL: "https://resource.example.org/protectedresource?page=2",
		Token: []byte("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"), Now: time.Unix(1562262620, 0),
	}
	good, err := possession.DPoP([]byte(proof), request)
	fmt.Printf("%s is good once, and too old after %s: %v\n", good.JTI, good.Until.UTC().Format(time.TimeOnly), err)
	request.Method = "POST"
	_, err = possession.DPoP([]byte(proof), request)
	fmt.Println(err)
	// Output:
	// e1j3V_bKic8-LAEB is good once, and too old after 17:52:19: <nil>
	// payload.htm: not the method of this request
}

// FuzzHeld: whatever is sent as a key-binding token or a proof, it is good only
// where the holder has signed it, and nothing else is remembered.
func FuzzHeld(f *testing.F) {
	p, r := newPresentation(f), newRequest(f)
	kb, proof := p.h.sign(f, p.header, p.payload), r.h.sign(f, r.header, r.payload)
	f.Add(kb, proof)
	f.Add(proof, kb)
	f.Add("..", strings.Repeat("A", 100))
	f.Fuzz(func(t *testing.T, kbJWT, dpop string) {
		hash := thumbprint.SHA256
		bound := credential.KeyBinding{JWT: []byte(kbJWT), Presented: []byte(p.sdJWT), Hash: hash}
		if err := possession.KeyBinding(bound, &p.terms); err == nil && kbJWT != kb {
			t.Fatalf("%q is taken", kbJWT)
		}
		once, err := possession.DPoP([]byte(dpop), &r.terms)
		if err == nil && dpop != proof || (err == nil) != (len(once.JTI) > 0) {
			t.Fatalf("%q: %v, to be remembered: %+v", dpop, err, once)
		}
		if nonce, no := possession.ProofNonce([]byte(dpop)); err == nil && (no != nil || nonce != r.terms.Nonce) || no != nil && nonce != "" {
			t.Fatalf("%q: nonce %q, %v", dpop, nonce, no)
		}
	})
}

// FuzzMutualTLS: only what holds the certificate, or says its hash, is it.
func FuzzMutualTLS(f *testing.F) {
	der, x5t := newCertificate(f)
	for _, s := range []string{escaped(der), `By=a;Hash=00;Cert="` + escaped(der) + `"`, ":AAAA:", "Subject=\"\\\"\";Hash=" + x5t.Hex()} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, handed string) {
		if possession.MutualTLS(handed, x5t) != nil {
			return
		}
		sum := sha256.Sum256(der)
		text := strings.ToLower(handed)
		if !strings.Contains(text, fmt.Sprintf("%x", sum)) && !strings.Contains(text, "begin") && handed[0] != ':' {
			t.Fatalf("%q is taken", handed)
		}
	})
}

func BenchmarkKeyBinding(b *testing.B) {
	p := newPresentation(b)
	kb := credential.KeyBinding{JWT: []byte(p.h.sign(b, p.header, p.payload)), Presented: []byte(p.sdJWT), Hash: thumbprint.SHA256}
	b.ReportAllocs()
	for b.Loop() {
		if err := possession.KeyBinding(kb, &p.terms); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDPoP(b *testing.B) {
	r := newRequest(b)
	proof := []byte(r.h.sign(b, r.header, r.payload))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := possession.DPoP(proof, &r.terms); err != nil {
			b.Fatal(err)
		}
	}
}
