package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// A town has an authorization server (npm's oidc-provider), a client of it (npm's openid-client), a resource that the
// client calls, and the users' domain, served by NSD below BIND's root. What the resource is sent, cnfd judges.
type town struct {
	*internet
	*authority
	dir      string
	provider *process
	client   *oauthClient
	resource *resource
}

const (
	townIssuer   = "https://op.example"
	townResource = "https://api.example"
	townUser     = "https://steady.example/users/7"
	townDomain   = "steady.example."
	townLifetime = time.Hour // of a token
)

// oidc names the directory of the scripts, or skips the test naming what they need and is not there.
func oidc(t testing.TB) string {
	t.Helper()
	testneeds.Binary(t, "node", "nodejs")
	var major, minor int
	out, err := try("", "", "node", "--version")
	if err == nil {
		_, err = fmt.Sscanf(out, "v%d.%d", &major, &minor)
	}
	if err != nil || major < 20 || major == 20 && minor < 19 {
		testneeds.Lacking(t, "node is too old for npm's oidc-provider, which needs 20.19: "+strings.TrimSpace(out))
	}
	if _, err := os.Stat(filepath.Join("oidc", "node_modules", "oidc-provider")); err != nil {
		testneeds.Lacking(t, "npm's oidc-provider is missing: (cd integration/oidc && npm ci)")
	}
	dir, err := filepath.Abs("oidc")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// newTown starts a town on addresses 127.number.0.x: the DNS at 1 and 2, the provider at 9, the resource at 10.
func newTown(t testing.TB, number int) *town {
	t.Helper()
	lab(t)
	oidc(t)
	network := network(t, number)
	n := &town{
		internet: &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}},
		dir:      filepath.Join(work, network+"town"),
	}
	n.authority = newAuthority(t, n.dir)
	n.provide(t, "first.ES256", "first.ES384", "first.PS256", "first.EdDSA")
	n.resource = newResource(t, n.authority, network+"10")
	n.client = n.newClient(t)

	n.root, n.leaf = newHost(t, bind{inline: true}, network+"1"), newHost(t, nsd{}, network+"2")
	n.tld = n.leaf
	root, leaf := n.add(t, n.root, ".", dns.ECDSAP256SHA256), n.add(t, n.leaf, townDomain, dns.ECDSAP256SHA256)
	root.edit(nil, append(leaf.set(townDomain, dns.TypeNS), leaf.set("ns."+townDomain, dns.TypeA)...))
	for _, h := range []*host{n.root, n.leaf} {
		h.launch(t)
	}
	for _, h := range []*host{n.root, n.leaf} {
		h.awaitZones(t)
	}
	n.chain(t)
	await(t, townIssuer, n.provided)
	return n
}

// at is the address of one of the town's servers.
func (n *town) at(host int) string { return n.net + strconv.Itoa(host) }

// provide starts the authorization server with the keys of these names, which sign in this order.
func (n *town) provide(t testing.TB, signers ...string) {
	t.Helper()
	key, cert := n.issue(t, "op.example")
	config, err := json.Marshal(map[string]any{
		"issuer": townIssuer, "address": n.at(9), "key": key, "cert": cert, "ca": n.ca, "keys": n.dir,
		"signers": signers, "resource": townResource, "lifetime": townLifetime / time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(n.dir, "provider.json")
	write(t, path, string(config))
	claim(t, n.at(9))
	n.provider = start(t, filepath.Join(n.dir, "provider.log"), "node", filepath.Join(oidc(t), "provider.mjs"), path)
}

// provided reports whether the authorization server answers.
func (n *town) provided() error {
	conn, err := net.Dial("tcp", n.at(9)+":443")
	if err == nil {
		conn.Close()
	}
	return err
}

// provideAnew ends the authorization server and starts another with other keys, as an operator rotates them.
func (n *town) provideAnew(t testing.TB, signers ...string) {
	t.Helper()
	n.provider.stop()
	n.provide(t, signers...)
	await(t, townIssuer, n.provided)
}

// issued is how a configuration names the provider, with its keys' address pinned and its authority's certificate.
func (n *town) issued(more string) string {
	return fmt.Sprintf("issuers:\n  - {issuer: %q, keys: %q, ca: %q, addresses: [%q]%s}\n", townIssuer, townIssuer+"/jwks", n.ca, n.at(9), more)
}

// vouch has the user's domain publish the record of a thumbprint for the grant, in the place of another; of "" none.
func (n *town) vouch(t testing.TB, g grant, thumbprint string) {
	t.Helper()
	z, add := n.zones[townDomain], []dns.RR(nil)
	if thumbprint != "" {
		add = append(add, tlsa(t, g.owner(), thumbprint))
	}
	n.leaf.edit(t, z, z.set(g.owner(), dns.TypeTLSA), add)
}
