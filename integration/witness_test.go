package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// unboundConf is what every Unbound here is told: where the root is.
func (in *internet) unboundConf(t testing.TB, name string, lines ...string) string {
	hints := in.file(t, "hints", fmt.Sprintf(". 3600 NS ns.\nns. 3600 A %s\n", in.root.addr))
	return in.file(t, name, fmt.Sprintf(`server:
	root-hints: %q
	do-not-query-localhost: no
	do-ip6: no
	trust-anchor-signaling: no
	%s
`, hints, strings.Join(lines, "\n\t")))
}

// unbound asks libunbound, which walks from the root by itself, what it thinks of a name: "secure", "insecure" or "bogus".
func (in *internet) unbound(t testing.TB, name, rtype string) string {
	t.Helper()
	need(t, "unbound-host", "unbound-host")
	conf := in.unboundConf(t, "unbound-host.conf", fmt.Sprintf("trust-anchor-file: %q", in.file(t, "anchors", in.anchors())))
	out, err := try("", "", "unbound-host", "-C", conf, "-v", "-t", rtype, name)
	switch {
	case strings.Contains(out, "(BOGUS"):
		return "bogus"
	case err == nil && strings.Contains(out, "(insecure)"):
		return "insecure"
	case err == nil && strings.Contains(out, "(secure)"):
		return "secure"
	}
	return fmt.Sprintf("%s %v", out, err)
}

// startUnbound runs Unbound as a resolver that validates and remembers nothing, for the tools that
// judge for themselves and only need somebody who fetches. It returns its address.
func (in *internet) startUnbound(t testing.TB) string {
	t.Helper()
	h := newHost(t, nil, in.net+"53")
	h.claim(t)
	conf := in.unboundConf(t, "unbound.conf", "interface: "+h.addr, `access-control: 127.0.0.0/8 allow`,
		`username: ""`, `chroot: ""`, `pidfile: ""`, "use-syslog: no", "num-threads: 1",
		`module-config: "iterator"`, "cache-max-ttl: 0", "cache-max-negative-ttl: 0")
	start(t, in.file(t, "unbound.log", ""), unconfined(t, "unbound", "unbound"), "-d", "-p", "-c", conf)
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
func (in *internet) delv(t testing.TB, resolver, name, rtype string) string {
	t.Helper()
	need(t, "delv", "bind9-dnsutils")
	var anchors strings.Builder
	for _, rr := range in.anchor {
		ds := rr.(*dns.DS)
		fmt.Fprintf(&anchors, "trust-anchors { %q static-ds %d %d %d %q; };\n", ds.Hdr.Name, ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	out, err := try("", "", "delv", "@"+resolver, "-a", in.file(t, "bind.keys", anchors.String()), "+root=.", "+nomultiline", name, rtype)
	switch {
	case strings.Contains(out, "fully validated"):
		return "secure"
	case strings.Contains(out, "; unsigned answer"):
		return "insecure"
	case err != nil && strings.Contains(err.Error(), "resolution failed"):
		return "bogus"
	}
	return fmt.Sprintf("%s %v", out, err)
}
