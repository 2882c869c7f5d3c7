package zone

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"
)

// Compare orders two names canonically: label by label from the right, each as
// unsigned octets in lower case, the shorter name first (RFC 4034 §6.1).
func Compare(a, b string) int {
	x, y := octets(a), octets(b)
	for i := 1; i <= len(x) && i <= len(y); i++ {
		if d := bytes.Compare(x[len(x)-i], y[len(y)-i]); d != 0 {
			return d
		}
	}
	return len(x) - len(y)
}

// octets splits a name into its labels' wire octets, so that \032 and a space
// are the same octet. A name that cannot be packed has no labels.
func octets(name string) [][]byte {
	wire := make([]byte, 255)
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire, 0, nil, false)
	if err != nil {
		return nil
	}
	var labels [][]byte
	for off := 0; off < n && wire[off] != 0; off += int(wire[off]) + 1 {
		labels = append(labels, wire[off+1:off+1+int(wire[off])])
	}
	return labels
}

// ancestors lists the names from just below apex down to name itself; none
// where name is the apex or outside it.
func ancestors(name, apex string) []string {
	if !dns.IsSubDomain(apex, name) {
		return nil
	}
	var out []string
	for name != apex {
		out = append(out, name)
		name = parent(name)
	}
	slices.Reverse(out)
	return out
}

// parent is the name without its first label; the root is its own parent.
func parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// under puts a label in front of a name.
func under(label, name string) string {
	if name == "." {
		return label + "."
	}
	return label + "." + name
}
