package dnssec

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

func TestRecords(t *testing.T) {
	lines := []string{
		"jwk.cnf.vendor.example.	300	IN	CNAME	jwk.cnf.other.example.",
		"jwk.cnf.other.example.	300	IN	TLSA	255 255 255 aa",
		"jwk.cnf.other.example.	300	IN	TLSA	255 255 255 bbcc",
		"jwk.cnf.other.example.	300	IN	RRSIG	TLSA 13 4 300 20261201000000 20261101000000 1 other.example. AAAA",
		".	300	IN	NSEC	. NS SOA",
	}
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	r := PackRecords(rrs)
	for i, rr := range r.RRs() {
		if rr.String() != lines[i] {
			t.Errorf("got %s\nwant %s", rr, lines[i])
		}
	}
	if n := len(r.RRs()); n != len(lines) {
		t.Errorf("%d records of %d", n, len(lines))
	}
	data := r.RDATA(dns.TypeTLSA)
	if len(data) != 2 || !bytes.Equal(data[0], []byte{255, 255, 255, 0xaa}) || !bytes.Equal(data[1], []byte{255, 255, 255, 0xbb, 0xcc}) {
		t.Errorf("RDATA %x", data)
	}
	if got := r.RDATA(dns.TypeA); got != nil {
		t.Errorf("RDATA of a type that is not there: %x", got)
	}
	if PackRecords(nil) != nil || Records(nil).RRs() != nil || Records(nil).RDATA(dns.TypeA) != nil {
		t.Error("nothing is not nothing")
	}
}

// FuzzRecords: no octets make it panic, and what is parsed is packed again as it was.
func FuzzRecords(f *testing.F) {
	rr, err := dns.NewRR("a.example. 1 IN TLSA 255 255 255 aa")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(PackRecords([]dns.RR{rr, rr})))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Records(b)
		data := r.RDATA(dns.TypeTLSA)
		for _, d := range data {
			if !bytes.Contains(b, d) {
				t.Fatalf("%x is not in %x", d, b)
			}
		}
		r.RRs()
	})
}
