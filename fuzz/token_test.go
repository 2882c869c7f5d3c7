package fuzz

import (
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
		f.Add(uint8(verifier.InputSDJWT), append(jwt(claims), '~'))
		f.Add(uint8(verifier.InputCWT), k.cwt(f, "coaps://vendor.example"))
	}
	house := newTree(f, vendor.records("vendor.example.")...).house(f, nil)
	// Where not even the seed is confirmed the target proves nothing.
	v, err := house.Verify(context.Background(), &verifier.Request{Input: verifier.InputClaims, Bytes: vendor.claims("https://vendor.example")})
	if err != nil || v.Outcome() != verifier.Confirmed {
		f.Fatalf("the published key is not confirmed: %s, %v", v.AppendJSON(nil, ""), err)
	}
	f.Fuzz(func(t *testing.T, input uint8, token []byte) {
		v, err := house.Verify(context.Background(), &verifier.Request{Input: verifier.Input(input % 5), Bytes: token})
		if err != nil {
			return
		}
		if v.Outcome() != verifier.Confirmed {
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
