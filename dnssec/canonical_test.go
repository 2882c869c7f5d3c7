package dnssec

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestSignedForm holds the RDATA that a signature covers against RFC 4034 §6.2 as RFC 6840
// §5.1 corrects it, octet for octet: names in lower case in the types of its list and in no
// others, everything else as it was received.
func TestSignedForm(t *testing.T) {
	const name, lower = "\x01A\x02bC\x00", "\x01a\x02bc\x00"
	keep := func(rdata string) [2]string { return [2]string{rdata, rdata} }
	fold := func(rdata string) [2]string { return [2]string{rdata, strings.ReplaceAll(rdata, name, lower)} }
	for rrtype, rdata := range map[uint16][2]string{
		dns.TypeNS: fold(name), dns.TypeMD: fold(name), dns.TypeMF: fold(name), dns.TypeCNAME: fold(name), dns.TypeMB: fold(name),
		dns.TypeMG: fold(name), dns.TypeMR: fold(name), dns.TypePTR: fold(name), dns.TypeDNAME: fold(name),
		dns.TypeSOA: fold(name + name + strings.Repeat("A", 20)), dns.TypeMINFO: fold(name + name), dns.TypeRP: fold(name + name),
		dns.TypeMX: fold("AA" + name), dns.TypeAFSDB: fold("AA" + name), dns.TypeRT: fold("AA" + name), dns.TypeKX: fold("AA" + name),
		dns.TypePX: fold("AA" + name + name), dns.TypeSRV: fold("AAAAAA" + name), dns.TypeNAPTR: fold("AAAA\x01U\x03E2U\x01!" + name),
		dns.TypeSIG: fold(strings.Repeat("A", 18) + name + "AAAA"), dns.TypeNXT: fold(name + "\x00\x01\x40"),
		dns.TypeNSEC: keep(name + "\x00\x01\x40"), dns.TypeHINFO: keep("\x01A\x01B"), dns.TypeTXT: keep("\x01A\x00\x02\\\""),
		dns.TypeLP: keep("AA" + name), dns.TypeHTTPS: keep("\x00\x01" + name), dns.TypeTALINK: keep(name + name),
		dns.TypeCAA: keep("\x00\x05issue" + `a\b\\c\065\`), dns.TypeURI: keep("\x00\x01\x00\x01" + `http://a/\b\\c\065\`),
		dns.TypeTLSA: keep("\xff\xff\xffA"), 65400: keep(name),
	} {
		set := RRset{Name: "x.example.", Type: rrtype, RRs: []dns.RR{received(t, "X.Example.", rrtype, rdata[0])}}
		before := set.RRs[0].String()
		data, err := set.signedData(&dns.RRSIG{TypeCovered: rrtype, Labels: 2, SignerName: "Example."})
		want := binary.BigEndian.AppendUint16(nil, uint16(len(rdata[1])))
		if want = append(want, rdata[1]...); err != nil || !bytes.HasSuffix(data, want) {
			t.Errorf("%s: %q does not end in %q: %v", dns.Type(rrtype), data, want, err)
		}
		if set.RRs[0].String() != before {
			t.Errorf("%s: changed", dns.Type(rrtype))
		}
	}
}
