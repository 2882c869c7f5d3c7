package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"cnfd/internal/sandbox"
)

// The files of the sandbox's directory, beside one for each sample credential.
const (
	configFile = "cnfd.yaml"
	acmeFile   = "acme.yaml"  // of an ACME server in this Internet, which cnfd acme init and cnfd serve make
	keyFile    = "update.key" // as nsupdate -k takes it
	anchorFile = "root.ds"    // as unbound and drill take it
	socketFile = "cnfd.sock"
)

// writeFiles writes the daemon's configuration, the keys to the sandbox, and the
// sample credentials.
func (p *playground) writeFiles() error {
	name, algorithm, secret := p.internet.TSIG()
	files := map[string]string{
		configFile: p.configuration(),
		acmeFile:   p.acmeConfiguration(),
		keyFile:    fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", name, algorithm, secret),
		anchorFile: p.internet.Anchor() + "\n",
	}
	for _, s := range p.samples {
		files[s.Name] = string(s.Token)
	}
	for name, text := range files {
		if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	return p.writeWallet()
}

// configuration is the daemon's: every socket on a free port of loopback.
func (p *playground) configuration() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The daemon of cnfd sandbox. It also serves cnfd verify, resolve and publish: --config %s\n", p.path(configFile))
	fmt.Fprintf(&b, "testing: %t\nstate_dir: %q\napi:\n  listen: 127.0.0.1:0\n  unix: %q\n", p.testing(), p.path("state"), p.path(socketFile))
	fmt.Fprintf(&b, "issuers: [{issuer: %q, keys: %q}]\ndns:\n  listen: 127.0.0.1:0\n", sandbox.Issuer, p.path(issuerFile))
	p.resolving(&b)
	fmt.Fprintf(&b, "publish:\n  to: rfc2136\n  credentials: %q\n", p.path(keyFile))
	return b.String()
}

// acmeConfiguration is that of an ACME server: it trusts the same root, and has no API.
func (p *playground) acmeConfiguration() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# An ACME server in the Internet of cnfd sandbox (docs/acme.md): cnfd acme init --config %[1]s, then cnfd serve --config %[1]s\n", p.path(acmeFile))
	fmt.Fprintf(&b, "testing: %t\nstate_dir: %q\napi: {listen: \"\", unix: %q}\n", p.testing(), p.path("acme-state"), p.path("acme.sock"))
	p.resolving(&b)
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), freePort(acmePort))
	fmt.Fprintf(&b, "acme:\n  listen: %[1]s\n  url: https://%[1]s\n  caa_identities: [%[2]s]\n  profiles: [{name: default, grant: record}, {name: challenge}]\n", at, sandbox.CAAIdentity)
	return b.String()
}

// acmePort is where the sandbox's ACME server listens, if nobody else does.
const acmePort = 8256

// freePort is a port of loopback that nobody has: the one wanted, if it can be had.
func freePort(wanted uint16) uint16 {
	for _, port := range []uint16{wanted, 0} {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
		if err == nil {
			defer l.Close()
			return l.Addr().(*net.TCPAddr).AddrPort().Port()
		}
	}
	return wanted // serve will say who has it
}

// testing says whether the settings for testing are needed: server_port is one.
func (p *playground) testing() bool { return p.internet.Port() != 53 }

// resolving writes the section resolver: the sandbox's root, and no other.
func (p *playground) resolving(b *strings.Builder) {
	fmt.Fprintf(b, "resolver:\n  allow_local_servers: true\n  ipv6: false\n")
	fmt.Fprintf(b, "  trust_anchors: [%q]\n  trust_anchor_updates: false\n", p.internet.Anchor())
	if p.testing() {
		fmt.Fprintf(b, "  server_port: %d\n", p.internet.Port())
	}
	fmt.Fprintf(b, "  root_hints:\n")
	for _, h := range p.internet.Hints() {
		fmt.Fprintf(b, "    - {name: %s, addresses: %s}\n", h.Name, list(h.Addresses))
	}
}

