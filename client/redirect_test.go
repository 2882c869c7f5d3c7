package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cnfd/client"
)

// TestNobodyIsFollowed: who answers with a redirect gets the credential, and nobody else does; a verdict from elsewhere is none.
func TestNobodyIsFollowed(t *testing.T) {
	elsewhere := &daemon{status: 200, body: verdict}
	other := httptest.NewServer(elsewhere)
	t.Cleanup(other.Close)
	asks := map[string]func(c *client.Client) (client.Verdict, error){
		"Verify": func(c *client.Client) (client.Verdict, error) {
			return c.Verify(context.Background(), client.Request{Token: "secret"})
		},
		"Precheck": func(c *client.Client) (client.Verdict, error) {
			return c.Precheck(context.Background(), "https://vendor.example", json.RawMessage(`{"jkt":"x"}`))
		},
		"VerifyBatch": func(c *client.Client) (v client.Verdict, err error) {
			elsewhere.body = strings.ReplaceAll(verdict, "\n", "") + "\n"
			for v, err = range c.VerifyBatch(context.Background(), slices.Values([]client.Request{{Token: "secret"}})) {
			}
			return v, err
		},
	}
	for name, ask := range asks {
		direct, err := client.New(other.URL)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := ask(direct); err != nil || !v.Confirmed() {
			t.Fatalf("%s: asked itself: %v, %v", name, v.Outcome, err)
		}
		direct.Close()
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				elsewhere.asked.Store(0)
				first := &daemon{status: status, head: http.Header{"Location": {other.URL + "/v1/verify"}}}
				if v, err := ask(start(t, first)); err == nil || v.Confirmed() {
					t.Errorf("%v, %v", v.Outcome, err)
				}
				if n := elsewhere.asked.Load(); n != 0 || first.asked.Load() != 1 {
					t.Errorf("it was asked elsewhere %d times", n)
				}
			})
		}
	}
}
