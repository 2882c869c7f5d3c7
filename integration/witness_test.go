package integration

import (
	"fmt"
	"strings"
	"testing"
)

// unbound asks libunbound, which walks from the root by itself, what it thinks of a name: "secure", "insecure" or "bogus".
func (in *internet) unbound(t testing.TB, name, rtype string, options ...string) string {
	t.Helper()
	need(t, "unbound-host", "unbound-host")
	hints := in.file(t, "hints", fmt.Sprintf(". 3600 NS ns.\nns. 3600 A %s\n", in.root.addr))
	conf := in.file(t, "unbound-host.conf", fmt.Sprintf(`server:
	root-hints: %q
	trust-anchor-file: %q
	do-not-query-localhost: no
	do-ip6: no
	trust-anchor-signaling: no
	%s
`, hints, in.file(t, "anchors", in.anchors()), strings.Join(options, "\n\t")))
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
