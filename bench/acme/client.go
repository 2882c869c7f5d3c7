package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A client is an ACME account, as little of one as an order needs.
type client struct {
	http      *http.Client
	key       *ecdsa.PrivateKey
	kid       string
	nonce     string
	csr       string
	directory struct{ NewNonce, NewAccount, NewOrder string }
}

// newClient makes a client with a key, and a request for the domain by another.
func newClient(h *http.Client, domain string) (*client, error) {
	c := &client{http: h}
	var err error
	if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{domain}}, other)
	c.csr = base64.RawURLEncoding.EncodeToString(der)
	return c, err
}

func (c *client) discover(url string) error {
	response, err := c.http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(&c.directory)
}

// Nonce gives go-jose the nonce of the answer before, or a new one.
func (c *client) Nonce() (string, error) {
	if c.nonce == "" {
		response, err := c.http.Head(c.directory.NewNonce)
		if err != nil {
			return "", err
		}
		response.Body.Close()
		c.nonce = response.Header.Get("Replay-Nonce")
	}
	n := c.nonce
	c.nonce = ""
	return n, nil
}

// post sends a signed payload, "" to read, and fills answer, which may be nil. It gives back the Location.
func (c *client) post(url, payload string, answer any) (location string, err error) {
	options := &jose.SignerOptions{NonceSource: c, EmbedJWK: c.kid == "", ExtraHeaders: map[jose.HeaderKey]any{"url": url}}
	if c.kid != "" {
		options.ExtraHeaders["kid"] = c.kid
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: c.key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		return "", err
	}
	response, err := c.http.Post(url, "application/jose+json", strings.NewReader(signed.FullSerialize()))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	c.nonce = response.Header.Get("Replay-Nonce")
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(body, answer)
	}
	if err == nil && answer == nil && url != c.directory.NewAccount && !bytes.Contains(body, []byte("BEGIN CERTIFICATE")) {
		err = fmt.Errorf("%s: no certificate", url)
	}
	return response.Header.Get("Location"), err
}

func (c *client) register() (err error) {
	c.kid, err = c.post(c.directory.NewAccount, `{"termsOfServiceAgreed":true}`, nil)
	return err
}

type order struct {
	Status, Finalize, Certificate string
	Authorizations                []string
}

// order gets one certificate. A challenge is answered where one has to be.
func (c *client) order(domain string) error {
	var o order
	at, err := c.post(c.directory.NewOrder, fmt.Sprintf(`{"identifiers":[{"type":"dns","value":%q}]}`, domain), &o)
	if err == nil && o.Status == "pending" {
		if err = c.answer(o.Authorizations[0]); err == nil {
			err = c.becomes(at, &o, "ready")
		}
	}
	if err == nil {
		_, err = c.post(o.Finalize, fmt.Sprintf(`{"csr":%q}`, c.csr), &o)
	}
	if err == nil {
		err = c.becomes(at, &o, "valid")
	}
	if err == nil {
		_, err = c.post(o.Certificate, "", nil)
	}
	return err
}

// answer says that the first challenge of an authorization is ready: Pebble then looks at nothing.
func (c *client) answer(authorization string) error {
	var a struct{ Challenges []struct{ URL string } }
	if _, err := c.post(authorization, "", &a); err != nil {
		return err
	}
	var challenge struct{ Status string }
	_, err := c.post(a.Challenges[0].URL, "{}", &challenge)
	return err
}

// becomes asks every 2 ms, whatever Retry-After says, until the order is so.
func (c *client) becomes(at string, o *order, status string) error {
	for o.Status != status {
		if o.Status == "invalid" {
			return fmt.Errorf("%s: invalid", at)
		}
		time.Sleep(2 * time.Millisecond)
		if _, err := c.post(at, "", o); err != nil {
			return err
		}
	}
	return nil
}
