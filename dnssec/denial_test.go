package dnssec

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// world is a zone whose denials the tests pick from.
var world = names{
	"vendor.example.":            {dns.TypeNS, dns.TypeSOA, dns.TypeDNSKEY},
	"txt.vendor.example.":        {dns.TypeTXT},
	"ent.vendor.example.":        {},
	"b.ent.vendor.example.":      {dns.TypeTXT},
	"wild.vendor.example.":       {},
	"*.wild.vendor.example.":     {dns.TypeTXT},
	"real.wild.vendor.example.":  {dns.TypeTXT},
	"calias.vendor.example.":     {},
	"*.calias.vendor.example.":   {dns.TypeCNAME},
	"hollow.vendor.example.":     {},
	"*.hollow.vendor.example.":   {}, // a wildcard that is itself an empty non-terminal
	"b.*.hollow.vendor.example.": {dns.TypeTXT},
	"alias.vendor.example.":      {dns.TypeCNAME},
	"dn.vendor.example.":         {dns.TypeDNAME},
	"sub.vendor.example.":        {dns.TypeNS},
	"signed.vendor.example.":     {dns.TypeNS, dns.TypeDS},
	"tlsa.vendor.example.":       {TypeTLSA},
}

// chain is what both kinds of denial give.
type chain interface {
	match(name string) dns.RR
	cover(name string) dns.RR
}

// pick puts denials together: "=name" is the record at a name, "~name" the one
// whose span holds it. Names are relative to vendor.example., each record once.
func pick(c chain, wanted ...string) []dns.RR {
	var out []dns.RR
	for _, w := range wanted {
		name := strings.TrimPrefix(w[1:]+"."+vendor, "@.")
		r := c.match
		if w[0] == '~' {
			r = c.cover
		}
		d := r(name)
		if !slices.ContainsFunc(out, func(o dns.RR) bool { return o.Header().Name == d.Header().Name }) {
			out = append(out, d)
		}
	}
	return out
}

// absence is a question and the proof that answers it, by NSEC and by NSEC3.
type absence struct {
	claim       string
	name        string // relative
	rrtype      uint16
	rcode       int
	nsec, nsec3 []string
	answer      string // a wildcard's record, served at the name; "" for none
	want        Security
	kind        Kind
	loose       bool // it does not need every one of its records
}

const nx = dns.RcodeNameError

