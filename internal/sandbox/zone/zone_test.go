package zone

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const content = `
@            3600 SOA ns hostmaster 1 7200 3600 1209600 60
@            3600 NS  ns
ns           3600 A   192.0.2.53
www          300  A   192.0.2.80
below.hollow 300  TXT "deep"
*.wild       300  TXT "anything"
alias        300  CNAME www
lost         300  CNAME nowhere
far          300  CNAME www.other.example.
old          300  DNAME wild
signed       3600 NS  ns.signed
signed       3600 DS  12345 13 2 E1B3A3B1C1D1E1F1A1B1C1D1E1F1A1B1C1D1E1F1A1B1C1D1E1F1A1B1C1D1E1F1
ns.signed    3600 A   192.0.2.54
open         3600 NS  ns.open
ns.open      3600 A   192.0.2.55
open.middle  3600 NS  ns.open
`

func parse(t testing.TB, origin, text string) []dns.RR {
	t.Helper()
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), origin, "test")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func newKey(t testing.TB, algorithm uint8) *Key {
	t.Helper()
	k, err := NewKey(algorithm, dns.ZONE|dns.SEP, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newZone(t testing.TB, p Policy) *Zone {
	t.Helper()
	z, err := New("zone.example.", p, parse(t, "zone.example.", content))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func signed(t testing.TB, d Denial, optOut bool) *Zone {
	t.Helper()
	return newZone(t, Policy{Keys: []*Key{newKey(t, dns.ECDSAP256SHA256)}, Denial: d, OptOut: optOut})
}

// sketch writes a section as "www A, www RRSIG": owners relative to the zone, hashes as #.
func sketch(section []dns.RR) string {
	var out []string
	for _, rr := range section {
		h := rr.Header()
		owner := strings.TrimSuffix(strings.TrimSuffix(h.Name, "zone.example."), ".")
		if owner == "" {
			owner = "@"
		}
		if h.Rrtype == dns.TypeNSEC3 {
			owner = "#"
		}
		if h.Rrtype != dns.TypeRRSIG {
			out = append(out, owner+" "+dns.TypeToString[h.Rrtype])
		}
	}
	return strings.Join(out, ", ")
}

func TestAnswer(t *testing.T) {
	zones := map[string]*Zone{
		"nsec": signed(t, NSEC, false), "nsec3": signed(t, NSEC3, false), "optout": signed(t, NSEC3, true), "unsigned": newZone(t, Policy{}),
	}
	for _, c := range []struct {
		claim, zone, name string
		rrtype            uint16
		rcode             int
		answer, authority string
	}{
		{"a name and type that exist", "nsec", "www", dns.TypeA, 0, "www A", ""},
		{"a type that does not", "nsec", "www", dns.TypeTLSA, 0, "", "@ SOA, www NSEC"},
		{"a type that does not, by hash", "nsec3", "www", dns.TypeTLSA, 0, "", "@ SOA, # NSEC3"},
		{"a missing name: itself and the wildcard denied", "nsec", "x.www", dns.TypeA, 3, "", "@ SOA, www NSEC"},
		{"a missing name: the interval and the wildcard's", "nsec", "n", dns.TypeA, 3, "", "@ SOA, open.middle NSEC, @ NSEC"},
		{"a missing name, by hash: encloser, and one interval for next closer and wildcard", "nsec3", "a.b.c", dns.TypeA, 3, "", "@ SOA, # NSEC3, # NSEC3"},
		{"an empty non-terminal exists", "nsec", "hollow", dns.TypeA, 0, "", "@ SOA, far NSEC"},
		{"an empty non-terminal has an NSEC3", "nsec3", "hollow", dns.TypeA, 0, "", "@ SOA, # NSEC3"},
		{"a wildcard stands in, and nothing closer exists", "nsec", "a.b.wild", dns.TypeTXT, 0, "a.b.wild TXT", "*.wild NSEC"},
		{"a wildcard stands in, by hash", "nsec3", "a.b.wild", dns.TypeTXT, 0, "a.b.wild TXT", "# NSEC3"},
		{"a wildcard without the type", "nsec", "a.wild", dns.TypeTLSA, 0, "", "@ SOA, *.wild NSEC"},
		{"a wildcard without the type, by hash", "nsec3", "a.wild", dns.TypeTLSA, 0, "", "@ SOA, # NSEC3, # NSEC3, # NSEC3"},
		{"the wildcard asked for by name", "nsec", "*.wild", dns.TypeTXT, 0, "*.wild TXT", ""},
		{"a CNAME is followed", "nsec", "alias", dns.TypeA, 0, "alias CNAME, www A", ""},
		{"a CNAME asked for is not", "nsec", "alias", dns.TypeCNAME, 0, "alias CNAME", ""},
		{"a CNAME into nothing", "nsec", "lost", dns.TypeA, 3, "lost CNAME", "@ SOA, open.middle NSEC, @ NSEC"},
		{"a CNAME out of the zone", "nsec", "far", dns.TypeA, 0, "far CNAME", ""},
		{"a DNAME makes a CNAME", "nsec", "x.old", dns.TypeTXT, 0, "old DNAME, x.old CNAME, x.wild TXT", "*.wild NSEC"},
		{"a DNAME's owner is not renamed", "nsec", "old", dns.TypeTXT, 0, "", "@ SOA, old NSEC"},
		{"a signed delegation", "nsec", "a.signed", dns.TypeA, 0, "", "signed NS, signed DS"},
		{"an unsigned delegation", "nsec", "a.open", dns.TypeA, 0, "", "open NS, open NSEC"},
		{"an unsigned delegation, by hash", "nsec3", "a.open", dns.TypeA, 0, "", "open NS, # NSEC3"},
		{"an unsigned delegation, opted out", "optout", "a.open", dns.TypeA, 0, "", "open NS, # NSEC3, # NSEC3"},
		{"the parent answers for DS", "nsec", "signed", dns.TypeDS, 0, "signed DS", ""},
		{"the parent denies DS", "nsec", "open", dns.TypeDS, 0, "", "@ SOA, open NSEC"},
		{"the parent denies DS, opted out", "optout", "open", dns.TypeDS, 0, "", "@ SOA, # NSEC3, # NSEC3"},
		{"a name there only for an opted-out delegation", "optout", "middle", dns.TypeA, 0, "", "@ SOA, # NSEC3, # NSEC3"},
		{"glue is not an answer", "nsec", "ns.open", dns.TypeA, 0, "", "open NS, open NSEC"},
		{"an unsigned zone proves nothing", "unsigned", "n", dns.TypeA, 3, "", "@ SOA"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			z := zones[c.zone]
			r := z.Answer(c.name+".zone.example.", c.rrtype, true, noon)
			if r.Rcode != c.rcode {
				t.Errorf("rcode %s, want %s", dns.RcodeToString[r.Rcode], dns.RcodeToString[c.rcode])
			}
			if got := sketch(r.Answer); got != c.answer {
				t.Errorf("answer: %s\nwant:   %s", got, c.answer)
			}
			if got := sketch(r.Authority); got != c.authority {
				t.Errorf("authority: %s\nwant:      %s", got, c.authority)
			}
			if c.zone != "unsigned" {
				checkSignatures(t, z, append(r.Answer, r.Authority...))
			}
			plain := z.Answer(c.name+".zone.example.", c.rrtype, false, noon)
			for _, rr := range slices.Concat(plain.Answer, plain.Authority, plain.Additional) {
				switch rr.Header().Rrtype {
				case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
					t.Errorf("without DO: %s", rr)
				}
			}
		})
	}
}

// checkSignatures holds that every RRset that a zone must sign is signed, and that
// each signature verifies at noon: NS of a cut and synthesised CNAMEs are not signed.
func checkSignatures(t *testing.T, z *Zone, section []dns.RR) {
	t.Helper()
	sets, sigs := map[string][]dns.RR{}, map[string][]*dns.RRSIG{}
	renamed := ""
	for _, rr := range section {
		h := rr.Header()
		if d, ok := rr.(*dns.DNAME); ok {
			renamed = "." + d.Hdr.Name
		}
		if s, ok := rr.(*dns.RRSIG); ok {
			key := h.Name + dns.TypeToString[s.TypeCovered]
			sigs[key] = append(sigs[key], s)
			continue
		}
		if h.Rrtype == dns.TypeNS && h.Name != z.apex || h.Rrtype == dns.TypeCNAME && renamed != "" && strings.HasSuffix(h.Name, renamed) {
			continue
		}
		key := h.Name + dns.TypeToString[h.Rrtype]
		sets[key] = append(sets[key], rr)
	}
	for key, set := range sets {
		if len(sigs[key]) != len(z.policy.Keys) {
			t.Errorf("%s: %d signatures, want %d", key, len(sigs[key]), len(z.policy.Keys))
		}
		for _, s := range sigs[key] {
			if !s.ValidityPeriod(noon) {
				t.Errorf("%s: not valid at noon: %s", key, s)
			}
			ok := false
			for _, k := range z.policy.Keys {
				ok = ok || s.Verify(k.record(z.apex), set) == nil
			}
			if !ok {
				t.Errorf("%s: the signature does not verify", key)
			}
		}
		delete(sigs, key)
	}
	for key := range sigs {
		t.Errorf("%s: a signature over nothing", key)
	}
}

func TestCompare(t *testing.T) {
	// RFC 4034 §6.1's own example, in order.
	order := []string{"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.",
		"z.example.", "\\001.z.example.", "*.z.example.", "\\200.z.example."}
	for i := range order {
		for j := range order {
			if got := Compare(order[i], order[j]); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("Compare(%s, %s) = %d", order[i], order[j], got)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for claim, text := range map[string]string{
		"a zone without SOA":        "@ 300 NS ns\n",
		"a zone without NS":         "@ 300 SOA ns hostmaster 1 2 3 4 5\n",
		"a record from outside":     "@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nwww.other.example. 300 A 192.0.2.1\n",
		"what signing itself makes": "@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\n@ 300 NSEC ns.zone.example. A\n",
	} {
		if _, err := New("zone.example.", Policy{}, parse(t, "zone.example.", text)); err == nil {
			t.Errorf("%s is let in", claim)
		}
	}
}

func TestSignaturesAreKept(t *testing.T) {
	z := signed(t, NSEC, false)
	sig := func(name string, rrtype uint16, at time.Time) string {
		for _, rr := range z.Answer(name+".zone.example.", rrtype, true, at).Answer {
			if s, ok := rr.(*dns.RRSIG); ok {
				return s.Signature
			}
		}
		t.Fatalf("%s has no signature", name)
		return ""
	}
	www, ns := sig("www", dns.TypeA, noon), sig("ns", dns.TypeA, noon)
	nsec := sig("alias", dns.TypeNSEC, noon)
	if err := z.Replace(parse(t, "zone.example.", "www 300 A 192.0.2.81\n")...); err != nil {
		t.Fatal(err)
	}
	if sig("www", dns.TypeA, noon) == www {
		t.Error("what was changed kept its signature")
	}
	if sig("ns", dns.TypeA, noon) != ns || sig("alias", dns.TypeNSEC, noon) != nsec {
		t.Error("what was left alone was signed again")
	}
	if got := z.Records("zone.example.", dns.TypeSOA)[0].(*dns.SOA).Serial; got != 2 {
		t.Errorf("serial %d after one change to 1", got)
	}
	for claim, at := range map[string]time.Time{
		"near the end of its life": noon.Add(12 * 24 * time.Hour),
		"before it was made":       noon.Add(-30 * 24 * time.Hour),
	} {
		if sig("ns", dns.TypeA, at) == ns {
			t.Errorf("a signature is not made anew %s", claim)
		}
	}
}

func ExampleZone_Answer() {
	key, _ := NewKey(dns.ED25519, dns.ZONE|dns.SEP, nil)
	records := []dns.RR{}
	for _, line := range []string{
		"vendor.example. 3600 SOA ns.vendor.example. hostmaster.vendor.example. 1 7200 3600 1209600 300",
		"vendor.example. 3600 NS ns.vendor.example.",
		"www.vendor.example. 300 TXT hello",
	} {
		rr, _ := dns.NewRR(line)
		records = append(records, rr)
	}
	z, err := New("vendor.example.", Policy{Keys: []*Key{key}}, records)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := z.Answer("jwk.cnf.vendor.example.", dns.TypeTLSA, true, time.Unix(1795341600, 0))
	fmt.Println(dns.RcodeToString[r.Rcode])
	for _, rr := range r.Authority {
		if n, ok := rr.(*dns.NSEC); ok {
			fmt.Println("nothing between", n.Hdr.Name, "and", n.NextDomain)
		}
	}
	// Output:
	// NXDOMAIN
	// nothing between vendor.example. and www.vendor.example.
}
