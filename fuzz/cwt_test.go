package fuzz

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/issuers"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// FuzzSignedCWT hands the house any CWT, with the check of its issuer's signature
// asked for. Tags, lengths and unprotected headers may be written in many ways; what is
// confirmed has the claims, octet by octet, that the issuer has signed.
func FuzzSignedCWT(f *testing.F) {
	issuer, stranger := newSigner("issuer"), newSigner("stranger")
	vendor := newKey(f, "vendor")
	// Each worker makes the same.
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		f.Fatal(err)
	}
	encoded := func(v any) []byte {
		b, err := mode.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	protected := encoded(map[int]any{1: -19})
	ckt, _ := hex.DecodeString(vendor.ckt())
	cnf := map[int]any{5: ckt}
	claims := encoded(map[int]any{1: "https://iss.example", 2: "https://vendor.example", 8: cnf})
	disclosure := encoded([]any{[]byte("salt"), "https://vendor.example", 2})
	digest := sha256.Sum256(encoded(disclosure))
	hidden := encoded(map[any]any{1: "https://iss.example", 8: cnf, cbor.SimpleValue(59): [][]byte{digest[:]}})
	sign1 := func(by signer, payload []byte, unprotected map[int]any) cbor.Tag {
		sig := ed25519.Sign(by.private, encoded([]any{"Signature1", protected, []byte{}, payload}))
		return cbor.Tag{Number: 18, Content: []any{protected, unprotected, payload, sig}}
	}
	sign := func(by ...signer) cbor.Tag {
		var all []any
		for _, s := range by {
			all = append(all, []any{protected, map[int]any{}, ed25519.Sign(s.private, encoded([]any{"Signature", []byte{}, protected, []byte{}, claims}))})
		}
		return cbor.Tag{Number: 98, Content: []any{[]byte{}, map[int]any{}, claims, all}}
	}
	good := [][]byte{
		encoded(sign1(issuer, claims, map[int]any{})),
		encoded(cbor.Tag{Number: 61, Content: sign1(issuer, claims, map[int]any{4: []byte("1")})}),
		encoded(sign1(issuer, hidden, map[int]any{17: [][]byte{disclosure}})),
		encoded(sign(issuer)),
		encoded(sign(stranger, issuer)),
	}
	for _, token := range append(good,
		encoded(sign1(stranger, claims, map[int]any{})), encoded(sign(stranger)), claims,
		encoded(cbor.Tag{Number: 17, Content: []any{protected, map[int]any{}, claims, make([]byte, 32)}}),
	) {
		f.Add(token)
	}
	key, err := thumbprint.ParseJWK([]byte(issuer.jwk))
	if err != nil {
		f.Fatal(err)
	}
	house := newTree(f, fmt.Sprintf("5.8.vendor.example. 300 IN TLSA 255 255 255 %s", vendor.ckt())).houseOf(f, nil, verifier.Config{
		Issuers: []verifier.Issuer{{Name: "https://iss.example"}}, Keys: keyring{issuers.Set{{Key: key}}},
	})
	ask := func(token []byte) (verifier.Verdict, error) {
		return house.Verify(context.Background(), &verifier.Request{Input: verifier.InputCWT, Bytes: token, Checks: verifier.CheckSignature})
	}
	for i, token := range good {
		if v, err := ask(token); err != nil || v.Outcome() != verifier.Confirmed {
			f.Fatalf("what was made is not confirmed, %d: %s, %v", i, v.AppendJSON(nil, ""), err)
		}
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		v, err := ask(token)
		if err != nil || v.Outcome() != verifier.Confirmed {
			return
		}
		var item any
		if err := cbor.Unmarshal(token, &item); err != nil {
			t.Fatalf("%x: confirmed, and %v", token, err)
		}
		for tag, ok := item.(cbor.Tag); ok; tag, ok = item.(cbor.Tag) {
			item = tag.Content
		}
		parts, _ := item.([]any)
		if len(parts) != 4 {
			t.Fatalf("%x: confirmed, and it is no message", token)
		}
		payload, _ := parts[2].([]byte)
		if !bytes.Equal(payload, claims) && !bytes.Equal(payload, hidden) || string(v.Subject) != "https://vendor.example" {
			t.Fatalf("%x: confirmed, and nobody has signed that", token)
		}
	})
}
