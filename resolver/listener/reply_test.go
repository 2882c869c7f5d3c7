package listener

import (
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestBackslashes: a client is sent the octets of a CAA value and a URI target that were
// received, those included that the library takes for escapes.
func TestBackslashes(t *testing.T) {
	const value = `a\b\\c\065\`
	name := dns.RR_Header{Name: "vendor.example.", Class: dns.ClassINET, Ttl: 300}
	caa, uri := &dns.CAA{Hdr: name, Tag: "issue", Value: value}, &dns.URI{Hdr: name, Target: value}
	caa.Hdr.Rrtype, uri.Hdr.Rrtype = dns.TypeCAA, dns.TypeURI
	a := &dnssec.Answer{
		Name: name.Name, Type: dns.TypeCAA, Security: dnssec.Insecure, Kind: dnssec.Positive,
		AnswerSection: dnssec.PackRecords([]dns.RR{caa, uri}), Fetched: start, Until: start.Add(time.Hour),
	}
	wire, err := Reply(new(dns.Msg).SetQuestion(name.Name, dns.TypeCAA), a, start).Pack()
	if err != nil {
		t.Fatal(err)
	}
	got := new(dns.Msg)
	if err := got.Unpack(wire); err != nil || len(got.Answer) != 2 {
		t.Fatalf("%d records, %v", len(got.Answer), err)
	}
	if c, u := got.Answer[0].(*dns.CAA).Value, got.Answer[1].(*dns.URI).Target; c != value || u != value {
		t.Errorf("%q and %q, want %q", c, u, value)
	}
}