// absences hold; each is then spoilt.
var absences = []absence{
	{claim: "no such type", name: "txt", rrtype: TypeTLSA, nsec: []string{"=txt"}, nsec3: []string{"=txt"}, kind: NoData},
	{claim: "no such type at the apex", name: "@", rrtype: TypeTLSA, nsec: []string{"=@"}, nsec3: []string{"=@"}, kind: NoData},
	{claim: "no such name", name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~jwk.cnf.absent", "~*"}, nsec3: []string{"=@", "~absent", "~*"}, kind: NoName},
	{claim: "no such name, after the last", name: "zz", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~zz", "~*"}, nsec3: []string{"=@", "~zz", "~*"}, kind: NoName},
	{claim: "no such name below one that exists", name: "a.txt", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~a.txt", "~*.txt"}, nsec3: []string{"=txt", "~a.txt", "~*.txt"}, kind: NoName},
	{claim: "no such name below an empty one", name: "a.ent", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~a.ent", "~*.ent"}, nsec3: []string{"=ent", "~a.ent", "~*.ent"}, kind: NoName},
	{claim: "an empty name", name: "ent", rrtype: TypeTLSA, nsec: []string{"~ent"}, nsec3: []string{"=ent"}, kind: NoData},
	{claim: "an empty name that the server calls none", name: "ent", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~ent"}, nsec3: []string{"=ent"}, kind: NoData},
	{claim: "a wildcard of another type", name: "a.wild", rrtype: TypeTLSA, nsec: []string{"~a.wild", "=*.wild"}, nsec3: []string{"=wild", "~a.wild", "=*.wild"}, kind: NoData},
	{claim: "the wildcard asked for itself", name: "*.wild", rrtype: TypeTLSA, nsec: []string{"=*.wild"}, nsec3: []string{"=*.wild"}, kind: NoData},
	{claim: "a wildcard that is an empty name", name: "a.hollow", rrtype: TypeTLSA, nsec: []string{"~a.hollow", "~*.hollow"}, nsec3: []string{"=hollow", "~a.hollow", "=*.hollow"}, kind: NoData},
	{claim: "a wildcard that is an empty name, which the server calls none", name: "a.hollow", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~a.hollow", "~*.hollow"}, nsec3: []string{"=hollow", "~a.hollow", "=*.hollow"}, kind: NoData},
	{claim: "no DS at a delegation", name: "sub", rrtype: dns.TypeDS, nsec: []string{"=sub"}, nsec3: []string{"=sub"}, kind: NoData},
	{claim: "no DS at a name that is no delegation", name: "txt", rrtype: dns.TypeDS, nsec: []string{"=txt"}, nsec3: []string{"=txt"}, kind: NoData},
	{claim: "an expanded wildcard", name: "a.b.wild", rrtype: dns.TypeTXT, nsec: []string{"~a.b.wild"}, nsec3: []string{"~b.wild"}, answer: "*.wild 300 TXT x", kind: Positive},
	{claim: "an expanded wildcard alias", name: "jwk.cnf.calias", rrtype: TypeTLSA, nsec: []string{"~jwk.cnf.calias"}, nsec3: []string{"~cnf.calias"}, answer: "*.calias 300 CNAME a.test.", kind: Positive},
	{claim: "more denials than are needed", name: "zz", rrtype: TypeTLSA, rcode: nx, nsec: []string{"=txt", "~zz", "~*", "=sub"}, nsec3: []string{"=txt", "=@", "~zz", "~*", "=sub"}, kind: NoName, loose: true},
}

// unproven do not hold although each record in them is genuine.
var unproven = []absence{
	{claim: "the type is there", name: "tlsa", rrtype: TypeTLSA, nsec: []string{"=tlsa"}, nsec3: []string{"=tlsa"}},
	{claim: "an alias is there", name: "alias", rrtype: TypeTLSA, nsec: []string{"=alias"}, nsec3: []string{"=alias"}},
	{claim: "the parent's record says nothing of a child's types", name: "sub", rrtype: TypeTLSA, nsec: []string{"=sub"}, nsec3: []string{"=sub"}},
	{claim: "the parent's record says nothing of a signed child's types", name: "signed", rrtype: TypeTLSA, nsec: []string{"=signed"}, nsec3: []string{"=signed"}},
	{claim: "the child's record at the apex says nothing of DS", name: "@", rrtype: dns.TypeDS, nsec: []string{"=@"}, nsec3: []string{"=@"}},
	{claim: "DS is there", name: "signed", rrtype: dns.TypeDS, nsec: []string{"=signed"}, nsec3: []string{"=signed"}},
	{claim: "a name below a delegation", name: "jwk.cnf.sub", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~jwk.cnf.sub", "~*.sub", "~*"}, nsec3: []string{"=sub", "~cnf.sub", "~*.sub"}},
	{claim: "a name below a DNAME", name: "jwk.cnf.dn", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~jwk.cnf.dn", "~*.dn", "~*"}, nsec3: []string{"=dn", "~cnf.dn", "~*.dn"}},
	{claim: "the wildcard has the type", name: "a.wild", rrtype: dns.TypeTXT, nsec: []string{"~a.wild", "=*.wild"}, nsec3: []string{"=wild", "~a.wild", "=*.wild"}},
	{claim: "the wildcard is an alias", name: "a.calias", rrtype: TypeTLSA, nsec: []string{"~a.calias", "=*.calias"}, nsec3: []string{"=calias", "~a.calias", "=*.calias"}},
	{claim: "another name's record", name: "tlsa", rrtype: TypeTLSA, nsec: []string{"=txt"}, nsec3: []string{"=txt"}},
	{claim: "another name's span", name: "tlsa", rrtype: TypeTLSA, rcode: nx, nsec: []string{"~zz", "~*"}, nsec3: []string{"=@", "~zz", "~*"}},
	{claim: "a wildcard from above an empty name", name: "a.ent", rrtype: dns.TypeTXT, nsec: []string{"~a.ent"}, nsec3: []string{"~a.ent"}, answer: "* 300 TXT x"},
	{claim: "a wildcard for a name that exists", name: "real.wild", rrtype: dns.TypeTXT, nsec: []string{"=real.wild", "~a.wild"}, nsec3: []string{"=real.wild", "~a.wild"}, answer: "*.wild 300 TXT x"},
	{claim: "a wildcard for a name whose parent exists", name: "a.txt", rrtype: dns.TypeTXT, nsec: []string{"~a.txt"}, nsec3: []string{"=txt", "~a.txt"}, answer: "* 300 TXT x"},
	{claim: "a wildcard for a name below a delegation", name: "a.sub", rrtype: dns.TypeTXT, nsec: []string{"~a.sub"}, nsec3: []string{"=sub", "~a.sub"}, answer: "* 300 TXT x"},
	{claim: "a wildcard alias for a name that exists", name: "txt", rrtype: TypeTLSA, nsec: []string{"=txt"}, nsec3: []string{"=txt"}, answer: "* 300 CNAME a.test."},
}

// build makes the message of an absence.
func (a absence) build(k *signer, c chain, proof []string) *question {
	name := strings.TrimPrefix(a.name+"."+vendor, "@.")
	q := &question{keys: []*signer{k}, name: name, rrtype: a.rrtype, terms: terms()}
	denials := pick(c, proof...)
	q.msg = message(a.rcode, nil, k.signAll(denials))
	if a.answer != "" {
		wild, rest, _ := strings.Cut(a.answer, " ")
		q.msg.Answer = k.expanded(name, wild+"."+vendor+" "+rest)
	} else {
		q.msg.Ns = append(k.signed(soa(vendor)), q.msg.Ns...)
	}
	return q
}

// both runs a test for NSEC and for NSEC3.
func both(t *testing.T, f func(t *testing.T, k *signer, z *Zone, c chain, proof func(absence) []string)) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	t.Run("NSEC", func(t *testing.T) {
		f(t, k, z, world.nsec(vendor), func(a absence) []string { return a.nsec })
	})
	t.Run("NSEC3", func(t *testing.T) {
		f(t, k, z, world.nsec3(vendor, 0, "", false), func(a absence) []string { return a.nsec3 })
	})
	t.Run("NSEC3 with salt and 50 iterations", func(t *testing.T) {
		f(t, k, z, world.nsec3(vendor, 50, "AABBCCDD", false), func(a absence) []string { return a.nsec3 })
	})
}

func TestAbsence(t *testing.T) {
	both(t, func(t *testing.T, k *signer, z *Zone, c chain, proof func(absence) []string) {
		for _, a := range absences {
			t.Run(a.claim, func(t *testing.T) {
				q := a.build(k, c, proof(a))
				q.zone = z
				f := q.judge(t)
				if f.Security != Secure || f.Kind != a.kind || f.Wildcard != (a.answer != "") || f.Trouble != (Trouble{}) {
					t.Fatalf("%s, kind %d, wildcard %v: %+v\n%s", f.Security, f.Kind, f.Wildcard, f.Trouble, q.msg)
				}
				if f.TTL <= 0 || f.TTL > 300e9 || f.Until.IsZero() {
					t.Errorf("believed for %s, until %s", f.TTL, f.Until)
				}
				if a.kind == NoName != (f.Rcode == nx) {
					t.Errorf("rcode %d", f.Rcode)
				}
				spoilAbsence(t, a, q)
			})
		}
	})
}

// spoilAbsence spoils each denial of a proof that holds, one at a time.
func spoilAbsence(t *testing.T, a absence, q *question) {
	whole := q.msg
	for i, r := range whole.Ns {
		rrtype := r.Header().Rrtype
		if rrtype != dns.TypeNSEC && rrtype != dns.TypeNSEC3 {
			continue
		}
		sig := whole.Ns[i+1].(*dns.RRSIG)
		for _, s := range []struct {
			how  string
			code uint16
			do   func(m *dns.Msg)
		}{
			{"left out", CodeDenialMissing, func(m *dns.Msg) { m.Ns = slices.Delete(m.Ns, i, i+2) }},
			{"without its signature", CodeSignatureMissing, func(m *dns.Msg) { m.Ns = slices.Delete(m.Ns, i+1, i+2) }},
			{"expired", CodeExpired, func(m *dns.Msg) {
				m.Ns[i+1] = q.key().sign([]dns.RR{r}, func(s *dns.RRSIG) { s.Expiration = uint32(now.Unix()) - 1 })
			}},
			{"not yet valid", CodeNotYetValid, func(m *dns.Msg) {
				m.Ns[i+1] = q.key().sign([]dns.RR{r}, func(s *dns.RRSIG) { s.Inception = uint32(now.Unix()) + 90 })
			}},
			{"by the zone above", CodeBogus, func(m *dns.Msg) {
				m.Ns[i+1] = q.key().sign([]dns.RR{r}, func(s *dns.RRSIG) { s.SignerName = "example." })
			}},
			{"by a stranger's key", CodeKeyMissing, func(m *dns.Msg) { m.Ns[i+1] = newSigner(vendor, dns.ECDSAP256SHA256).sign([]dns.RR{r}) }},
			{"of another class", CodeDenialMissing, func(m *dns.Msg) {
				m.Ns[i], m.Ns[i+1] = dns.Copy(r), dns.Copy(sig)
				m.Ns[i].Header().Class, m.Ns[i+1].Header().Class = dns.ClassCHAOS, dns.ClassCHAOS
			}},
			{"with a type more", CodeBogus, func(m *dns.Msg) { m.Ns[i] = withType(r, 65000) }},
			{"with a longer span", CodeBogus, func(m *dns.Msg) { m.Ns[i] = withNext(r) }},
		} {
			q.msg = &dns.Msg{MsgHdr: whole.MsgHdr, Answer: whole.Answer, Ns: slices.Clone(whole.Ns)}
			s.do(q.msg)
			q.terms = terms()
			f := q.judge(t)
			if !a.loose && (f.Security != Bogus || f.Trouble.Code != s.code) || f.Security == Secure && f.Kind != a.kind {
				t.Errorf("%s %s: %s kind %d %+v, want bogus %d", r.Header().Name, s.how, f.Security, f.Kind, f.Trouble, s.code)
			}
		}
	}
	q.msg = whole
}

func withType(r dns.RR, rrtype uint16) dns.RR {
	r = dns.Copy(r)
	switch r := r.(type) {
	case *dns.NSEC:
		r.TypeBitMap = append(r.TypeBitMap, rrtype)
	case *dns.NSEC3:
		r.TypeBitMap = append(r.TypeBitMap, rrtype)
	}
	return r
}

func withNext(r dns.RR) dns.RR {
	r = dns.Copy(r)
	switch r := r.(type) {
	case *dns.NSEC:
		r.NextDomain = "zzzz." + vendor
	case *dns.NSEC3:
		r.NextDomain = strings.Repeat("V", 32)
	}
	return r
}

func TestNoAbsence(t *testing.T) {
	both(t, func(t *testing.T, k *signer, z *Zone, c chain, proof func(absence) []string) {
		for _, a := range unproven {
			t.Run(a.claim, func(t *testing.T) {
				q := a.build(k, c, pickable(c, proof(a)))
				q.zone = z
				f := q.judge(t)
				if f.Security != Bogus || f.Trouble.Code != CodeDenialMissing {
					t.Errorf("%s, kind %d: %+v\n%s", f.Security, f.Kind, f.Trouble, q.msg)
				}
			})
		}
	})
}

// pickable leaves out spans over names that exist.
func pickable(c chain, wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(w string) bool {
		_, exists := world[w[1:]+"."+vendor]
		_, hashed := c.(*nsec3s)
		return w[0] == '~' && exists && hashed
	})
}

// TestNSECOutsideTheZone: what is denied, who denies and who signs lie in one zone.
func TestNSECOutsideTheZone(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	for _, c := range []struct {
		claim string
		nsec  []string
		want  Security
	}{
		{"the span ends at the apex", []string{"a.vendor.example. 300 NSEC vendor.example. TXT", "vendor.example. 300 NSEC a.vendor.example. NS SOA"}, Secure},
		{"the span ends outside of the zone", []string{"a.vendor.example. 300 NSEC z.example. TXT", "vendor.example. 300 NSEC a.vendor.example. NS SOA"}, Bogus},
		{"the span ends at the zone above", []string{"a.vendor.example. 300 NSEC example. TXT", "vendor.example. 300 NSEC a.vendor.example. NS SOA"}, Bogus},
		{"the span begins outside of the zone", []string{"a.example. 300 NSEC vendor.example. NS SOA"}, Bogus},
		{"a wildcard's own record renamed", []string{"*.vendor.example. 300 NSEC vendor.example. TXT"}, Bogus},
		{"a span that ends before it begins", []string{"zz.vendor.example. 300 NSEC b.vendor.example. TXT", "vendor.example. 300 NSEC a.vendor.example. NS SOA"}, Bogus},
		{"one record for the whole zone", []string{"vendor.example. 300 NSEC vendor.example. NS SOA"}, Secure},
	} {
		t.Run(c.claim, func(t *testing.T) {
			ns := k.signed(c.nsec...)
			if strings.HasPrefix(c.claim, "a wildcard") {
				for _, r := range ns {
					r.Header().Name = "b.vendor.example."
				}
			}
			f := z.Answer(wire(t, message(nx, nil, ns)), "jwk.cnf.vendor.example.", TypeTLSA, terms())
			if f.Security != c.want {
				t.Errorf("%s: %+v", f.Security, f.Trouble)
			}
		})
	}
}

// TestNSECFromAWildcard: the record of a wildcard, renamed as an answer from a
// wildcard may be, would deny the types of any name.
func TestNSECFromAWildcard(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	ns := k.expanded("tlsa."+vendor, "*.vendor.example. 300 NSEC vendor.example. TXT")
	if f := z.Answer(wire(t, message(0, nil, ns)), "tlsa."+vendor, TypeTLSA, terms()); f.Security != Bogus || f.Trouble.Code != CodeBogus {
		t.Errorf("%s: %+v", f.Security, f.Trouble)
	}
	if d := z.Delegation("tlsa."+vendor, message(0, nil, ns), terms()); d.Cut != CutUnproven {
		t.Errorf("cut %d", d.Cut)
	}
}

// TestBinaryNamesInNSEC: octets above 127 have an order of their own, so that
// a span of the zone does not seem to hold a name which is there.
func TestBinaryNamesInNSEC(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	ns := k.signed(`\200.vendor.example. 300 NSEC \202.vendor.example. TXT`, "vendor.example. 300 NSEC a.vendor.example. NS SOA")
	for name, want := range map[string]Security{`\201.vendor.example.`: Secure, `\203.vendor.example.`: Bogus, `\199.vendor.example.`: Bogus} {
		if f := z.Answer(wire(t, message(nx, nil, ns)), name, TypeTLSA, terms()); f.Security != want {
			t.Errorf("%s: %s %s", name, f.Security, f.Trouble.Text)
		}
	}
}

// TestWhatAStubIsShown: nothing unproven stands in the authority section of a
// Secure answer (RFC 4035 §3.2.3: AD speaks for both sections).
func TestWhatAStubIsShown(t *testing.T) {
	both(t, func(t *testing.T, k *signer, z *Zone, c chain, proof func(absence) []string) {
		for _, a := range absences {
			q := a.build(k, c, proof(a))
			q.zone = z
			forged := rrs("vendor.example. 2000 SOA forger. forger. 1 1 1 1 1", "forged.vendor.example. 300 NSEC vendor.example. TXT", "forged.vendor.example. 300 NSEC3 1 0 0 - 9MU25BR564COI9BDFNMP3HO132J1CSF0 TXT")
			q.msg.Ns = append(forged, without(q.msg.Ns, ofType(dns.TypeSOA))...)
			f := q.judge(t)
			if f.Security != Secure {
				t.Errorf("%s: %s %s", a.claim, f.Security, f.Trouble.Text)
				continue
			}
			for _, r := range f.Authority {
				if slices.ContainsFunc(forged, func(x dns.RR) bool { return dns.IsDuplicate(x, r) }) {
					t.Errorf("%s: shows %s", a.claim, r)
				}
			}
		}
	})
}
