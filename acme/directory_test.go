package acme_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"cnfd/acme"
)

func TestDirectory(t *testing.T) {
	s := newScene(t, func(c *acme.Config) {
		c.Terms, c.Website, c.CAAIdentities, c.ExternalAccounts = "https://ca.example/terms", "https://ca.example/", []string{"ca.example"}, true
	})
	c := newClient(t, s.Server)
	r, body := c.get("/directory")
	wantStatus(t, r, body, http.StatusOK)
	got := read[map[string]any](t, body)
	want := map[string]any{
		"newNonce": "https://ca.example/acme/new-nonce", "newAccount": "https://ca.example/acme/new-account", "newOrder": "https://ca.example/acme/new-order",
		"newAuthz": "https://ca.example/acme/new-authz", "revokeCert": "https://ca.example/acme/revoke-cert", "keyChange": "https://ca.example/acme/key-change",
		"renewalInfo": "https://ca.example/acme/renewal-info",
		"meta": map[string]any{
			"termsOfService": "https://ca.example/terms", "website": "https://ca.example/", "caaIdentities": []any{"ca.example"},
			"externalAccountRequired": true, "profiles": map[string]any{"default": "a week"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// What is not configured is left out.
	s = newScene(t, nil)
	_, body = newClient(t, s.Server).get("/directory")
	want["meta"] = map[string]any{"externalAccountRequired": false, "profiles": map[string]any{"default": "a week"}}
	if got := read[map[string]any](t, body); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Every URL of the directory is one that the server answers at.
func TestDirectoryIsTrue(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	_, body := c.get("/directory")
	urls := read[map[string]any](t, body)
	for name, url := range urls {
		path, is := url.(string)
		if !is {
			continue
		}
		if name == "renewalInfo" {
			path += "/AA.AA"
		}
		r, body := c.post(path, "{}")
		if r.StatusCode == http.StatusNotFound && name != "renewalInfo" {
			t.Errorf("%s: %s", name, body)
		}
	}
}

func TestReadWithASignature(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	r, body := c.post("/directory", nil)
	wantStatus(t, r, body, http.StatusOK)
	if read[map[string]any](t, body)["newOrder"] == nil {
		t.Errorf("%s: no directory", body)
	}
	r, body = c.post("/directory", "{}")
	wantRefused(t, r, body, http.StatusBadRequest, acme.Malformed, "POST-as-GET")
	r, body = c.post("/acme/new-nonce", nil)
	wantStatus(t, r, body, http.StatusNoContent)
	r, body = c.post("/acme/new-nonce", "{}")
	wantRefused(t, r, body, http.StatusBadRequest, acme.Malformed, "POST-as-GET")
}

func TestNewNonce(t *testing.T) {
	s := newScene(t, nil)
	seen := map[string]bool{}
	for method, want := range map[string]int{http.MethodHead: http.StatusOK, http.MethodGet: http.StatusNoContent} {
		r, body := answered(t, s.Server, httptest.NewRequest(method, "https://ca.example/acme/new-nonce", nil))
		nonce := r.Header.Get("Replay-Nonce")
		if r.StatusCode != want || len(body) > 0 || r.Header.Get("Cache-Control") != "no-store" || len(nonce) != 22 || seen[nonce] {
			t.Errorf("%s: %d %q %v, want %d (RFC 8555 §7.2)", method, r.StatusCode, body, r.Header, want)
		}
		if r.Header.Get("Link") != `<https://ca.example/directory>;rel="index"` {
			t.Errorf("%s: Link %q (RFC 8555 §7.1)", method, r.Header.Get("Link"))
		}
		seen[nonce] = true
	}
}

// TestDirectoryOfAProfile: who cannot choose a profile is given a directory that leads to one; who can has the choice still.
func TestDirectoryOfAProfile(t *testing.T) {
	p := newPlay(t, func(c *acme.Config) {
		plain := c.Profiles[0]
		plain.Name, plain.Identifiers = "Plain-1.0_a", []string{acme.TypeDNS}
		c.Profiles = append(c.Profiles, plain)
	})
	_, body := p.get("/directory/Plain-1.0_a")
	got := read[map[string]any](t, body)
	_, body = p.get("/directory")
	want := read[map[string]any](t, body)
	want["newOrder"], want["newAuthz"] = "https://ca.example/acme/new-order/Plain-1.0_a", "https://ca.example/acme/new-authz/Plain-1.0_a"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	_, body = p.post("/directory/Plain-1.0_a", nil)
	if got := read[map[string]any](t, body); !reflect.DeepEqual(got, want) {
		t.Errorf("signed for: got  %v\nwant %v", got, want)
	}
	for _, tt := range []struct {
		path, says, profile string
	}{
		{"/acme/new-order", "", "default"},
		{"/acme/new-order", "Plain-1.0_a", "Plain-1.0_a"},
		{"/acme/new-order/Plain-1.0_a", "", "Plain-1.0_a"},
		{"/acme/new-order/Plain-1.0_a", "default", "default"},
		{"/acme/new-order/default", "", "default"},
	} {
		order := ordering("vendor.example")
		if tt.says != "" {
			order["profile"] = tt.says
		}
		r, body := p.post(tt.path, order)
		wantStatus(t, r, body, http.StatusCreated)
		if got := read[map[string]any](t, body)["profile"]; got != tt.profile {
			t.Errorf("%s, and says %q: %v, want %s", tt.path, tt.says, got, tt.profile)
		}
	}
	address := map[string]any{"identifier": acme.Identifier{Type: acme.TypeIP, Value: "192.0.2.1"}}
	r, body := p.post("/acme/new-authz/default", address)
	wantStatus(t, r, body, http.StatusCreated)
	r, body = p.post("/acme/new-authz/Plain-1.0_a", address)
	wantRefused(t, r, body, http.StatusForbidden, acme.UnsupportedIdentifier, "not in profile Plain-1.0_a")
	r, body = p.get("/directory/plain-1.0_a")
	wantRefused(t, r, body, http.StatusNotFound, acme.InvalidProfile, "/directory lists them")
	for _, path := range []string{"/acme/new-order/other", "/acme/new-authz/other"} {
		r, body := p.post(path, map[string]any{"identifiers": []acme.Identifier{{Type: acme.TypeDNS, Value: "vendor.example"}}, "identifier": acme.Identifier{Type: acme.TypeDNS, Value: "vendor.example"}})
		wantRefused(t, r, body, http.StatusNotFound, acme.InvalidProfile, "/directory lists them")
	}
}
