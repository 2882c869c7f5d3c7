package authz_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"net/netip"

	"cnfd/authz"
	"cnfd/verifier"
)

// confirming is a verifier that has confirmed what it was asked about, with the checks that were demanded.
type confirming struct{}

func (confirming) Verify(_ context.Context, q *verifier.Request) (verifier.Verdict, error) {
	fmt.Printf("asked for %s of %s %s\n", q.Checks, q.DPoP.Method, q.DPoP.URL)
	return verifier.Verdict{
		Reason: verifier.RecordMatches, Domain: "vendor.example",
		Signature: verifier.Valid, DPoP: verifier.Valid, Time: verifier.Checked,
	}, nil
}

// A handler answers nginx, which asks whether to let a request through.
func Example() {
	h, err := authz.New(authz.Config{
		Verifier: confirming{},
		NewID:    func() string { return "01KAN5S6E8TTX0Q6HVQJ8B7SJD" },
		Gateway:  authz.Nginx,
		Issuers:  true,
		Subjects: []string{"vendor.example"},
		Peers:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, // httptest's clients are there
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, scheme := range []string{"DPoP", "Bearer"} {
		r := httptest.NewRequest("GET", "/v1/authz", nil)
		r.Header.Set("X-Original-Method", "POST")
		r.Header.Set("X-Original-URL", "https://api.example/orders/7")
		r.Header.Set("Authorization", scheme+" "+token)
		r.Header.Set("DPoP", "…")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Cnf-Outcome"), w.Header().Get("Cnf-Domain"))
	}
	// Output:
	// asked for signature,dpop of POST https://api.example/orders/7
	// 200 confirmed vendor.example
	// 401 invalid -
}

// token is a JWT that is bound to a key.
var token = part(`{"alg":"ES256"}`) + "." +
	part(`{"sub":"https://vendor.example","cnf":{"jkt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}}`) + "." + part("its signature")

func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
