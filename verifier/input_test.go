package verifier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// The draft's example key as a COSE_Key in deterministic CBOR, which is what
// its thumbprint is made of (RFC 9679 §4), and a claims map around it.
var (
	coseKey   = bytes.Join([][]byte{{0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20}, coordinate("x"), {0x22, 0x58, 0x20}, coordinate("y")}, nil)
	cwtClaims = bytes.Join([][]byte{{0xa2, 0x02, 0x60 + byte(len(subject))}, []byte(subject), {0x08, 0xa1, 0x01}, coseKey}, nil)
)

func coordinate(member string) []byte {
	var key map[string]string
	if err := json.Unmarshal([]byte(jwk), &key); err != nil {
		panic(err)
	}
	octets, err := base64.RawURLEncoding.DecodeString(key[member])
	if err != nil {
		panic(err)
	}
	return octets
}

func b64[T ~string | ~[]byte](octets T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(octets))
}

// compact is a JWT whose signature nobody checks here.
func compact(claims string) string {
	return b64(`{"alg":"ES256"}`) + "." + b64(claims) + "." + b64(string(make([]byte, 64)))
}

// sign1 wraps claims as a CWT in a COSE_Sign1 (RFC 8392 §7) whose signature
// nobody checks here.
func sign1(claims []byte) string {
	payload := string([]byte{0x59, byte(len(claims) >> 8), byte(len(claims))}) + string(claims)
	return "\xd8\x3d\xd2\x84\x43\xa1\x01\x26\xa0" + payload + "\x58\x40" + string(make([]byte, 64))
}

func TestEveryKindOfInputConfirms(t *testing.T) {
	ckt := sha256.Sum256(coseKey)
	for _, c := range []struct {
		claim string
		input Input
		bytes string
		owner string
		sum   []byte
	}{
		{"a claim set", InputClaims, claims, owner, ours[3:]},
		{"a JWT", InputJWT, compact(claims), owner, ours[3:]},
		{"a JWT, told by its form", InputToken, compact(claims), owner, ours[3:]},
		{"an SD-JWT", InputSDJWT, compact(claims) + "~", owner, ours[3:]},
		{"an SD-JWT, told by its form", InputToken, compact(claims) + "~", owner, ours[3:]},
		{"a CWT claims map", InputCWT, string(cwtClaims), "1.8.vendor.example.", ckt[:]},
		{"a CWT", InputCWT, sign1(cwtClaims), "1.8.vendor.example.", ckt[:]},
		{"a CWT in base64url, told by its form", InputToken, b64(sign1(cwtClaims)), "1.8.vendor.example.", ckt[:]},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			s.source.answers = map[string]*dnssec.Answer{c.owner: present(c.owner, append([]byte{255, 255, 255}, c.sum...))}
			s.request.Input, s.claims = c.input, c.bytes
			v, err := s.ask(t)
			if err != nil || v.Reason != RecordMatches || string(v.Subject) != subject || v.Record.Name != c.owner {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// anywhere answers every question alike, whatever its name.
type anywhere struct {
	kind dnssec.Kind
	data [][]byte
}

func (s anywhere) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	return &dnssec.Answer{
		Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: s.kind, Zone: ".",
		Data: s.data, Fetched: now, Until: now.Add(time.Minute),
	}, false, nil
}

// FuzzVerify: any octets, as each kind of input, give a verdict or an error,
// and never confirmed while no record names the key.
func FuzzVerify(f *testing.F) {
	for input := InputToken; input <= InputCWT; input++ {
		for _, seed := range []string{claims, compact(claims), compact(claims) + "~", string(cwtClaims), b64(string(cwtClaims)), "", "{}", "\xd8\x3d\xd2\x84"} {
			f.Add(byte(input), []byte(seed))
		}
	}
	other := sha256.Sum256([]byte("no key has this thumbprint"))
	open := Config{
		Now:      func() time.Time { return now },
		Subjects: record.Subjects{Mailto: true, Acct: true, SPIFFE: true, Bare: true},
		Forms:    []record.Form{record.Dotted, record.Underscore, record.LegacyDID}, AllowInsecure: true, AllowWildcard: true, AllowDelegated: true,
	}
	open.Credential.CredentialSubject = true
	open.Credential.Confirmation = thumbprint.Options{X5T: true, TBH: true, Symmetric: true}
	var verifiers []*Verifier
	for _, source := range []anywhere{{kind: dnssec.NoName}, {kind: dnssec.Positive, data: [][]byte{append([]byte{255, 255, 255}, other[:]...)}}} {
		open.Source = source
		v, err := New(open)
		if err != nil {
			f.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	f.Fuzz(func(t *testing.T, input byte, octets []byte) {
		for _, v := range verifiers {
			got, err := v.Verify(t.Context(), &Request{Input: Input(input), Bytes: octets})
			if got.Outcome() == Confirmed || err != nil && got.Outcome() != Unproven {
				t.Fatalf("input %d, %q: %+v, %v", input, octets, got, err)
			}
			if err != nil {
				var problem *Error
				if !errors.As(err, &problem) {
					t.Fatalf("input %d, %q: an error of no kind: %v", input, octets, err)
				}
				continue
			}
			doc := got.AppendJSON(nil, "id")
			if !json.Valid(doc) {
				t.Fatalf("input %d, %q: %s", input, octets, doc)
			}
			for range 3 { // the last time the claims are known
				again, err := v.Verify(t.Context(), &Request{Input: Input(input), Bytes: octets})
				if err != nil || !bytes.Equal(again.AppendJSON(nil, "id"), doc) {
					t.Fatalf("input %d, %q: %+v, %v; at first %+v", input, octets, again, err, got)
				}
			}
		}
	})
}

// zoneFile is a Source that knows one record, in the place of a resolver.
type zoneFile map[string][]byte

func (z zoneFile) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	a := &dnssec.Answer{
		Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName, Zone: "vendor.example.",
		Fetched: now, Until: now.Add(5 * time.Minute),
	}
	if rdata := z[a.Name]; rdata != nil {
		a.Kind, a.Data = dnssec.Positive, [][]byte{rdata}
	}
	return a, false, nil
}

func Example() {
	key, err := thumbprint.OfJWK([]byte(jwk), thumbprint.SHA256)
	if err != nil {
		fmt.Println(err)
		return
	}
	zone := zoneFile{"jwk.cnf.vendor.example.": record.RDATA(key)}
	v, err := New(Config{Source: zone, Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	question := &Request{Input: InputClaims, Bytes: []byte(claims)}
	before, err := v.Verify(context.Background(), question)
	fmt.Println(before.Outcome(), before.Reason, err)

	delete(zone, "jwk.cnf.vendor.example.") // the subject revokes
	after, err := v.Verify(context.Background(), question)
	fmt.Println(after.Outcome(), after.Reason, err)
	// Output:
	// confirmed record_matches <nil>
	// refuted record_absent <nil>
}