func list(addresses []netip.Addr) string {
	var out []string
	for _, a := range addresses {
		out = append(out, fmt.Sprintf("%q", a.String()))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// print says where everything is and what to try.
func (p *playground) print(w io.Writer) error {
	name, algorithm, secret := p.internet.TSIG()
	at := p.daemon.Addresses()
	zones := p.internet.Zones()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "A signed Internet on loopback: %d zones, name servers at 127.0.53.1 and up, port %d.\n\n", len(zones), p.internet.Port())
	fmt.Fprintf(t, "API\t%s and unix:%s\n", at.API, at.Unix)
	fmt.Fprintf(t, "DNS listener\t%s\n", at.DNS)
	fmt.Fprintf(t, "Trust anchor\t%s\n", p.internet.Anchor())
	fmt.Fprintf(t, "Update key\t%s:%s:%s\n", algorithm, name, secret)
	fmt.Fprintf(t, "Files\t%s: %s, %s, %s and the credentials\n", p.dir, configFile, keyFile, anchorFile)
	fmt.Fprintf(t, "\nTo try, in another terminal:\n\n%s\n%s\n", p.commands(), p.checkCommands())
	fmt.Fprintf(t, "Credentials in %s, and what becomes of them:\n\n", p.dir)
	for _, s := range p.samples {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s: %s\n", s.Name, s.Outcome, s.Reason, s.Subject, s.Why)
	}
	fmt.Fprintf(t, "\nZones, and what their confirmation records are:\n\n")
	for _, z := range zones {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", z.Name, z.Want, z.Servers[0].Addr(), z.Why)
	}
	fmt.Fprintf(t, "\nCtrl-C ends it.\n")
	return t.Flush()
}

// commands are ready to be pasted into a shell.
func (p *playground) commands() string {
	at := p.daemon.Addresses()
	host, port, _ := strings.Cut(at.DNS, ":")
	leaving := p.server("leaving.example.")
	return fmt.Sprintf(`  curl -s -H 'Content-Type: application/jwt' --data-binary @%[1]s %[2]s/v1/verify
  curl -s -H 'Content-Type: application/cwt' --data-binary @%[3]s --unix-socket %[4]s http://localhost/v1/verify
  %[14]s verify --server unix:%[4]s %[5]s
  %[14]s verify --config %[6]s %[7]s
  %[14]s resolve --config %[6]s jwk.cnf.expired.example
  dig @%[8]s -p %[9]s +dnssec jwk.cnf.vendor.example TLSA
  dig @%[10]s -p %[11]d +dnssec +norecurse jwk.cnf.absent.vendor.example TLSA

  # withdraw a key: leaving.jwt is confirmed before, and refuted (record_absent) two seconds after; then publish it again
  %[14]s publish remove --config %[6]s --subject https://leaving.example --key %[15]s
  %[14]s publish add --config %[6]s --subject https://leaving.example --key %[15]s --ttl 2
  # the same by hand
  printf 'server %[12]s %[11]d\nzone leaving.example\nupdate delete jwk.cnf.leaving.example TLSA\nsend\n' | nsupdate -k %[13]s
`, p.path("vendor.jwt"), at.API, p.path("vendor.cwt"), at.Unix, p.path("leaving.jwt"), p.path(configFile), p.path("stranger.jwt"),
		host, port, p.server("vendor.example."), p.internet.Port(), leaving, p.path(keyFile), program(), p.path(clientFile))
}

// program is how this one is called from any directory.
func program() string {
	name := os.Args[0]
	if !strings.ContainsRune(name, filepath.Separator) {
		return name // found on the PATH
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// server is the address of the server that takes a zone's updates.
func (p *playground) server(zone string) netip.Addr {
	for _, z := range p.internet.Zones() {
		if z.Name == zone {
			return z.Servers[0].Addr()
		}
	}
	return netip.Addr{}
}

// printJSON says the same to programs, in one object on one line.
func (p *playground) printJSON(w io.Writer) error {
	name, algorithm, secret := p.internet.TSIG()
	at := p.daemon.Addresses()
	type sample struct {
		File    string `json:"file"`
		Subject string `json:"subject"`
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	}
	type zone struct {
		Name    string           `json:"name"`
		Want    string           `json:"want"`
		Servers []netip.AddrPort `json:"servers"`
		Why     string           `json:"why"`
	}
	doc := struct {
		API         string            `json:"api"`
		Unix        string            `json:"unix"`
		DNS         string            `json:"dns"`
		ServerPort  int               `json:"server_port"`
		RootHints   []sandbox.Hint    `json:"root_hints"`
		TrustAnchor string            `json:"trust_anchor"`
		TSIG        map[string]string `json:"tsig"`
		Dir         string            `json:"dir"`
		Config      string            `json:"config"`
		Credentials []sample          `json:"credentials"`
		Zones       []zone            `json:"zones"`
	}{
		API: at.API, Unix: at.Unix, DNS: at.DNS, ServerPort: p.internet.Port(),
		RootHints: p.internet.Hints(), TrustAnchor: p.internet.Anchor(),
		TSIG: map[string]string{"name": name, "algorithm": algorithm, "secret": secret},
		Dir:  p.dir, Config: p.path(configFile),
	}
	for _, s := range p.samples {
		doc.Credentials = append(doc.Credentials, sample{p.path(s.Name), s.Subject, s.Outcome, s.Reason})
	}
	for _, z := range p.internet.Zones() {
		doc.Zones = append(doc.Zones, zone{z.Name, z.Want, z.Servers, z.Why})
	}
	return json.NewEncoder(w).Encode(doc)
}
