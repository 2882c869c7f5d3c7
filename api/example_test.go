package api_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"cnfd/api"
	"cnfd/dnssec"
	"cnfd/verifier"
)

// zone is a DNS of one proven record; a daemon has a resolver in its place.
type zone map[string]string

func (z zone) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	now := time.Now()
	a := &dnssec.Answer{Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName, Zone: "vendor.example.", Fetched: now, Until: now.Add(5 * time.Minute)}
	if record, ok := z[a.Name]; ok {
		data, _ := hex.DecodeString(record)
		a.Kind, a.Data = dnssec.Positive, [][]byte{data}
	}
	return a, false, nil
}

func (z zone) Explain(ctx context.Context, q dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	a, _, err := z.Lookup(ctx, q)
	return a, nil, err
}

func (zone) Drop(string) int             { return 0 }
func (zone) Ready(context.Context) error { return nil }

func Example() {
	dns := zone{"jkt.cnf.vendor.example.": "ffffff" + "80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"}
	v, err := verifier.New(verifier.Config{Source: dns, Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler, err := api.New(api.Config{Verifier: v, Resolver: dns, Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, subject := range []string{"https://vendor.example", "urn:example:1"} {
		request := httptest.NewRequest("POST", "/v1/verify", strings.NewReader(`{"claims":{"sub":"`+subject+`","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}}`))
		request.Header.Set("Content-Type", "application/json")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		var doc struct{ Outcome, Reason, Type string }
		if err := json.Unmarshal(response.Body.Bytes(), &doc); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(response.Code, doc.Outcome+doc.Type, doc.Reason)
	}
	// Output:
	// 200 confirmed record_matches
	// 422 urn:cnfd:problem:not-derivable
}
