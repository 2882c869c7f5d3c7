package provider

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"cnfd/publish"
)

// googleTokens changes the key of a service account into access tokens, by a JWT
// that it signs (RFC 7523 §2.1; "Using OAuth 2.0 for Server to Server Applications").
// The token_uri of the key's file is where the JWT goes, and must be https.
type googleTokens struct {
	api            *api
	project, email string
	uri            string
	key            *rsa.PrivateKey
	keyID          string
	now            func() time.Time

	mu    sync.Mutex // guards what follows
	token string
	until time.Time
}

const (
	googleScope    = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
	googleLifetime = time.Hour        // the longest that is taken
	googleMargin   = 60 * time.Second // a token is not used for its last minute
)

// googleAccount reads the key file. The error repeats nothing of it.
func googleAccount(c Config) (*googleTokens, error) {
	var file struct {
		Type    string `json:"type"`
		Project string `json:"project_id"`
		KeyID   string `json:"private_key_id"`
		Key     string `json:"private_key"`
		Email   string `json:"client_email"`
		URI     string `json:"token_uri"`
	}
	if err := json.Unmarshal(c.Credentials, &file); err != nil {
		return nil, errors.New("not the JSON key of a service account")
	}
	switch {
	case file.Type != "service_account":
		return nil, errors.New(`want the JSON key of a service account ("type": "service_account")`)
	case file.Project == "" || file.Email == "" || file.URI == "":
		return nil, errors.New("want project_id, client_email and token_uri")
	case c.Now == nil:
		return nil, errors.New("no clock to sign by")
	}
	block, _ := pem.Decode([]byte(file.Key))
	if block == nil {
		return nil, errors.New("private_key: not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("private_key: not an RSA key in PKCS #8")
	}
	// Endpoint is of the DNS API; tokens are asked for where the file says.
	a, err := Config{Credentials: c.Credentials, Client: c.Client, Now: c.Now, Wait: c.Wait}.api("google", file.URI)
	if err != nil {
		return nil, errors.New("token_uri: want an https URL")
	}
	t := &googleTokens{api: a, project: file.Project, email: file.Email, uri: file.URI, key: key, keyID: file.KeyID, now: c.Now}
	a.explain = func(body []byte) string {
		fault := googleTokenError(body)
		return strings.Trim(fault.Code+": "+fault.Description, ": ")
	}
	return t, nil
}

// bearer returns a token, the last one while it lasts.
func (t *googleTokens) bearer(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.token != "" && now.Before(t.until) {
		return t.token, nil
	}
	assertion, err := t.assertion(now)
	if err != nil {
		return "", &publish.Error{Kind: publish.BadKey, Where: "google", What: "key of the service account cannot sign", Err: err}
	}
	t.api.hidden.hide(assertion)
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	p, err := t.api.call(ctx, request{
		method: http.MethodPost, body: []byte(form.Encode()), harmless: true,
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	})
	if err != nil {
		return "", t.judge(p, err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(p.body, &answer); err != nil {
		return "", t.api.odd(errors.New("token: not JSON"))
	}
	if answer.Token == "" || strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }) || !strings.EqualFold(answer.Type, "Bearer") {
		return "", t.api.odd(errors.New("token: no bearer token"))
	}
	t.token, t.until = answer.Token, now.Add(min(time.Duration(max(answer.Expires, 0))*time.Second, googleLifetime)-googleMargin)
	return t.token, nil
}

// assertion is a JWT signed with RS256 (RFC 7515 §3.1, RFC 7518 §3.3).
func (t *googleTokens) assertion(now time.Time) (string, error) {
	part := func(v map[string]any) string {
		text, _ := json.Marshal(v) // of strings and numbers alone
		return base64.RawURLEncoding.EncodeToString(text)
	}
	header := map[string]any{"alg": "RS256", "typ": "JWT"}
	if t.keyID != "" {
		header["kid"] = t.keyID
	}
	signed := part(header) + "." + part(map[string]any{
		"iss": t.email, "scope": googleScope, "aud": t.uri,
		"iat": now.Unix(), "exp": now.Add(googleLifetime).Unix(),
	})
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, t.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// judge tells what a refused assertion means (RFC 6749 §5.2).
func (t *googleTokens) judge(p reply, err error) error {
	var e *publish.Error
	if !errors.As(err, &e) || p.status < 400 || p.status >= 500 || e.Kind == publish.RateLimited {
		return err
	}
	e.Kind, e.Do = publish.BadKey, "check that the key of the service account is still there and enabled"
	if strings.Contains(googleTokenError(p.body).Description, "reasonable timeframe") {
		e.Kind, e.Do = publish.BadTime, "set this machine's clock"
		if theirs, err := http.ParseTime(p.header.Get("Date")); err == nil {
			e.Theirs = theirs
			e.What += fmt.Sprintf(" (their clock: %s)", theirs.UTC().Format(time.RFC3339))
		}
	}
	return err
}

type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func googleTokenError(body []byte) oauthError {
	var e oauthError
	_ = json.Unmarshal(body, &e) // what stands in the way may answer in HTML
	return e
}
