package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// upstream reads the figures of the network from /metrics: "queries tls" and "errors tls certificate", those that are 0 left out.
func (d *daemon) upstream(t testing.TB) map[string]int {
	t.Helper()
	_, page := d.probe(t, "/metrics")
	all := map[string]int{}
	for line := range strings.Lines(page) {
		rest, ok := strings.CutPrefix(line, "cnfd_upstream_")
		if !ok {
			continue
		}
		var n int
		labels, value, _ := strings.Cut(rest, " ")
		if fmt.Sscan(value, &n); n == 0 {
			continue
		}
		name, labels, _ := strings.Cut(labels, "_total{")
		for _, part := range strings.Split(strings.TrimSuffix(labels, "}"), ",") {
			_, quoted, _ := strings.Cut(part, "=")
			name += " " + strings.Trim(quoted, `"`)
		}
		all[name] = n
	}
	return all
}

// TestForwardersAreCounted has BIND answer over each transport: its messages are counted under it and no other, and not as
// errors. With one thing different the message is an error of that kind, and the verdict says that nobody was reached.
func TestForwardersAreCounted(t *testing.T) {
	t.Parallel()
	n := newTree(t, 62)
	f := &forwarding{trust: &n.trust, tree: n.Internet, at: n.net + "54"}
	f.certificate(t)
	at := f.startBIND(t)
	mute := n.net + "97"
	for _, port := range []string{"853", "443"} { // who accepts, and never says a word
		l, err := net.Listen("tcp", mute+":"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	vendor := f.vendor(t)
	for transport, forwarder := range ways(at) {
		t.Run(transport, func(t *testing.T) {
			d := f.through(t, forwarder)
			if v := d.sample(t, vendor); v.String() != confirmed {
				t.Fatal(v.all())
			}
			all := d.upstream(t)
			if all["queries "+transport] < 2 { // the record and a key at least
				t.Errorf("%v", all)
			}
			for name, count := range all {
				// An answer that does not fit a datagram is asked for over TCP; on a machine that is busy BIND may take its time.
				if name != "queries "+transport && name != "errors "+transport+" timeout" && (transport != "udp" || name != "queries tcp") {
					t.Errorf("%s: %d", name, count)
				}
			}
		})
		if transport != "tls" && transport != "https" {
			continue
		}
		for kind, wrong := range map[string]string{
			"certificate": strings.Replace(forwarder, forwarderName, "other.example", 1),
			"network":     strings.Replace(forwarder, at, n.net+"99", 1), // nobody is there
			"timeout":     strings.Replace(forwarder, at, mute, 1),
		} {
			t.Run(transport+", "+kind, func(t *testing.T) {
				d := f.through(t, wrong)
				if v := d.sample(t, vendor); v.String() != "unproven unreachable" {
					t.Error(v.all())
				}
				all := d.upstream(t)
				if failed := all["errors "+transport+" "+kind]; failed == 0 || failed > all["queries "+transport] || len(all) != 2 {
					t.Errorf("%v", all)
				}
			})
		}
	}
}
