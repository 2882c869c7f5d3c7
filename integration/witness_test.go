package integration

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// trust is what whoever judges an internet has to be told of it: where its root is, and whose keys to believe.
type trust struct {
	net    string   // 127.x.0., which has room for a resolver of its own
	hints  []string // addresses of the root's servers
	anchor []dns.RR // DS of the root
}

// file writes a file that belongs to the internet as a whole.
func (r *trust) file(t testing.TB, name, text string) string {
	path := filepath.Join(work, r.net+"net", name)
	write(t, path, text)
	return path
}

// anchors returns the trust anchor in master file format.
func (r *trust) anchors() string {
	var b strings.Builder
	for _, rr := range r.anchor {
		fmt.Fprintln(&b, rr)
	}
	return b.String()
}

// unboundConf is what every Unbound here is told: where the root is.
func (r *trust) unboundConf(t testing.TB, name string, lines ...string) string {
	var hints strings.Builder
	for _, addr := range r.hints {
		fmt.Fprintf(&hints, ". 3600 NS ns.\nns. 3600 A %s\n", addr)
	}
	return r.file(t, name, fmt.Sprintf(`server:
	root-hints: %q
	do-not-query-localhost: no
	do-ip6: no
	trust-anchor-signaling: no
	local-zone: "test." nodefault
	%s
`, r.file(t, "hints", hints.String()), strings.Join(lines, "\n\t")))
}

// unbound asks libunbound, which walks from the root by itself, what it thinks of a name: "secure", "insecure",
// "bogus", or "unanswered".
func (r *trust) unbound(t testing.TB, name, rtype string) string {
	t.Helper()
	testneeds.Binary(t, "unbound-host", "unbound-host")
	conf := r.unboundConf(t, "unbound-host.conf", fmt.Sprintf("trust-anchor-file: %q", r.file(t, "anchors", r.anchors())))
	out := said("unbound-host", "-C", conf, "-v", "-t", rtype, name)
	for word, security := range map[string]string{"(BOGUS": "bogus", "(insecure)": "insecure", "(secure)": "secure", "2(SERVFAIL). (error)": "unanswered"} {
		if strings.Contains(out, word) {
			return security
		}
	}
	return out
}

// startUnbound runs Unbound as a resolver that judges nothing and remembers nothing, for the tools that judge
// by themselves and only need somebody who fetches.
func (r *trust) startUnbound(t testing.TB) netip.AddrPort {
	t.Helper()
	addr := r.net + "53"
	claim(t, addr)
	conf := r.unboundConf(t, "unbound.conf", "interface: "+addr, `access-control: 127.0.0.0/8 allow`,
		`username: ""`, `chroot: ""`, `pidfile: ""`, "use-syslog: no", "num-threads: 1", "log-servfail: yes",
		`module-config: "iterator"`, "cache-max-ttl: 0", "cache-max-negative-ttl: 0", "infra-keep-probing: yes")
	start(t, r.file(t, "unbound.log", ""), unconfined(t, "unbound", "unbound"), "-d", "-p", "-c", conf)
	fetcher := netip.AddrPortFrom(netip.MustParseAddr(addr), 53)
	await(t, "Unbound", func() error {
		m, err := ask(fetcher, ".", dns.TypeSOA)
		if err == nil && len(m.Answer) == 0 {
			err = fmt.Errorf("root: %s", dns.RcodeToString[m.Rcode])
		}
		return err
	})
	return fetcher
}

// ask asks a resolver over TCP.
func ask(resolver netip.AddrPort, name string, rtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, rtype)
	q.AuthenticatedData = true
	m, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(q, resolver.String())
	return m, err
}

// delv asks BIND's delv, which fetches through resolver and judges by itself; what it said comes along.
func (r *trust) delv(t testing.TB, resolver netip.AddrPort, name, rtype string) (security, out string) {
	t.Helper()
	testneeds.Binary(t, "delv", "bind9-dnsutils")
	var anchors strings.Builder
	for _, rr := range r.anchor {
		ds := rr.(*dns.DS)
		fmt.Fprintf(&anchors, "trust-anchors { %q static-ds %d %d %d %q; };\n", ds.Hdr.Name, ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	out = said("delv", "@"+resolver.Addr().String(), "-p", fmt.Sprint(resolver.Port()),
		"-a", r.file(t, "bind.keys", anchors.String()), "+root=.", name, rtype)
	switch {
	case strings.Contains(out, "resolution failed") && !strings.Contains(out, "ncache"):
		return "bogus", out
	case strings.Contains(out, "unsigned answer"): // of one RRset, perhaps after others that are signed
		return "insecure", out
	case strings.Contains(out, "fully validated"):
		return "secure", out
	}
	return "unclear", out
}

// drill reports whether ldns's drill finds a chain of signatures from the answer up to the root. It fetches
// through resolver; what it does not find secure it does not tell apart.
func (r *trust) drill(t testing.TB, resolver netip.AddrPort, name, rtype string) bool {
	t.Helper()
	testneeds.Binary(t, "drill", "ldnsutils")
	out := said("drill", "-S", "-t", "-p", fmt.Sprint(resolver.Port()), "-k", r.file(t, "root.key", r.anchors()),
		"@"+resolver.Addr().String(), name, rtype)
	return strings.Contains(out, "Chase successful")
}
