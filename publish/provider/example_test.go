package provider_test

import (
	"fmt"
	"time"

	"cnfd/publish/provider"
)

// A target is made of what the provider's credentials file holds. Nothing is sent yet.
func ExampleNew() {
	target, err := provider.New("cloudflare", provider.Config{Credentials: []byte("an-api-token\n"), Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s takes TTLs of %v and more\n", target.Name, target.Limits.MinTTL)

	_, err = provider.New("route53", provider.Config{Credentials: []byte("an-api-token\n"), Now: time.Now})
	fmt.Println(err)
	// Output:
	// cloudflare takes TTLs of 1m0s and more
	// route53: credentials: line 1: want name = value
}
