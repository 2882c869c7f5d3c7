package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"

	"cnfd/client"
)

// This is the snippet of docs/api.md: a test holds the two together.
func ask(ctx context.Context, server, token string, requests []client.Request) error {
	c, err := client.New(server) // unix:/run/cnfd/cnfd.sock, http://… or https://…
	if err != nil {
		return err
	}
	defer c.Close()
	v, err := c.Verify(ctx, client.Request{Token: token, Checks: []client.Check{client.CheckSignature}})
	var refused *client.Problem
	switch {
	case errors.As(err, &refused):
		fmt.Println(refused.Detail, refused.RetryAfter) // nobody is let in; zero: no time was said
	case err != nil || !v.Confirmed():
		fmt.Println("nobody is let in:", v.Reason, err)
	default:
		fmt.Println(v.Domain, "vouches for the key")
	}
	for v, err := range c.VerifyBatch(ctx, slices.Values(requests)) {
		fmt.Println(v.Outcome, err) // one for each request, in their order
	}
	return nil
}

func ExampleClient_VerifyBatch() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/v1/verify" {
			fmt.Fprintln(w, `{"outcome":"confirmed","reason":"record_matches","domain":"vendor.example","signature":"valid"}`)
			return
		}
		fmt.Fprintln(w, `{"outcome":"confirmed","reason":"record_matches","domain":"vendor.example"}`)
		fmt.Fprintln(w, `{"outcome":"refuted","reason":"record_absent","domain":"stranger.example"}`)
	}))
	defer server.Close()
	err := ask(context.Background(), server.URL, "eyJ…", []client.Request{{Token: "eyJ…1"}, {Token: "eyJ…2"}})
	fmt.Println(err)
	// Output:
	// vendor.example vouches for the key
	// confirmed <nil>
	// refuted <nil>
	// <nil>
}
