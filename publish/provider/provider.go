// Package provider writes records over the HTTP APIs of DNS providers, each in a
// file of its own.
//
// What is read and written is compared octet by octet by package publish: a
// provider that changes a record on its way is found out.
package provider

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// Config is how a provider is reached. Credentials and Now are required.
type Config struct {
	// Endpoint is the base URL of the API; "": the provider's own. It must be https
	// but on loopback.
	Endpoint string
	// Credentials is what a credentials file holds; each provider's own file says which form.
	Credentials []byte
	// Zone is the apex of the zone that is written to, with or without the trailing
	// dot; "": the longest of the provider's zones that holds the name.
	Zone string
	// Client makes the calls; nil: one that verifies certificates by the machine's authorities.
	Client *http.Client
	// Now is the clock that requests are signed by.
	Now func() time.Time
	// Wait waits for d, or until ctx ends: between two tries. nil: on a timer.
	Wait wait
}

// providers makes the target of each, by the word that --to takes.
var providers = map[string]func(Config) (publish.Target, error){
	"google":     newGoogle,
	"azure":      newAzure,
	"desec":      newDeSEC,
	"gandi":      newGandi,
	"hetzner":    newHetzner,
	"ovh":        newOVH,
	"route53":    newRoute53,
	"cloudflare": newCloudflare,
	"powerdns":   newPowerDNS,
}

// Names lists the providers, as New takes them, in order.
func Names() []string { return slices.Sorted(maps.Keys(providers)) }

// New returns the target of the provider called name. The error says what is wrong
// with the configuration or the credentials, and repeats nothing of them. Nothing is
// sent yet.
func New(name string, c Config) (publish.Target, error) {
	f, ok := providers[name]
	if !ok {
		return publish.Target{}, fmt.Errorf("provider %q: none of %s", name, strings.Join(Names(), ", "))
	}
	return f(c)
}
