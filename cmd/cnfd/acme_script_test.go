package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"cnfd/internal/sandbox"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/acme"
)

// acmeBoxValue is the key of a script's acmeBox.
const acmeBoxValue = "acme"

// acmeBox holds the ACME client that account has made.
type acmeBox struct{ client *acme.Client }

func scriptClient(ts *testscript.TestScript) *acme.Client {
	box := ts.Value(acmeBoxValue).(*acmeBox)
	if box.client == nil {
		ts.Fatalf("there is no account yet")
	}
	return box.client
}

// trusting is a client that trusts one root alone.
func trusting(root []byte) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
}

var acmeScriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	// port VAR: a TCP port of 127.0.78.1 that is free now: of an address that no connection goes out from, so that it
	// stays free.
	"port": func(ts *testscript.TestScript, neg bool, args []string) {
		l, err := net.Listen("tcp", "127.0.78.1:0")
		ts.Check(err)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ts.Check(l.Close())
		ts.Setenv(args[0], port)
	},
	// account VAR ROOT DIRECTORY [EXTERNAL]: makes an account with a new key, and puts its URL into VAR.
	// EXTERNAL is a file with what cnfd acme external add --json has printed.
	"account": func(ts *testscript.TestScript, neg bool, args []string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		client := &acme.Client{Key: key, DirectoryURL: args[2], HTTPClient: trusting([]byte(ts.ReadFile(args[1])))}
		ask := &acme.Account{Contact: []string{"mailto:admin@vendor.test"}}
		if len(args) > 3 {
			var external externalDoc
			ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[3])), &external))
			hmac, err := base64.RawURLEncoding.DecodeString(external.HMACKey)
			ts.Check(err)
			ask.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: external.KID, Key: hmac}
		}
		made, err := client.Register(context.Background(), ask, acme.AcceptTOS)
		if neg != (err != nil) {
			ts.Fatalf("account: %v", err)
		}
		if err == nil {
			ts.Setenv(args[0], made.URI)
			*ts.Value(acmeBoxValue).(*acmeBox) = acmeBox{client}
		}
	},
	// vouch ZONE DOMAIN: publishes the record of the account's key.
	"vouch": func(ts *testscript.TestScript, neg bool, args []string) {
		sum, err := acme.JWKThumbprint(scriptClient(ts).Key.Public())
		ts.Check(err)
		octets, err := base64.RawURLEncoding.DecodeString(sum)
		ts.Check(err)
		internet := ts.Value(internetValue).(*sandbox.Internet)
		ts.Check(internet.Replace(args[0], fmt.Sprintf("jwk.cnf.%s. 300 IN TLSA 255 255 255 %s", args[1], hex.EncodeToString(octets))))
	},
	// unvouch ZONE DOMAIN: takes it away.
	"unvouch": func(ts *testscript.TestScript, neg bool, args []string) {
		ts.Check(ts.Value(internetValue).(*sandbox.Internet).Remove(args[0], "jwk.cnf."+args[1]+".", dns.TypeTLSA))
	},
	// listed ROOT URL SERIAL: until the revocation list there has the serial; a server asks its store for what others
	// have revoked a few seconds after.
	"listed": func(ts *testscript.TestScript, neg bool, args []string) {
		client := trusting([]byte(ts.ReadFile(args[0])))
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if onList(ts, client, args[1], args[2]) {
				return
			}
		}
		ts.Fatalf("%s never had %s", args[1], args[2])
	},
	// order VAR NAME…: orders a certificate, and puts its serial into VAR; of a refusal, what the server says.
	"order": func(ts *testscript.TestScript, neg bool, args []string) {
		serial, err := order(scriptClient(ts), args[1:])
		if neg != (err != nil) {
			ts.Fatalf("order: %v", err)
		}
		if err != nil {
			serial = err.Error()
		}
		ts.Setenv(args[0], serial)
	},
}

func order(c *acme.Client, names []string) (serial string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o, err := c.AuthorizeOrder(ctx, acme.DomainIDs(names...))
	if err != nil {
		return "", err
	}
	if o.Status != acme.StatusReady {
		return "", fmt.Errorf("the order is %s", o.Status)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
	if err != nil {
		return "", err
	}
	chain, _, err := c.CreateOrderCert(ctx, o.FinalizeURL, csr, true)
	if err != nil {
		return "", err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return "", err
	}
	return strings.ToLower(hex.EncodeToString(leaf.SerialNumber.Bytes())), nil
}

func onList(ts *testscript.TestScript, client *http.Client, url, serial string) bool {
	answer, err := client.Get(url)
	ts.Check(err)
	defer answer.Body.Close()
	der, err := io.ReadAll(answer.Body)
	ts.Check(err)
	list, err := x509.ParseRevocationList(der)
	ts.Check(err)
	return slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return hex.EncodeToString(e.SerialNumber.Bytes()) == serial
	})
}
