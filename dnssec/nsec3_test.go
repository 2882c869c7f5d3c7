package dnssec

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestOptOut: a span that opts out may hide an insecure delegation, so what it
// denies is Insecure (RFC 5155 §9.2).
func TestOptOut(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	out, in := world.nsec3(vendor, 0, "", true), world.nsec3(vendor, 0, "", false)
	for _, a := range []absence{
		{claim: "no such name", name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx, nsec3: []string{"=@", "~absent", "~*"}, kind: NoName},
		{claim: "no DS at a delegation that is left out", name: "sub", rrtype: dns.TypeDS, nsec3: []string{"=@", "~sub"}, kind: NoData},
		{claim: "no DS somewhere in the span", name: "absent", rrtype: dns.TypeDS, nsec3: []string{"=@", "~absent"}, kind: NoData},
		{claim: "a wildcard of another type", name: "a.wild", rrtype: TypeTLSA, nsec3: []string{"=wild", "~a.wild", "=*.wild"}, kind: NoData},
		{claim: "an expanded wildcard", name: "a.wild", rrtype: dns.TypeTXT, nsec3: []string{"~a.wild"}, answer: "*.wild 300 TXT x", kind: Positive},
		{claim: "an expanded wildcard alias", name: "jwk.cnf.calias", rrtype: TypeTLSA, nsec3: []string{"~cnf.calias"}, answer: "*.calias 300 CNAME a.test.", kind: Positive},
	} {
		t.Run(a.claim, func(t *testing.T) {
			q := a.build(k, out, a.nsec3)
			q.zone = z
			f := q.judge(t)
			if f.Security != Insecure || f.Kind != a.kind || !strings.Contains(f.Trouble.Text, "opt-out") {
				t.Errorf("%s, kind %d: %+v", f.Security, f.Kind, f.Trouble)
			}
		})
	}
	for _, a := range []absence{
		{claim: "a name that matches is not opted out", name: "txt", rrtype: TypeTLSA, nsec3: []string{"=txt"}, want: Secure},
		{claim: "the type of a name that exists", name: "tlsa", rrtype: TypeTLSA, nsec3: []string{"=tlsa"}, want: Bogus},
		{claim: "no such name, the wildcard not denied", name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx, nsec3: []string{"=@", "~absent"}, want: Bogus},
		{claim: "no such name, no encloser", name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx, nsec3: []string{"~absent", "~*"}, want: Bogus},
		{claim: "a secure delegation is not in the span", name: "signed", rrtype: dns.TypeDS, nsec3: []string{"=@", "~absent"}, want: Bogus},
	} {
		t.Run(a.claim, func(t *testing.T) {
			q := a.build(k, out, a.nsec3)
			q.zone = z
			if f := q.judge(t); f.Security != a.want {
				t.Errorf("%s: %+v", f.Security, f.Trouble)
			}
		})
	}
	t.Run("the flag is signed", func(t *testing.T) {
		q := absence{name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx}.build(k, in, []string{"=@", "~absent", "~*"})
		q.zone = z
		for _, r := range q.msg.Ns {
			if n, ok := r.(*dns.NSEC3); ok {
				n.Flags = 1
			}
		}
		if f := q.judge(t); f.Security != Bogus || f.Trouble.Code != CodeBogus {
			t.Errorf("%s: %+v", f.Security, f.Trouble)
		}
	})
}

