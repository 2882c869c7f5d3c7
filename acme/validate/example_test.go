package validate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"cnfd/acme"
	"cnfd/acme/validate"
	"cnfd/dnssec"
)

// here says of every name that it has the address 127.0.0.1. In the daemon the
// resolver stands in its place, which proves what it says.
type here struct{}

func (here) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	a := &dnssec.Answer{Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoData}
	if q.Type == 1 {
		a.Kind, a.Data = dnssec.Positive, [][]byte{{127, 0, 0, 1}}
	}
	return a, false, nil
}

func Example() {
	const token, thumbprint = "DGyRejmCefe7v4NfDGDKfA", "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
	files := map[string]string{"/.well-known/acme-challenge/" + token: token + "." + thumbprint}
	domain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, files[r.URL.Path])
	}))
	defer domain.Close()

	v, err := validate.New(validate.Config{
		Source:        here{},
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		HTTPPort:      netip.MustParseAddrPort(domain.Listener.Addr().String()).Port(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	vendor := acme.Identifier{Type: acme.TypeDNS, Value: "vendor.example"}
	p := v.Validate(context.Background(), acme.MethodHTTP, vendor, token, token+"."+thumbprint)
	fmt.Println("passed:", p == nil)
	clear(files)
	p = v.Validate(context.Background(), acme.MethodHTTP, vendor, token, token+"."+thumbprint)
	fmt.Println("passed:", p == nil, p.Kind)
	p = v.Validate(context.Background(), acme.MethodDNS, vendor, token, token+"."+thumbprint)
	fmt.Println(p.Detail)
	// Output:
	// passed: true
	// passed: false incorrectResponse
	// there is no TXT record at _acme-challenge.vendor.example: the name has none: publish there the digest of the key authorization, and wait until each of the zone's name servers has it
}
