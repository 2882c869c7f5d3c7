package fuzz

import (
	"bytes"
	"context"
	"testing"

	"cnfd/thumbprint"
	"cnfd/verifier"
)

// FuzzToken hands any bytes to the house as each kind of input. One domain,
// vendor.example, publishes one key. Whatever is confirmed must name that domain
// and that key, by thumbprints that were computed elsewhere.
func FuzzToken(f *testing.F) {
	vendor, stranger := newKey(f, "vendor"), newKey(f, "stranger")
	for _, k := range []key{vendor, stranger} {
		claims := k.claims("https://vendor.example")
		f.Add(uint8(verifier.InputClaims), claims)
		f.Add(uint8(verifier.InputClaims), k.claims("https://vendor.example:8443/path?q#f"))
		f.Add(uint8(verifier.InputClaims), k.claims("did:web:vendor.example"))
		f.Add(uint8(verifier.InputToken), jwt(claims))
		f.Add(uint8(verifier.InputJWT), jwt(claims))
		f.Add(uint8(verifier.InputJWT), jwt(k.claims("dns:vendor.example"))) // shorter than what came before
		f.Add(uint8(verifier.InputSDJWT), append(jwt(claims), '~'))
		cwt := k.cwt(f, "coaps://vendor.example")
		f.Add(uint8(verifier.InputCWT), cwt)
		f.Add(uint8(verifier.InputCWT), sign1(cwt))
		f.Add(uint8(verifier.InputToken), []byte(b64(sign1(cwt))))
	}
	house := newTree(f, vendor.records("vendor.example.")...).house(f, nil)
	// Where not even the seed is confirmed the target proves nothing.
	v, err := house.Verify(context.Background(), &verifier.Request{Input: verifier.InputClaims, Bytes: vendor.claims("https://vendor.example")})
	if err != nil || v.Outcome() != verifier.Confirmed {
		f.Fatalf("the published key is not confirmed: %s, %v", v.AppendJSON(nil, ""), err)
	}
	var scratch verifier.Scratch // with what the token before has left in it
	f.Fuzz(func(t *testing.T, input uint8, token []byte) {
		q := verifier.Request{Input: verifier.Input(input % 5), Bytes: token}
		v, err := house.Verify(context.Background(), &q)
		q.Scratch = &scratch
		again, errAgain := house.Verify(context.Background(), &q)
		if (err == nil) != (errAgain == nil) || v.Domain != again.Domain || v.Thumbprint != again.Thumbprint || !bytes.Equal(v.Subject, again.Subject) {
			t.Fatalf("in memory that was used before: %s, %v; in new memory: %s, %v", again.AppendJSON(nil, ""), errAgain, v.AppendJSON(nil, ""), err)
		}
		if err != nil || v.Outcome() != verifier.Confirmed && again.Outcome() != verifier.Confirmed {
			return
		}
		want := vendor.jkt()
		if v.Method == thumbprint.MethodCOSEKey || v.Method == thumbprint.MethodCKT {
			want = vendor.ckt()
		}
		if v.Domain != "vendor.example" || v.Thumbprint.Hex() != want {
			t.Fatalf("confirmed without a record: %s", v.AppendJSON(nil, ""))
		}
	})
}
