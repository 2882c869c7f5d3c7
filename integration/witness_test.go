package integration

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

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
	need(t, "unbound-host", "unbound-host")
	conf := r.unboundConf(t, "unbound-host.conf", fmt.Sprintf("trust-anchor-file: %q", r.file(t, "anchors", r.anchors())))
	out := said("unbound-host", "-C", conf, "-v", "-t", rtype, name)
	for word, security := range map[string]string{"(BOGUS": "bogus", "(insecure)": "insecure", "(secure)": "secure", "2(SERVFAIL). (error)": "unanswered"} {
		if strings.Contains(out, word) {
			return security
		}
	}
	return out
}

// startUnbound runs Unbound as a resolver that validates and remembers nothing, for the tools that
// judge for themselves and only need somebody who fetches. It returns its address.
func (r *trust) startUnbound(t testing.TB) string {
	t.Helper()
	h := newHost(t, nil, r.net+"53")
	h.claim(t)
	conf := r.unboundConf(t, "unbound.conf", "interface: "+h.addr, `access-control: 127.0.0.0/8 allow`,
		`username: ""`, `chroot: ""`, `pidfile: ""`, "use-syslog: no", "num-threads: 1",
		`module-config: "iterator"`, "cache-max-ttl: 0", "cache-max-negative-ttl: 0")
	start(t, r.file(t, "unbound.log", ""), unconfined(t, "unbound", "unbound"), "-d", "-p", "-c", conf)
	await(t, "Unbound", func() error {
		c, err := net.Dial("tcp", h.addr+":53")
		if err == nil {
			c.Close()
		}
		return err
	})
	return h.addr
}

// delv asks BIND's delv, which fetches through resolver and judges by itself.
func (r *trust) delv(t testing.TB, resolver, name, rtype string) string {
	t.Helper()
	need(t, "delv", "bind9-dnsutils")
	var anchors strings.Builder
	for _, rr := range r.anchor {
		ds := rr.(*dns.DS)
		fmt.Fprintf(&anchors, "trust-anchors { %q static-ds %d %d %d %q; };\n", ds.Hdr.Name, ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	out := said("delv", "@"+resolver, "-a", r.file(t, "bind.keys", anchors.String()), "+root=.", name, rtype)
	switch {
	case strings.Contains(out, "resolution failed") && !strings.Contains(out, "ncache"):
		return "bogus"
	case strings.Contains(out, "unsigned answer"): // of one RRset, perhaps after others that are signed
		return "insecure"
	case strings.Contains(out, "fully validated"):
		return "secure"
	}
	return out
}

// drill reports whether ldns's drill finds a chain of signatures from the answer up to the root. It fetches
// through resolver; what it does not find secure it does not tell apart.
func (r *trust) drill(t testing.TB, resolver, name, rtype string) bool {
	t.Helper()
	need(t, "drill", "ldnsutils")
	return strings.Contains(said("drill", "-S", "-t", "-k", r.file(t, "root.key", r.anchors()), "@"+resolver, name, rtype), "Chase successful")
}
