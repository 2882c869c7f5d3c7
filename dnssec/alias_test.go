package dnssec

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const vendor = "vendor.example."

func TestAlias(t *testing.T) {
	long := strings.Repeat(strings.Repeat("a", 61)+".", 3) + "target.example."
	for _, c := range []struct {
		claim  string
		answer func(k *signer) []dns.RR
		name   string
		rrtype uint16
		want   Security
		kind   Kind
		rcode  int
		target string
	}{
		{"a CNAME that is signed leads on", func(k *signer) []dns.RR { return k.signed(owner + " 300 CNAME Key.Vendor.test.") },
			owner, TypeTLSA, Secure, Positive, 0, "key.vendor.test."},
		{"a CNAME without a signature", func(k *signer) []dns.RR { return rrs(owner + " 300 CNAME key.vendor.test.") },
			owner, TypeTLSA, Bogus, Positive, 0, "key.vendor.test."},
		{"a CNAME whose target was changed", func(k *signer) []dns.RR {
			s := k.signed(owner + " 300 CNAME key.vendor.test.")
			s[0].(*dns.CNAME).Target = "key.forger.test."
			return s
		}, owner, TypeTLSA, Bogus, Positive, 0, "key.forger.test."},
		{"a CNAME asked for leads nowhere", func(k *signer) []dns.RR { return k.signed(owner + " 300 CNAME key.vendor.test.") },
			owner, dns.TypeCNAME, Secure, Positive, 0, ""},
		{"the record itself comes before an unsigned CNAME", func(k *signer) []dns.RR {
			return append(rrs(owner+" 300 CNAME key.forger.test."), k.signed(record)...)
		}, owner, TypeTLSA, Secure, Positive, 0, ""},
		{"a DNAME that is signed is followed, not the CNAME beside it", func(k *signer) []dns.RR {
			return append(k.signed("cnf.vendor.example. 300 DNAME cnf.vendor.test."), rr(owner+" 300 CNAME jwk.forger.test."))
		}, owner, TypeTLSA, Secure, Positive, 0, "jwk.cnf.vendor.test."},
		{"a DNAME without its CNAME", func(k *signer) []dns.RR { return k.signed("cnf.vendor.example. 300 DNAME cnf.vendor.test.") },
			owner, TypeTLSA, Secure, Positive, 0, "jwk.cnf.vendor.test."},
		{"a DNAME without a signature", func(k *signer) []dns.RR { return rrs("cnf.vendor.example. 300 DNAME cnf.forger.test.") },
			owner, TypeTLSA, Bogus, Positive, 0, "jwk.cnf.forger.test."},
		{"a DNAME to the root", func(k *signer) []dns.RR { return k.signed("vendor.example. 300 DNAME .") },
			owner, TypeTLSA, Secure, Positive, 0, "jwk.cnf."},
		{"a DNAME at the name itself redirects nothing", func(k *signer) []dns.RR { return k.signed(owner + " 300 DNAME cnf.vendor.test.") },
			owner, TypeTLSA, Bogus, NoData, 0, ""},
		{"a DNAME asked for", func(k *signer) []dns.RR { return k.signed("cnf.vendor.example. 300 DNAME cnf.vendor.test.") },
			"cnf.vendor.example.", dns.TypeDNAME, Secure, Positive, 0, ""},
		{"a DNAME above the zone is not the zone's", func(k *signer) []dns.RR { return k.signed("example. 300 DNAME forger.test.") },
			owner, TypeTLSA, Bogus, NoData, 0, ""},
		{"a DNAME of another class is none", func(k *signer) []dns.RR {
			s := k.signed("cnf.vendor.example. 300 DNAME cnf.vendor.test.")
			s[0].Header().Class = dns.ClassCHAOS
			return s
		}, owner, TypeTLSA, Bogus, NoData, 0, ""},
		{"a DNAME that makes the name too long", func(k *signer) []dns.RR { return k.signed("vendor.example. 300 DNAME " + long) },
			strings.Repeat("b", 60) + ".vendor.example.", TypeTLSA, Secure, NoAnswer, dns.RcodeYXDomain, ""},
		{"a forged DNAME that makes the name too long", func(k *signer) []dns.RR { return rrs("vendor.example. 300 DNAME " + long) },
			strings.Repeat("b", 60) + ".vendor.example.", TypeTLSA, Bogus, NoAnswer, dns.RcodeYXDomain, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			k := newSigner(vendor, dns.ED25519)
			z := proven(t, vendor, k)
			f := z.Answer(wire(t, message(0, c.answer(k), nil)), c.name, c.rrtype, terms())
			if f.Security != c.want || f.Kind != c.kind || f.Rcode != c.rcode || f.Target != c.target {
				t.Errorf("%s, kind %d, rcode %d, target %q: %s", f.Security, f.Kind, f.Rcode, f.Target, f.Trouble.Text)
			}
		})
	}
}

func TestDNAMEAtTheRoot(t *testing.T) {
	k := newSigner(".", dns.ED25519)
	z := proven(t, ".", k)
	f := z.Answer(wire(t, message(0, k.signed(". 300 DNAME test."), nil)), "jwk.cnf.", TypeTLSA, terms())
	if f.Security != Secure || f.Target != "jwk.cnf.test." {
		t.Errorf("%s to %q", f.Security, f.Target)
	}
}

// TestEmptyRecords: a record without RDATA parses as one of its type with
// nothing in it, and must neither crash nor prove.
func TestEmptyRecords(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	unsigned := Unsigned(vendor, Insecure, "", Trouble{}, now)
	for rrtype := range dns.TypeToRR {
		for _, at := range []string{owner, "cnf.vendor.example.", vendor} {
			empty := dns.TypeToRR[rrtype]()
			*empty.Header() = dns.RR_Header{Name: at, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 300}
			m := new(dns.Msg)
			packed, err := (&dns.Msg{Answer: []dns.RR{&dns.RFC3597{Hdr: *empty.Header()}}, Ns: []dns.RR{&dns.RFC3597{Hdr: *empty.Header()}}}).Pack()
			if err != nil {
				t.Fatal(err)
			}
			if m.Unpack(packed) != nil {
				continue
			}
			for _, asked := range []uint16{TypeTLSA, rrtype, dns.TypeANY, dns.TypeDS} {
				if f := z.Answer(m, owner, asked, terms()); f.Security == Secure {
					t.Errorf("an empty %s at %s makes %s Secure", dns.Type(rrtype), at, dns.Type(asked))
				}
				unsigned.Answer(m, owner, asked, terms())
				if d := z.Delegation("cnf.vendor.example.", m, terms()); d.Cut != CutUnproven {
					t.Errorf("an empty %s proves cut %d", dns.Type(rrtype), d.Cut)
				}
				if z := ProveZone(owner, &Trust{DS: []*dns.DS{k.ds(dns.SHA256)}}, m, terms()); z.Security != Bogus {
					t.Errorf("an empty %s makes a zone %s", dns.Type(rrtype), z.Security)
				}
			}
		}
	}
}
