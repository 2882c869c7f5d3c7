package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The vectors are those that AWS publishes as its "Signature Version 4 test suite".
func TestSigV4(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, method, target, body, contentType, want string
	}{
		{"get-vanilla", "GET", "/", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		{"post-vanilla", "POST", "/", "", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-x-www-form-urlencoded", "POST", "/", "Param1=value1", "application/x-www-form-urlencoded", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, "https://example.amazonaws.com"+tt.target, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			s := sigV4{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: "service"}
			s.sign(r, []byte(tt.body), at)
			got := r.Header.Get("Authorization")
			if !strings.HasSuffix(got, "Signature="+tt.want) {
				t.Errorf("%s, want the signature %s", got, tt.want)
			}
		})
	}
}

// The signatures are those that AWS's own SDK for Go (v1.47.7) made of the same requests.
func TestSigV4AsTheSDK(t *testing.T) {
	for _, tt := range []struct{ name, method, target, body, want string }{
		{"a query with what is escaped and what is not", "GET", "/2013-04-01/hostedzone/Z1/rrset?identifier=a%20b%2A~&name=jwk.cnf.vendor.example.&type=TLSA", "", "57d0dfc7f21cec9654446def9bab0680cb266e6794b6e219b190b563398625d2"},
		{"a body with its type", "POST", "/2013-04-01/hostedzone/Z1/rrset/", "<a/>", "6bff5f1a1bae498a9326ca8b0aa68ffb883f628f7774797670697fb81ab1cbf7"},
		{"a path that is escaped twice, a name that comes twice", "GET", "/a%20b/%2Fc/?x=1&x=0", "", "6f751489efff0afa7c76156399933e0bc52db4a18b73aa8a7e1ad869d3cb87ef"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, "https://route53.amazonaws.com"+tt.target, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.body != "" {
				r.Header.Set("Content-Type", "application/xml")
			}
			s := sigV4{id: "AKID", secret: "sec/ret+x", token: "tok//en", region: "us-east-1", service: "route53"}
			s.sign(r, []byte(tt.body), noon())
			if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+tt.want) {
				t.Errorf("%s, want the signature %s", got, tt.want)
			}
		})
	}
}
