package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/sandbox"
	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// forwarderName is whom the forwarder's certificate names, beside its address.
const forwarderName = "dns.example"

// forwarding is the sandbox's tree with a validating Unbound that walks it, for cnfd to ask in its place.
type forwarding struct {
	*trust
	tree *sandbox.Internet
	at   string // Unbound's address: UDP and TCP 53, TLS 853, HTTPS 443
	ca   string // PEM file of who made the certificate of all forwarders
	cert string // PEM file
	key  string // PEM file
}

func newForwarding(t *testing.T) *forwarding {
	lab(t)
	const network = "127.8.0."
	n, err := sandbox.Start(sandbox.Config{Port: 53, Now: time.Now, Host: func(i int) netip.Addr {
		return netip.MustParseAddr(fmt.Sprint(network, i+1))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	f := &forwarding{trust: &trust{net: network, anchor: records(t, n.Anchor())}, tree: n, at: network + "53"}
	for _, hint := range n.Hints() {
		for _, addr := range hint.Addresses {
			f.hints = append(f.hints, addr.String())
		}
	}
	f.certificate(t)
	claim(t, f.at)
	conf := f.unboundConf(t, "forwarder.conf", "interface: "+f.at+"@53", "interface: "+f.at+"@853", "interface: "+f.at+"@443",
		"tls-port: 853", "https-port: 443", fmt.Sprintf("tls-service-pem: %q", f.cert), fmt.Sprintf("tls-service-key: %q", f.key),
		"access-control: 127.0.0.0/8 allow", `username: ""`, `chroot: ""`, `pidfile: ""`, "use-syslog: no", "num-threads: 1",
		"log-servfail: yes", "val-log-level: 2", fmt.Sprintf("trust-anchor-file: %q", f.file(t, "anchors", f.anchors())))
	start(t, f.file(t, "forwarder.log", ""), unconfined(t, "unbound", "unbound"), "-d", "-p", "-c", conf)
	f.awaitProof(t, "Unbound", f.at)
	return f
}

// certificate makes an authority with openssl and a certificate by it.
func (f *forwarding) certificate(t testing.TB) {
	t.Helper()
	testneeds.Binary(t, "openssl", "openssl")
	f.ca, f.cert, f.key = f.file(t, "ca.pem", ""), f.file(t, "cert.pem", ""), f.file(t, "key.pem", "")
	caKey := f.file(t, "ca.key", "")
	ec := []string{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"}
	run(t, "", "", append(ec, "-subj", "/CN=Test CA", "-keyout", caKey, "-out", f.ca)...)
	run(t, "", "", append(ec, "-subj", "/CN=forwarder", "-keyout", f.key, "-out", f.cert, "-CA", f.ca, "-CAkey", caKey,
		"-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:"+forwarderName+",IP:"+f.at)...)
}

// through starts cnfd with forwarders, and with the authority that made their certificates.
func (f *forwarding) through(t testing.TB, urls ...string) *daemon {
	t.Helper()
	quoted, _ := json.Marshal(urls)
	return f.daemon(t, settings{resolver: "mode: forward\n  forwarders: " + string(quoted), env: "SSL_CERT_FILE=" + f.ca})
}

// startBIND runs a validating named beside Unbound, on the same ports of another address.
func (f *forwarding) startBIND(t testing.TB) (at string) {
	t.Helper()
	at = f.net + "54"
	claim(t, at)
	var hints, anchors strings.Builder
	for _, addr := range f.hints {
		fmt.Fprintf(&hints, ". 3600 NS ns.\nns. 3600 A %s\n", addr)
	}
	for _, rr := range f.anchor {
		ds := rr.(*dns.DS)
		fmt.Fprintf(&anchors, "%q static-ds %d %d %d %q;", ds.Hdr.Name, ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	conf := f.file(t, "named.conf", fmt.Sprintf(`
tls local { cert-file %[1]q; key-file %[2]q; };
http local { endpoints { "/dns-query"; }; };
options {
	directory %[3]q; pid-file none; session-keyfile none;
	listen-on port 53 { %[4]s; }; listen-on port 853 tls local { %[4]s; }; listen-on port 443 tls local http local { %[4]s; };
	listen-on-v6 { none; }; recursion yes; dnssec-validation yes; max-records-per-type 0; empty-zones-enable no; allow-query { any; };
};
controls { };
trust-anchors { %[5]s };
zone "." { type hint; file %[6]q; };
`, f.cert, f.key, filepath.Dir(f.cert), at, anchors.String(), f.file(t, "named.hints", hints.String())))
	start(t, f.file(t, "named.log", ""), unconfined(t, "named", "bind9"), "-g", "-n", "1", "-c", conf)
	f.awaitProof(t, "named", at)
	return at
}

// awaitProof waits until a resolver proves the root.
func (f *forwarding) awaitProof(t testing.TB, what, at string) {
	t.Helper()
	await(t, what, func() error {
		m, err := ask(netip.AddrPortFrom(netip.MustParseAddr(at), 53), ".", dns.TypeSOA)
		if err == nil && !m.AuthenticatedData {
			err = fmt.Errorf("root: %s, not proven", dns.RcodeToString[m.Rcode])
		}
		return err
	})
}

// ways are the four transports to a resolver.
func ways(at string) map[string]string {
	return map[string]string{
		"udp": "udp://" + at, "tcp": "tcp://" + at,
		"tls": "tls://" + forwarderName + "@" + at, "https": "https://" + forwarderName + "@" + at + "/dns-query",
	}
}

// resolution is what /v1/resolve says of one name.
type resolution struct {
	Security, Kind, Rcode, Zone string
	Wildcard                    bool
	EDE                         struct {
		Code int
		Text string
	}
}

func (d *daemon) resolution(t testing.TB, name string, rrtype uint16) (r resolution) {
	t.Helper()
	response, err := http.Get("http://" + d.tcp + "/v1/resolve?" + url.Values{"name": {name}, "type": {dns.TypeToString[rrtype]}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		t.Fatal(response.Status, err)
	}
	return r
}

// sample asks about one of the sandbox's samples.
func (d *daemon) sample(t testing.TB, s sandbox.Sample) verdict {
	t.Helper()
	body, _ := json.Marshal(bound{"token": s.Text()})
	return post(t, http.DefaultClient, "http://"+d.tcp+"/v1/verify", "application/json", body)
}

func (f *forwarding) vendor(t testing.TB) sandbox.Sample {
	t.Helper()
	samples, err := f.tree.Samples()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(samples, func(s sandbox.Sample) bool { return s.Name == "vendor.jwt" })
	if i < 0 {
		t.Fatal("no sample vendor.jwt")
	}
	return samples[i]
}

// TestForward has cnfd ask a real resolver in place of the tree's servers: every case of the tree is what it is
// when cnfd walks the tree by itself, over each transport.
func TestForward(t *testing.T) {
	t.Parallel()
	f := newForwarding(t)
	alone := f.daemon(t, settings{})
	for software, at := range map[string]string{"Unbound": f.at, "BIND": f.startBIND(t)} {
		for transport, forwarder := range ways(at) {
			t.Run(software+" over "+transport, func(t *testing.T) { f.alike(t, f.through(t, forwarder), alone) })
		}
	}
	t.Run("a certificate with the address needs no name", func(t *testing.T) {
		d := f.through(t, "tls://"+f.at)
		if v := d.sample(t, f.vendor(t)); v.String() != "confirmed record_matches" {
			t.Error(v.all())
		}
	})
	t.Run("a certificate of another name is no forwarder", f.wrongName)
	t.Run("one forwarder is dead", f.oneDead)
	t.Run("a forwarder loses DNSSEC", f.stripped)
}

// alike holds a daemon that forwards against the tree, and against one that walks it.
func (f *forwarding) alike(t *testing.T, d, alone *daemon) {
	for _, z := range f.tree.Zones() {
		for _, c := range z.Cases {
			got, walked := d.resolution(t, c.Name, c.Type), alone.resolution(t, c.Name, c.Type)
			if got.Security != c.Want || walked.Security != c.Want {
				t.Errorf("%s %s: %s by the forwarder (%s), %s walked, want %s: %s", c.Name, dns.TypeToString[c.Type], got.Security, got.EDE.Text, walked.Security, c.Want, c.Why)
			}
			if got.Kind == "no_answer" { // a cut below which nobody answers is seen by who is referred there, not by who asks others
				got.Zone = walked.Zone
			}
			if got.EDE.Text, walked.EDE.Text = "", ""; got != walked {
				t.Errorf("%s %s: %+v by the forwarder, %+v walked", c.Name, dns.TypeToString[c.Type], got, walked)
			}
		}
	}
	samples, err := f.tree.Samples()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if got := d.sample(t, s).String(); got != s.Outcome+" "+s.Reason {
			t.Errorf("%s: %s, want %s %s: %s", s.Name, got, s.Outcome, s.Reason, s.Why)
		}
	}
}

func (f *forwarding) wrongName(t *testing.T) {
	for _, forwarder := range []string{"tls://other.example@" + f.at, "https://other.example@" + f.at + "/dns-query"} {
		d := f.through(t, forwarder)
		if v := d.sample(t, f.vendor(t)); v.String() != "unproven unreachable" {
			t.Errorf("%s: %s", forwarder, v.all())
		}
		if r := d.resolution(t, "jwk.cnf.vendor.example.", dns.TypeTLSA); r.Security != "indeterminate" || !strings.Contains(r.EDE.Text, "not other.example") {
			t.Errorf("%s: %+v", forwarder, r)
		}
	}
	stranger := f.daemon(t, settings{resolver: fmt.Sprintf("mode: forward\n  forwarders: [%q]", ways(f.at)["tls"])})
	if r := stranger.resolution(t, "jwk.cnf.vendor.example.", dns.TypeTLSA); r.Security != "indeterminate" || !strings.Contains(r.EDE.Text, "unknown authority") {
		t.Errorf("by an authority that is not the machine's: %+v", r)
	}
	acquainted := f.daemon(t, settings{resolver: fmt.Sprintf("mode: forward\n  forwarders: [%q]\n  forwarder_ca: %q", ways(f.at)["tls"], f.ca)})
	if v := acquainted.sample(t, f.vendor(t)); v.String() != "confirmed record_matches" {
		t.Errorf("by an authority that is configured: %s", v.all())
	}
}

func (f *forwarding) oneDead(t *testing.T) {
	for transport, forwarder := range ways(f.at) {
		dead := strings.Replace(forwarder, f.at, f.net+"99", 1) // nobody is there
		if v := f.through(t, dead, forwarder).sample(t, f.vendor(t)); v.String() != "confirmed record_matches" {
			t.Errorf("%s: %s", transport, v.all())
		}
		if v := f.through(t, dead).sample(t, f.vendor(t)); v.String() != "unproven unreachable" {
			t.Errorf("%s, the dead one alone: %s", transport, v.all())
		}
	}
}

// stripped puts a relay before Unbound that passes everything on, and then all but the proofs.
func (f *forwarding) stripped(t *testing.T) {
	relay := f.net + "98:53"
	strip := func(m *dns.Msg) {
		for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
			*section = slices.DeleteFunc(*section, func(rr dns.RR) bool {
				return slices.Contains([]uint16{dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3}, rr.Header().Rrtype)
			})
		}
	}
	for _, c := range []struct {
		claim string
		edit  func(m *dns.Msg)
		want  string
	}{
		{"it loses nothing", func(*dns.Msg) {}, "confirmed record_matches"},
		{"it loses every proof", strip, "unproven bogus"},
		{"it loses the proof of the record alone", func(m *dns.Msg) {
			if m.Question[0].Qtype == dns.TypeTLSA {
				strip(m)
			}
		}, "unproven bogus"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			stop := f.relay(t, relay, c.edit)
			defer stop()
			if v := f.through(t, "udp://"+relay).sample(t, f.vendor(t)); v.String() != c.want {
				t.Errorf("%s, want %s: %s", v, c.want, v.all())
			}
			if v := f.through(t, "udp://"+relay, "udp://"+f.at).sample(t, f.vendor(t)); v.String() != "confirmed record_matches" {
				t.Errorf("with a whole one behind it: %s", v.all())
			}
		})
	}
}

// relay passes questions on to Unbound, and the edited answers back.
func (f *forwarding) relay(t testing.TB, at string, edit func(m *dns.Msg)) (stop func()) {
	t.Helper()
	host, _, _ := net.SplitHostPort(at)
	claim(t, host)
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(q, f.at+":53")
		if err != nil {
			return
		}
		edit(m)
		m.Truncate(1232)
		w.WriteMsg(m) // a stub that has gone does not matter
	})}
	done := make(chan struct{})
	go func() { defer close(done); s.ActivateAndServe() }()
	return func() { s.Shutdown(); <-done }
}
