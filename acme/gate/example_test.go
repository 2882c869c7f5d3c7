package gate_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cnfd/acme"
	"cnfd/acme/gate"
	"cnfd/dnssec"
	"cnfd/internal/sandbox"
	"cnfd/record"
	"cnfd/resolver"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// A domain publishes a key's record, and a certificate may be issued on it; it takes the
// record back, and none may. The Internet is a small one on this machine.
func Example() {
	net, err := sandbox.Start(sandbox.Config{Now: time.Now})
	if err != nil {
		panic(err)
	}
	defer net.Close()
	anchors, err := dnssec.ParseAnchors([]string{net.Anchor()})
	if err != nil {
		panic(err)
	}
	r, err := resolver.New(resolver.Config{
		Now: time.Now, Anchors: &anchors, Hints: []resolver.Hint{resolver.Hint(net.Hints()[0])},
		ServerPort: uint16(net.Port()), AllowLocalServers: true,
	})
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(verifier.Config{Source: r, Now: time.Now})
	if err != nil {
		panic(err)
	}
	g, err := gate.New(gate.Config{Confirmer: v, Source: r, Identities: []string{"ca.example"}})
	if err != nil {
		panic(err)
	}

	key, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, []byte(strings.Repeat("k", 32)))
	if err != nil {
		panic(err)
	}
	claim := &acme.Claim{
		Identifier: acme.Identifier{Type: acme.TypeDNS, Value: "www.vendor.example"},
		Keys:       []thumbprint.Thumbprint{key},
		Method:     acme.MethodHTTP,
		Account:    "https://ca.example/acme/acct/1",
	}
	const name = "jwk.cnf.www.vendor.example."
	if err := net.Replace("vendor.example.", record.Presentation(name, 300, key)); err != nil {
		panic(err)
	}
	fmt.Println(g.Judge(context.Background(), claim) == nil)
	if err := net.Remove("vendor.example.", name, dnssec.TypeTLSA); err != nil {
		panic(err)
	}
	fmt.Println(g.Judge(context.Background(), claim).Detail)
	// Output:
	// true
	// www.vendor.example does not vouch for the key (record_absent). Add to its zone: jwk.cnf.www.vendor.example. 300 IN TLSA 255 255 255 6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B. First compare the digest with what `cnfd thumbprint` prints of your own key.
}
