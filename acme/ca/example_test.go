package ca_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
)

func Example() {
	parent, err := os.MkdirTemp("", "ca")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(parent)
	dir, now := filepath.Join(parent, "ca"), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if err := ca.Init(dir, ca.Setup{Name: "Example", Now: now}); err != nil {
		fmt.Println(err)
		return
	}
	authority, err := ca.Open(ca.Config{Dir: dir, URL: "http://ca.example", Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	issued, err := authority.Issue(context.Background(), &acme.Request{
		Profile: &acme.Profile{
			Name: "default", KeyTypes: []acme.KeyType{acme.P256}, Usage: x509.KeyUsageDigitalSignature,
			ExtUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Life: 168 * time.Hour, Backdate: time.Hour,
		},
		Identifiers: []acme.Identifier{{Type: acme.TypeDNS, Value: "vendor.example"}},
		PublicKey:   key.Public(), Now: now,
	}, func(serial string, tbs []byte) error {
		fmt.Println("kept before it is signed: a serial number of", len(serial), "digits")
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	leaf, err := x509.ParseCertificate(issued.Leaf)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(leaf.DNSNames, "by", leaf.Issuer, "until", leaf.NotAfter)
	// Output:
	// kept before it is signed: a serial number of 32 digits
	// [vendor.example] by CN=Example Intermediate CA 1 until 2026-11-29 10:59:59 +0000 UTC
}
