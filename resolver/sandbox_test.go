package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox"
	"cnfd/resolver"

	"github.com/miekg/dns"
)

// start runs the sandbox on loopback with a resolver that walks it over real sockets.
func start(tb testing.TB) (*sandbox.Internet, *resolver.Resolver) {
	tb.Helper()
	net, err := sandbox.Start(sandbox.Config{Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { net.Close() })
	anchors, err := dnssec.ParseAnchors([]string{net.Anchor()})
	if err != nil {
		tb.Fatal(err)
	}
	c := resolver.Config{Now: time.Now, Anchors: &anchors, ServerPort: uint16(net.Port()), AllowLocalServers: true}
	for _, h := range net.Hints() {
		c.Hints = append(c.Hints, resolver.Hint(h))
	}
	r, err := resolver.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return net, r
}

func ask(tb testing.TB, r *resolver.Resolver, name string, rrtype uint16) *dnssec.Answer {
	tb.Helper()
	n, ok := dnssec.NameOf(name)
	if !ok {
		tb.Fatal(name)
	}
	a, _, err := r.Lookup(tb.Context(), dnssec.Question{Name: n, Type: rrtype})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// TestSandbox asks every question of the sandbox to which the answer is known.
func TestSandbox(t *testing.T) {
	net, r := start(t)
	kinds := map[dnssec.Kind]string{dnssec.Positive: "positive", dnssec.NoData: "nodata", dnssec.NoName: "noname", dnssec.NoAnswer: ""}
	for _, z := range net.Zones() {
		for _, c := range z.Cases {
			t.Run(c.Name+dns.TypeToString[c.Type], func(t *testing.T) {
				a := ask(t, r, c.Name, c.Type)
				kind := kinds[a.Kind]
				if a.Security == dnssec.Bogus || a.Trouble.Budget {
					kind = c.Kind // what is forged, or costs too much, is of no kind
				}
				if a.Security.String() != c.Want || kind != c.Kind || a.Wildcard != c.Wildcard {
					t.Errorf("%s %s, wildcard %v: %+v; want %s %s (%s)", a.Security, kind, a.Wildcard, a.Trouble, c.Want, c.Kind, c.Why)
				}
				if a.Security != dnssec.Secure && a.Security != dnssec.Insecure && (a.Trouble.Text == "" || len(a.Data) > 0) {
					t.Errorf("trouble %+v, %d records", a.Trouble, len(a.Data))
				}
				if a.Security == dnssec.Secure && a.Kind == dnssec.Positive && a.Type == dns.TypeTLSA && len(a.Data) == 0 {
					t.Error("positive, and no data")
				}
			})
		}
	}
}

// TestReasons: what is broken is named by its RFC 8914 code.
func TestReasons(t *testing.T) {
	_, r := start(t)
	for name, code := range map[string]uint16{
		"expired.example.": dnssec.CodeExpired, "future.example.": dnssec.CodeNotYetValid, "stripped.example.": dnssec.CodeSignatureMissing,
		"forged.example.": dnssec.CodeBogus, "wrongds.example.": dnssec.CodeKeyMissing, "unproven.example.": dnssec.CodeSignatureMissing,
		"silent.example.": dnssec.CodeNoReachable, "plain.example.": dnssec.CodeSignatureMissing,
		"unknown.example.": dnssec.CodeUnsupportedKey, "digest.example.": dnssec.CodeUnsupportedDigest,
	} {
		if a := ask(t, r, "jwk.cnf."+name, dns.TypeTLSA); a.Trouble.Code != code || a.Trouble.Text == "" {
			t.Errorf("%s: %s %+v, want %d", name, a.Security, a.Trouble, code)
		}
	}
}

// TestZoneOfTheName: Answer.Zone is where the name itself lies, before aliases:
// what tells a delegated confirmation name from the domain's own.
func TestZoneOfTheName(t *testing.T) {
	_, r := start(t)
	for name, zone := range map[string]string{
		"jwk.cnf.vendor.example.": "vendor.example.", "jwk.cnf.absent.vendor.example.": "vendor.example.", "jwk.cnf.delegated.example.": "cnf.delegated.example.",
		"jwk.cnf.handed.example.": "cnf.handed.example.", "jwk.cnf.cross.alias.example.": "alias.example.", "jwk.cnf.dname.example.": "dname.example.",
		"jwk.cnf.missing.example.": "example.", "jwk.cnf.missing.test.": "test.", "jwk.cnf.same.example.": "same.example.",
	} {
		if a := ask(t, r, name, dns.TypeTLSA); a.Zone != zone {
			t.Errorf("%s lies in %s, want %s", name, a.Zone, zone)
		}
	}
}

// TestExplain: the chain of trust, from the root down.
func TestExplain(t *testing.T) {
	_, r := start(t)
	for _, c := range []struct {
		name  string
		zones []string
		last  string // the security of the last
	}{
		{"jwk.cnf.vendor.example.", []string{".", "example.", "vendor.example."}, "secure"},
		{"jwk.cnf.unsigned.example.", []string{".", "example.", "unsigned.example."}, "insecure"},
		{"jwk.cnf.wrongds.example.", []string{".", "example.", "wrongds.example."}, "bogus"},
		{"jwk.cnf.same.example.", []string{".", "example.", "same.example."}, "secure"},
		{"jwk.cnf.inzone.alias.example.", []string{".", "example.", "alias.example."}, "secure"},
		{"jwk.cnf.cross.alias.example.", []string{".", "example.", "alias.example.", "test.", "vendor.test."}, "secure"},
		{"jwk.cnf.stale.alias.example.", []string{".", "example.", "alias.example.", "expired.example."}, "bogus"},
	} {
		for _, at := range []time.Time{{}, time.Now()} {
			n, _ := dnssec.NameOf(c.name)
			a, links, err := r.Explain(t.Context(), dnssec.Question{Name: n, Type: dns.TypeTLSA, At: at})
			if err != nil || a == nil {
				t.Fatal(err)
			}
			var zones []string
			for _, l := range links {
				zones = append(zones, l.Zone)
				if l.How == "" || len(l.Servers) == 0 || (l.Security == "secure") != (len(l.Keys) > 0) || (l.Security == "bogus") != (l.Trouble != "") {
					t.Errorf("%+v", l)
				}
			}
			if !slices.Equal(zones, c.zones) || links[len(links)-1].Security != c.last {
				t.Errorf("%s: %v, %+v", c.name, zones, links)
			}
		}
	}
	n, _ := dnssec.NameOf("a..b.")
	if a, links, err := r.Explain(t.Context(), dnssec.Question{Name: n}); err != nil || a.Trouble.Text == "" || links != nil {
		t.Errorf("%v %v %v", a, links, err)
	}
}

func TestReady(t *testing.T) {
	net, r := start(t)
	if err := r.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	wrong, err := dnssec.ParseAnchors([]string{". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := resolver.New(resolver.Config{Now: time.Now, Anchors: &wrong, ServerPort: uint16(net.Port()), AllowLocalServers: true,
		Hints: []resolver.Hint{resolver.Hint(net.Hints()[0])}})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Ready(t.Context()); err == nil {
		t.Error("ready, though the root's key is not the anchor's")
	}
	for _, x := range []*resolver.Resolver{r, stranger} {
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestConfig(t *testing.T) {
	for claim, c := range map[string]resolver.Config{
		"no clock":  {},
		"no family": {Now: time.Now, NoIPv4: true, NoIPv6: true},
	} {
		if _, err := resolver.New(c); err == nil {
			t.Errorf("%s: no error", claim)
		}
	}
	if _, err := resolver.New(resolver.Config{Now: time.Now}); err != nil {
		t.Error(err)
	}
}

func Example() {
	net, err := sandbox.Start(sandbox.Config{Now: time.Now}) // a small signed Internet on loopback
	if err != nil {
		fmt.Println(err)
		return
	}
	defer net.Close()
	anchors, err := dnssec.ParseAnchors([]string{net.Anchor()})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := resolver.New(resolver.Config{
		Now:               time.Now,
		Hints:             []resolver.Hint{{Name: "a.root-servers.", Addresses: []netip.Addr{netip.MustParseAddr("127.0.53.1")}}},
		Anchors:           &anchors,
		ServerPort:        uint16(net.Port()),
		AllowLocalServers: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, domain := range []string{"vendor.example.", "unsigned.example.", "expired.example."} {
		name, _ := dnssec.NameOf("jwk.cnf." + domain)
		a, _, err := r.Lookup(context.Background(), dnssec.Question{Name: name, Type: dnssec.TypeTLSA})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(domain, a.Security, len(a.Data))
	}
	// Output:
	// vendor.example. secure 1
	// unsigned.example. insecure 1
	// expired.example. bogus 0
}