// TestIterations: past 50 a denial is Insecure with EDE 27, and only where the
// NSEC3's own signature holds (RFC 9276 §3.2).
func TestIterations(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	noName := absence{name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx}
	for _, c := range []struct {
		claim      string
		absence    absence
		iterations uint16
		proof      []string
		spoil      func(m *dns.Msg)
		want       Security
		code       uint16
	}{
		{"50", noName, 50, []string{"=@", "~absent", "~*"}, nil, Secure, 0},
		{"51", noName, 51, []string{"=@", "~absent", "~*"}, nil, Insecure, CodeIterations},
		{"51, and the proof is not whole", noName, 51, []string{"=@", "~absent"}, nil, Bogus, CodeDenialMissing},
		{"150", noName, 150, []string{"=@", "~absent", "~*"}, nil, Insecure, CodeIterations},
		{"151", noName, 151, []string{"=@", "~absent", "~*"}, nil, Insecure, CodeIterations},
		{"65535 are not counted", noName, 65535, []string{"=@"}, nil, Insecure, CodeIterations},
		{"151 without a signature", noName, 151, []string{"=@", "~absent", "~*"}, func(m *dns.Msg) { m.Ns = without(m.Ns, isSig(dns.TypeNSEC3)) }, Bogus, CodeSignatureMissing},
		{"51 without a signature", noName, 51, []string{"=@", "~absent", "~*"}, func(m *dns.Msg) { m.Ns = without(m.Ns, isSig(dns.TypeNSEC3)) }, Bogus, CodeSignatureMissing},
		{"raised from 0 to 151 on the way", noName, 0, []string{"=@", "~absent", "~*"}, func(m *dns.Msg) {
			for _, r := range m.Ns {
				if n, ok := r.(*dns.NSEC3); ok {
					n.Iterations = 151
				}
			}
		}, Bogus, CodeBogus},
		{"no data at 51", absence{name: "txt", rrtype: TypeTLSA}, 51, []string{"=txt"}, nil, Insecure, CodeIterations},
		{"no data at 151", absence{name: "txt", rrtype: TypeTLSA}, 151, []string{"=txt"}, nil, Insecure, CodeIterations},
		{"a wildcard at 51", absence{name: "a.wild", rrtype: dns.TypeTXT, answer: "*.wild 300 TXT x"}, 51, []string{"~a.wild"}, nil, Insecure, CodeIterations},
		{"a wildcard at 151", absence{name: "a.wild", rrtype: dns.TypeTXT, answer: "*.wild 300 TXT x"}, 151, []string{"~a.wild"}, nil, Insecure, CodeIterations},
		{"a wildcard alias at 51", absence{name: "jwk.cnf.calias", rrtype: TypeTLSA, answer: "*.calias 300 CNAME a.test."}, 51, []string{"~cnf.calias"}, nil, Insecure, CodeIterations},
		{"a record that is there does not need denials", absence{name: "*.wild", rrtype: dns.TypeTXT, answer: "*.wild 300 TXT x"}, 151, nil, nil, Secure, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := c.absence.build(k, world.nsec3(vendor, c.iterations, "", false), c.proof)
			q.zone = z
			if c.spoil != nil {
				c.spoil(q.msg)
			}
			f := q.judge(t)
			if f.Security != c.want || f.Trouble.Code != c.code {
				t.Errorf("%s: %+v", f.Security, f.Trouble)
			}
		})
	}
}

// TestOddNSEC3: records that a validator must pass over (RFC 5155 §8.1, §8.2).
func TestOddNSEC3(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	for _, c := range []struct {
		claim string
		edit  func(n *dns.NSEC3)
		want  Security
	}{
		{"as it was", func(*dns.NSEC3) {}, Secure},
		{"another hash function", func(n *dns.NSEC3) { n.Hash = 2 }, Bogus},
		{"an unknown flag", func(n *dns.NSEC3) { n.Flags = 2 }, Bogus},
		{"an owner two labels below the apex", func(n *dns.NSEC3) { n.Hdr.Name = strings.Replace(n.Hdr.Name, ".", ".x.", 1) }, Bogus},
		{"another salt", func(n *dns.NSEC3) { n.Salt, n.SaltLength = "AA", 1 }, Bogus},
		{"the apex as owner", func(n *dns.NSEC3) { n.Hdr.Name = vendor }, Bogus},
	} {
		t.Run(c.claim, func(t *testing.T) {
			ch := world.nsec3(vendor, 0, "", false)
			n := ch.match("txt." + vendor).(*dns.NSEC3)
			c.edit(n)
			f := z.Answer(wire(t, message(0, nil, k.signAll([]dns.RR{n}))), "txt."+vendor, TypeTLSA, terms())
			if f.Security != c.want {
				t.Errorf("%s: %+v", f.Security, f.Trouble)
			}
		})
	}
	t.Run("one record for the whole zone denies all but its owner", func(t *testing.T) {
		ch := names{vendor: world[vendor]}.nsec3(vendor, 0, "", false)
		for name, want := range map[string]Security{"a." + vendor: Secure, vendor: Bogus} {
			f := z.Answer(wire(t, message(nx, nil, k.signAll([]dns.RR{ch.match(vendor)}))), name, dns.TypeSOA, terms())
			if f.Security != want {
				t.Errorf("%s: %s %+v", name, f.Security, f.Trouble)
			}
		}
	})
}
