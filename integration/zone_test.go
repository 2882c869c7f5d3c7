package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A zone is what its owner writes: records without signatures, and how they are to be signed.
type zone struct {
	name      string // "vendor.example."
	algorithm uint8
	nsec3     bool
	unsigned  bool // served as written
	brief     bool // signed for two weeks; else for two months
	serial    uint32
	spoilt    bool     // served with what its owner did not write, or without what he did
	records   []dns.RR // all but the SOA

	// For NSD alone: how far behind the clock is that dates the signatures, and the iterations of NSEC3.
	lag        time.Duration
	iterations uint16
}

// ttl is long, so that a changed answer is never the end of an old one.
const ttl = 300

// newZone returns a zone with one name server, ns.<name>, at addr.
func newZone(t testing.TB, name, addr string, algorithm uint8) *zone {
	z := &zone{name: name, algorithm: algorithm, serial: 1, brief: true}
	z.edit(nil, records(t, z.under("ns")+" A "+addr, name+" NS "+z.under("ns")))
	return z
}

// under returns the name of a label in z.
func (z *zone) under(label string) string {
	return label + "." + strings.TrimPrefix(z.name, ".")
}

// edit takes records out and puts records in; the serial grows.
func (z *zone) edit(remove, add []dns.RR) {
	gone := func(have dns.RR) bool {
		return slices.ContainsFunc(remove, func(r dns.RR) bool { return dns.IsDuplicate(r, have) })
	}
	z.records = append(slices.DeleteFunc(slices.Clone(z.records), gone), add...)
	z.serial++
}

// set returns the records of one name and type.
func (z *zone) set(name string, rtype uint16) (set []dns.RR) {
	for _, rr := range z.records {
		if rr.Header().Name == name && rr.Header().Rrtype == rtype {
			set = append(set, rr)
		}
	}
	return set
}

// file returns the zone in master file format.
func (z *zone) file() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d IN SOA %s hostmaster.%s %d 3600 600 864000 %d\n",
		z.name, ttl, z.under("ns"), strings.TrimPrefix(z.name, "."), z.serial, ttl)
	for _, rr := range z.records {
		fmt.Fprintln(&b, rr)
	}
	return b.String()
}

// fileName names the zone in a directory: the root has no name of its own there.
func (z *zone) fileName() string {
	if z.name == "." {
		return "root"
	}
	return strings.TrimSuffix(z.name, ".")
}

// validity is how long signatures live: a judge five weeks from now finds those of brief zones expired and no others.
func (z *zone) validity() time.Duration {
	if z.brief {
		return 14 * 24 * time.Hour
	}
	return 60 * 24 * time.Hour
}

// policy names the way the zone is signed, for servers that want names for that.
func (z *zone) policy() string {
	denial, life := "nsec", "long"
	if z.nsec3 {
		denial = "nsec3"
	}
	if z.brief {
		life = "brief"
	}
	return strings.ToLower(dns.AlgorithmToString[z.algorithm]) + "-" + denial + "-" + life
}

// records reads lines of a master file, and spells them as they look when they come from the wire.
func records(t testing.TB, lines ...string) (set []dns.RR) {
	t.Helper()
	for _, line := range lines {
		rr, err := dns.NewRR(fmt.Sprintf("$TTL %d\n%s", ttl, line))
		if err != nil || rr == nil {
			t.Fatalf("record %q: %v", line, err)
		}
		wire := make([]byte, dns.Len(rr))
		if _, err = dns.PackRR(rr, wire, 0, nil, false); err == nil {
			rr, _, err = dns.UnpackRR(wire, 0)
		}
		if err != nil {
			t.Fatalf("record %q: %v", line, err)
		}
		set = append(set, rr)
	}
	return set
}
