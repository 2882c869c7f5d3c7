package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"cnfd/publish"
)

// authorize puts the token on a request to the API.
func (z *azureZone) authorize(r *http.Request, _ []byte) error {
	token, err := z.bearer(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return err
}

// bearer is the token, which is asked for where there is none or it ends.
func (z *azureZone) bearer(ctx context.Context) (string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.token == "" || !z.now().Before(z.until) {
		if err := z.ask(ctx); err != nil {
			return "", err
		}
	}
	return z.token, nil
}

// ask asks for a token by the client credentials grant (RFC 6749 §4.4).
func (z *azureZone) ask(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {z.key.AppID}, "client_secret": {z.key.Password}, "scope": {z.scope}}
	p, err := z.login.call(ctx, request{
		method: http.MethodPost, path: "/" + url.PathEscape(z.key.Tenant) + "/oauth2/v2.0/token",
		body: []byte(form.Encode()), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, harmless: true,
	})
	var e *publish.Error
	if errors.As(err, &e) && p.status >= 400 && p.status < 500 && e.Kind != publish.RateLimited {
		e.Kind, e.Do = publish.BadKey, "check tenant, appId and password"
	}
	if err != nil {
		return err
	}
	var grant struct {
		Type    string `json:"token_type"`
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(p.body, &grant); err != nil || !strings.EqualFold(grant.Type, "Bearer") || !bearerToken.MatchString(grant.Token) {
		return z.login.odd(errors.New("no token"))
	}
	z.hidden.hide(grant.Token)
	// A minute early: it is still to be good when it arrives.
	z.token, z.until = grant.Token, z.now().Add(time.Duration(min(max(grant.Seconds, 60), 86400)-60)*time.Second)
	return nil
}

// bearerToken is what a token is made of (RFC 6750 §2.1).
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// azureKey is a service principal, under the names that Azure's tools have for its parts.
type azureKey struct {
	Tenant         string `json:"tenant"`
	TenantID       string `json:"tenantId"`
	AppID          string `json:"appId"`
	ClientID       string `json:"clientId"`
	Password       string `json:"password"`
	ClientSecret   string `json:"clientSecret"`
	Subscription   string `json:"subscription"`
	SubscriptionID string `json:"subscriptionId"`
	ResourceGroup  string `json:"resourceGroup"`
	Login          string `json:"activeDirectoryEndpointUrl"` // "": that of the public cloud
}

// readAzureKey reads what `az ad sp create-for-rbac` prints, with the subscription and
// the resource group added.
func readAzureKey(file []byte) (k azureKey, err error) {
	if json.Unmarshal(file, &k) != nil {
		return k, errors.New("azure: credentials: not JSON")
	}
	k.Tenant, k.AppID = cmp.Or(k.Tenant, k.TenantID), cmp.Or(k.AppID, k.ClientID)
	k.Password, k.Subscription = cmp.Or(k.Password, k.ClientSecret), cmp.Or(k.Subscription, k.SubscriptionID)
	if k.Tenant == "" || k.AppID == "" || k.Password == "" || k.Subscription == "" || k.ResourceGroup == "" {
		return k, errors.New("azure: credentials: want tenant, appId, password, subscription and resourceGroup")
	}
	return k, nil
}

// loginWords leaves out the description, which repeats who asked.
func loginWords(body []byte) string {
	var e struct {
		Error string
		Codes []int `json:"error_codes"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	for _, code := range e.Codes {
		e.Error += fmt.Sprintf(" AADSTS%d", code)
	}
	return e.Error
}
