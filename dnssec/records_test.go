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

// TestRecordsAreSmall: a name that was said is not said again, and Records that are
// put together still hold.
func TestRecordsAreSmall(t *testing.T) {
	set := []dns.RR{
		rr("jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 aabb"),
		rr("jwk.cnf.vendor.example. 300 IN RRSIG TLSA 13 4 300 20261201000000 20261101000000 1 vendor.example. AAAA"),
	}
	other := []dns.RR{rr("jwk.cnf.Vendor.example. 300 IN RRSIG TLSA 13 4 300 20261201000000 20261101000000 1 vendor.test. AAAA"), rr("a. 1 IN TXT b")}
	one, two := PackRecords(set), PackRecords(other)
	full, err := packed(set)
	if err != nil || len(full)-len(one) != 24-2+16-2 {
		t.Errorf("%d octets of %d: %v", len(one), len(full), err)
	}
	both := append(append(Records{}, one...), two...)
	for i, got := range both.RRs() {
		if want := append(set, other...)[i]; got.String() != want.String() {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	if n := len(both.RRs()); n != 4 {
		t.Errorf("%d records", n)
	}
	if plain, _ := packed(set); len(one.RDATA(dns.TypeRRSIG)) != 1 || !bytes.Equal(one.RDATA(dns.TypeRRSIG)[0], plain.RDATA(dns.TypeRRSIG)[0]) {
		t.Errorf("RDATA of the signature: %x", one.RDATA(dns.TypeRRSIG))
	}
	if rest := both[len(one):]; len(rest.RRs()) != 2 || Records(both[len(one)-1:]).RDATA(dns.TypeTLSA) != nil {
		t.Error("the second part does not stand alone")
	}
}

// TestRecordsWithBackslashes: what is kept is what was received, octet for octet, and stays so
// when it is parsed and kept once more.
func TestRecordsWithBackslashes(t *testing.T) {
	for rrtype, rdata := range map[uint16]string{
		dns.TypeCAA: "\x00\x05issue" + `a\b\\c\065\`, dns.TypeURI: "\x00\x01\x00\x01" + `http://a/\b\\c\065\`, dns.TypeTXT: "\x02\\\\",
	} {
		x := received(t, "a.example.", rrtype, rdata)
		before := x.String()
		kept := PackRecords([]dns.RR{rr("a.example. 1 IN A 192.0.2.1"), x})
		if got := kept.RDATA(rrtype); len(got) != 1 || string(got[0]) != rdata {
			t.Errorf("%q became %q", rdata, got)
		}
		again := PackRecords(kept.RRs())
		if got := again.RDATA(rrtype); len(got) != 1 || string(got[0]) != rdata || x.String() != before {
			t.Errorf("%q was kept again as %q", rdata, got)
		}
	}
}

// FuzzRecords: no octets make it panic, and what is parsed is the same once it is
// packed and parsed again.
func FuzzRecords(f *testing.F) {
	k := newSigner(vendor, dns.ED25519)
	for _, section := range [][]dns.RR{k.signed(record), k.signed(soa(vendor)), k.signAll(pick(world.nsec3(vendor, 0, "", false), "=@", "~cnf", "~*"))} {
		f.Add([]byte(PackRecords(section)))
		plain, err := packed(section)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(plain))
	}
	f.Add([]byte(PackRecords([]dns.RR{received(f, "a.", dns.TypeCAA, "\x00\x05issue"+`a\b`), received(f, "a.", dns.TypeNSEC3, "\x01\x00\x00\x00\x05"), rr(record)})))
	f.Add([]byte{pointer, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Records(b)
		for _, d := range r.RDATA(dns.TypeTLSA) {
			if !bytes.Contains(b, d) {
				t.Fatalf("%x is not in %x", d, b)
			}
		}
		rrs := r.RRs()
		plain, err := packed(rrs)
		if err != nil || len(plain.RRs()) != len(rrs) {
			return // the library parses what it does not pack
		}
		if again, _ := packed(PackRecords(rrs).RRs()); !bytes.Equal(again, plain) {
			t.Errorf("%x\n%x", again, plain)
		}
		for _, rrtype := range []uint16{dns.TypeTLSA, dns.TypeRRSIG} {
			if got, want := PackRecords(rrs).RDATA(rrtype), plain.RDATA(rrtype); len(got) != len(want) || !bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
				t.Errorf("type %d: %x, want %x", rrtype, got, want)
			}
		}
	})
}

// received is a record as it comes off the wire, of RDATA that no zone file can have.
func received(tb testing.TB, owner string, rrtype uint16, rdata string) dns.RR {
	tb.Helper()
	wire, err := appendName(nil, owner)
	if err != nil {
		tb.Fatal(err)
	}
	wire = append(wire, byte(rrtype>>8), byte(rrtype), 0, dns.ClassINET, 0, 0, 1, 44, byte(len(rdata)>>8), byte(len(rdata)))
	rr, _, err := dns.UnpackRR(append(wire, rdata...), 0)
	if err != nil {
		tb.Fatal(err)
	}
	return rr
}

// TestRecordsBehindOneThatIsLost: a record that the library does not parse again once it
// has packed it takes none of the others along.
func TestRecordsBehindOneThatIsLost(t *testing.T) {
	half := received(t, "a.example.", dns.TypeNSEC3, "\x01\x00\x00\x00\x05") // ends where its salt begins
	before, behind := rr("www.example. 300 IN A 192.0.2.1"), rr("www.example. 300 IN A 192.0.2.2")
	got := PackRecords([]dns.RR{before, half, behind}).RRs()
	if len(got) != 2 || got[0].String() != before.String() || got[1].String() != behind.String() {
		t.Errorf("%v", got)
	}
}
