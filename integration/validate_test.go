package integration

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/validate"
	"cnfd/dnssec"
	"cnfd/internal/testneeds"
	"cnfd/resolver"

	"github.com/miekg/dns"
)

const (
	shop         = "shop.example."
	shopsToken   = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
	shopsAuth    = shopsToken + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
	strangerAuth = shopsToken + ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
)

// A mall is a domain whose zone Knot and BIND sign, with the machines that its challenges are answered on: nginx, a
// server of Python's, and OpenSSL's s_server, on the ports that the RFCs have.
type mall struct {
	*internet
	*validate.Validator
	dir string
}

// newMall starts the zones and nothing else. The domain's hosts are at n.at(10) and up.
func newMall(t testing.TB, number int) *mall {
	t.Helper()
	var set []dns.RR
	n := &mall{dir: filepath.Join(work, fmt.Sprintf("mall-%d", number))}
	for i, name := range []string{shop, "moved." + shop, "python." + shop, "alpn." + shop, "inside." + shop} {
		set = append(set, records(t, fmt.Sprintf("%s A 127.%d.0.%d", name, number, 10+i))...)
	}
	n.internet = newDomain(t, number, tiers{root: knot{}, tld: knot{}, leaf: bind{}}, shop, set...)
	var lines []string
	for _, rr := range n.anchor {
		lines = append(lines, rr.String())
	}
	anchors, err := dnssec.ParseAnchors(lines)
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolver.New(resolver.Config{
		Now: time.Now, Anchors: &anchors, AllowLocalServers: true, NoIPv6: true,
		Hints: []resolver.Hint{{Name: "ns.", Addresses: []netip.Addr{netip.MustParseAddr(n.hints[0])}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(context.Background()) })
	// All of the mall may be connected to but its last machine.
	n.Validator, err = validate.New(validate.Config{Source: r, AllowNetworks: []netip.Prefix{
		netip.MustParsePrefix(n.at(10) + "/31"), netip.MustParsePrefix(n.at(12) + "/31"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *mall) at(i int) string { return fmt.Sprint(n.net, i) }

func ofDNS(name string) acme.Identifier {
	return acme.Identifier{Type: acme.TypeDNS, Value: strings.TrimSuffix(name, ".")}
}

// passes and refuses carry a challenge out.
func (n *mall) passes(t *testing.T, method string, i acme.Identifier) {
	t.Helper()
	if p := n.Validate(t.Context(), method, i, shopsToken, shopsAuth); p != nil {
		t.Fatalf("%s of %s: %v", method, i, p)
	}
}

func (n *mall) refuses(t *testing.T, method string, i acme.Identifier, kind acme.Kind, says string) *acme.Problem {
	t.Helper()
	p := n.Validate(t.Context(), method, i, shopsToken, shopsAuth)
	if p == nil || p.Kind != kind || !strings.Contains(p.Detail, says) {
		t.Fatalf("%s of %s: %v, want %s: …%s…", method, i, p, kind, says)
	}
	return p
}

// listens waits for who is at an address.
func listens(t testing.TB, p *process, address string) {
	t.Helper()
	await(t, address, func() error {
		select {
		case <-p.done:
			t.Fatalf("%s: it has ended: %s", address, tail(p.log, 10))
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// TestDNS01OnBIND: the record is seen as soon as it is there, although its absence was just cached, and is not seen
// any more as soon as it has gone; and what BIND does not sign is not believed.
func TestDNS01OnBIND(t *testing.T) {
	t.Parallel()
	n := newMall(t, 190)
	zone, name, i := n.zones[shop], "_acme-challenge."+shop, ofDNS(shop)
	sum := sha256.Sum256([]byte(shopsAuth))
	right := records(t, name+` TXT "`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`)
	other := records(t, name+` TXT "`+strings.Repeat("A", 43)+`"`)

	n.refuses(t, acme.MethodDNS, i, acme.Unauthorized, "the name does not exist")
	n.leaf.edit(t, zone, nil, append(other, right...))
	n.passes(t, acme.MethodDNS, i)
	n.leaf.edit(t, zone, right, nil)
	n.refuses(t, acme.MethodDNS, i, acme.IncorrectResponse, "none of the 1 TXT records")
	n.leaf.edit(t, zone, nil, right)
	n.passes(t, acme.MethodDNS, i)
	n.leaf.unsign(t, zone)
	if p := n.refuses(t, acme.MethodDNS, i, acme.DNS, "bogus"); !p.Passing {
		t.Errorf("not passing: %v", p)
	}
	n.refuses(t, acme.MethodHTTP, i, acme.DNS, "bogus")
}

// TestHTTP01OnNginx: nginx, with the redirect to https that most sites have and compression, and Python's http.server.
func TestHTTP01OnNginx(t *testing.T) {
	t.Parallel()
	n := newMall(t, 191)
	n.nginx(t)
	file := filepath.Join(n.dir, "www", ".well-known", "acme-challenge", shopsToken)
	ip := acme.Identifier{Type: acme.TypeIP, Value: n.at(10)}
	testneeds.Binary(t, "python3", "python3")
	p := start(t, filepath.Join(n.dir, "python.log"), "python3", "-m", "http.server", "--bind", n.at(12), "--directory", filepath.Join(n.dir, "www"), "80")
	listens(t, p, n.at(12)+":80")
	all := []acme.Identifier{ofDNS(shop), ofDNS("moved." + shop), ofDNS("python." + shop), ip}

	for _, step := range []struct {
		flip func() error
		says string
	}{
		{func() error { return os.Remove(file) }, "status 404"},
		{func() error { return os.WriteFile(file, []byte(strangerAuth+"\n"), 0o644) }, "is not the key authorization"},
		{func() error { return os.WriteFile(file, []byte(shopsAuth+strings.Repeat(" ", 42)), 0o644) }, "more than 128 octets"},
		{func() error { return os.Truncate(file, 86) }, "is not the key authorization"},
	} {
		for _, i := range all {
			write(t, file, shopsAuth+"\n")
			n.passes(t, acme.MethodHTTP, i)
			if err := step.flip(); err != nil {
				t.Fatal(err)
			}
			n.refuses(t, acme.MethodHTTP, i, acme.IncorrectResponse, step.says)
		}
	}
	write(t, file, shopsAuth+"\n")
	n.passes(t, acme.MethodHTTP, ofDNS("python."+shop))
	p.stop()
	if p := n.refuses(t, acme.MethodHTTP, ofDNS("python."+shop), acme.Connection, n.at(12)+":80: connection refused"); !p.Passing {
		t.Errorf("not passing: %v", p)
	}
	n.refuses(t, acme.MethodHTTP, ofDNS("inside."+shop), acme.Connection, n.at(14)+" is not public")
}

// nginx serves shop.example's files at n.at(10), and at n.at(11) sends who asks by http to https, which is there too.
func (n *mall) nginx(t testing.TB) {
	t.Helper()
	program := testneeds.Binary(t, "nginx", "nginx")
	testneeds.Binary(t, "openssl", "openssl")
	write(t, filepath.Join(n.dir, "www", ".well-known", "acme-challenge", shopsToken), shopsAuth+"\n")
	run(t, n.dir, "", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody", "-days", "1", "-keyout", "key.pem", "-out", "cert.pem")
	conf := filepath.Join(n.dir, "nginx.conf")
	write(t, conf, nginxHead(n.dir, "master_process off", "user root")+fmt.Sprintf(`	default_type text/plain;
	gzip on;
	gzip_min_length 1;
	root %[1]s/www;
	server {
		listen %[2]s:80;
		server_name shop.example %[2]s;
	}
	server {
		listen %[3]s:80;
		server_name moved.shop.example;
		return 301 https://$host$request_uri;
	}
	server {
		listen %[3]s:443 ssl;
		server_name moved.shop.example;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
	}
}
`, n.dir, n.at(10), n.at(11)))
	p := start(t, filepath.Join(n.dir, "nginx.log"), program, "-e", "stderr", "-p", n.dir, "-c", conf)
	for _, address := range []string{n.at(10) + ":80", n.at(11) + ":80", n.at(11) + ":443"} {
		listens(t, p, address)
	}
}

// TestTLSALPN01OnOpenSSL: s_server presents what `openssl req` has made.
func TestTLSALPN01OnOpenSSL(t *testing.T) {
	t.Parallel()
	n := newMall(t, 192)
	testneeds.Binary(t, "openssl", "openssl")
	sum, others := sha256.Sum256([]byte(shopsAuth)), sha256.Sum256([]byte(strangerAuth))
	digest, strangers := "DER:0420"+hex.EncodeToString(sum[:]), "DER:0420"+hex.EncodeToString(others[:])
	for _, i := range []acme.Identifier{ofDNS("alpn." + shop), {Type: acme.TypeIP, Value: n.at(13)}} {
		san := "DNS:" + i.Value
		if i.Type == acme.TypeIP {
			san = "IP:" + i.Value
		}
		for _, c := range []struct {
			claim, protocol, san, id string
			kind                     acme.Kind
			says                     string
		}{
			{"another protocol", "http/1.1", san, "critical," + digest, acme.TLS, "no application protocol"},
			{"two names", "acme-tls/1", san + ",DNS:www.shop.example", "critical," + digest, acme.IncorrectResponse, "there are others"},
			{"another name", "acme-tls/1", "DNS:www.shop.example", "critical," + digest, acme.IncorrectResponse, "subjectAltName: not "},
			{"not critical", "acme-tls/1", san, digest, acme.IncorrectResponse, "not critical"},
			{"the digest of another account", "acme-tls/1", san, "critical," + strangers, acme.IncorrectResponse, "not the digest"},
		} {
			t.Run(i.Type+" "+c.claim, func(t *testing.T) {
				right := n.responder(t, "acme-tls/1", san, "critical,"+digest)
				n.passes(t, acme.MethodTLSALPN, i)
				right.stop()
				wrong := n.responder(t, c.protocol, c.san, c.id)
				n.refuses(t, acme.MethodTLSALPN, i, c.kind, c.says)
				wrong.stop()
				n.refuses(t, acme.MethodTLSALPN, i, acme.Connection, "connection refused")
			})
		}
	}
}

// responder starts s_server at n.at(13), with a certificate of these extensions.
func (n *mall) responder(t testing.TB, protocol, san, id string) *process {
	t.Helper()
	write(t, filepath.Join(n.dir, "s_server.log"), "")
	run(t, n.dir, "", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=challenge", "-days", "1",
		"-addext", "subjectAltName="+san, "-addext", "1.3.6.1.5.5.7.1.31="+id, "-keyout", "alpn.key", "-out", "alpn.pem")
	p := start(t, filepath.Join(n.dir, "s_server.log"), "openssl", "s_server", "-accept", n.at(13)+":443", "-alpn", protocol, "-cert", "alpn.pem", "-key", "alpn.key", "-www")
	listens(t, p, n.at(13)+":443")
	return p
}
