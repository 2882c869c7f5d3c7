package dnssec

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	owner  = "jwk.cnf.vendor.example."
	record = owner + " 300 IN TLSA 255 255 255 80D55420A698198F17CDA95C1955872A78EB2657C785F61FD19C5A1C971964EB"
)

// question is one message with what it is judged by: the thing that tests
// build whole and then spoil in one place.
type question struct {
	keys   []*signer
	zone   *Zone
	msg    *dns.Msg
	name   string
	rrtype uint16
	terms  *Terms
}

func (q *question) key() *signer { return q.keys[0] }

func (q *question) judge(tb testing.TB) Finding {
	return q.zone.Answer(wire(tb, q.msg), q.name, q.rrtype, q.terms)
}

// positive is a confirmation record with its signature.
func positive(tb testing.TB, alg uint8) *question {
	k := newSigner("vendor.example.", alg)
	return &question{
		keys: []*signer{k}, zone: proven(tb, "vendor.example.", k),
		msg: message(0, k.signed(record), nil), name: owner, rrtype: TypeTLSA, terms: terms(),
	}
}

func (q *question) resign(edit ...func(*dns.RRSIG)) {
	set := find(q.msg.Answer, q.name, q.rrtype).RRs
	q.msg.Answer = append(set, q.key().sign(set, edit...))
}

func TestEveryAlgorithmProves(t *testing.T) {
	for _, alg := range []uint8{dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519, dns.ED448} {
		t.Run(dns.AlgorithmToString[alg], func(t *testing.T) {
			q := positive(t, alg)
			f := q.judge(t)
			if f.Security != Secure || f.Kind != Positive || f.Trouble != (Trouble{}) {
				t.Fatalf("%s, %+v", f.Security, f.Trouble)
			}
			if f.TTL != 300*time.Second || !f.Until.Equal(now.Add(24*time.Hour)) {
				t.Errorf("TTL %s, until %s", f.TTL, f.Until)
			}
			raw, _ := base64.StdEncoding.DecodeString(sigOver(q.msg, TypeTLSA).Signature)
			for _, at := range []int{0, len(raw) / 2, len(raw) - 1} {
				raw[at] ^= 1
				sigOver(q.msg, TypeTLSA).Signature = base64.StdEncoding.EncodeToString(raw)
				raw[at] ^= 1
				if f := q.judge(t); f.Security != Bogus || f.Trouble.Code != CodeBogus {
					t.Errorf("with octet %d of the signature changed: %s %+v", at, f.Security, f.Trouble)
				}
			}
		})
	}
}

func TestSHA1ProvesOnlyWhereAsked(t *testing.T) {
	for _, alg := range []uint8{dns.RSASHA1, dns.RSASHA1NSEC3SHA1} {
		q := positive(t, alg)
		if f := q.judge(t); f.Security == Secure {
			t.Errorf("algorithm %d proves by default", alg)
		}
		q.terms.SHA1 = true
		if f := q.judge(t); f.Security != Secure {
			t.Errorf("algorithm %d does not prove where asked: %s", alg, f.Trouble.Text)
		}
	}
}

// TestPositive spoils an answer that holds in exactly one place.
func TestPositive(t *testing.T) {
	day := func(n int) uint32 { return uint32(now.AddDate(0, 0, n).Unix()) }
	for _, c := range []struct {
		claim string
		spoil func(t *testing.T, q *question)
		want  Security
		code  uint16
	}{
		{"as it was", func(*testing.T, *question) {}, Secure, 0},
		{"the case of the owner may differ", func(_ *testing.T, q *question) {
			for _, r := range q.msg.Answer {
				r.Header().Name = "jWk.CNF.vendor.Example."
			}
		}, Secure, 0},
		{"the case of the signer may differ", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).SignerName = "VENDOR.example."
		}, Secure, 0},
		{"a larger TTL is cut to the original one", func(t *testing.T, q *question) {
			q.msg.Answer[0].Header().Ttl = 1 << 30
			if f := q.judge(t); f.TTL != 300*time.Second {
				t.Errorf("believed for %s", f.TTL)
			}
		}, Secure, 0},
		{"a smaller TTL counts", func(t *testing.T, q *question) {
			q.msg.Answer[0].Header().Ttl = 7
			if f := q.judge(t); f.TTL != 7*time.Second {
				t.Errorf("believed for %s", f.TTL)
			}
		}, Secure, 0},
		{"a TTL with its top bit set is zero", func(t *testing.T, q *question) {
			q.msg.Answer[0].Header().Ttl = 1 << 31
			if f := q.judge(t); f.TTL != 0 {
				t.Errorf("believed for %s", f.TTL)
			}
		}, Secure, 0},
		{"records of others beside it do not matter", func(_ *testing.T, q *question) {
			q.msg.Answer = append(rrs("www.vendor.example. 300 TLSA 255 255 255 00", "jwk.cnf.other.example. 300 TLSA 3 1 1 00"), q.msg.Answer...)
		}, Secure, 0},
		{"one signature that holds is enough", func(_ *testing.T, q *question) {
			bad := *sigOver(q.msg, TypeTLSA)
			bad.Inception++
			q.msg.Answer = append([]dns.RR{&bad}, q.msg.Answer...)
		}, Secure, 0},
		{"expired a second ago", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.Expiration = uint32(now.Unix()) - 1 })
		}, Bogus, CodeExpired},
		{"expires now", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.Expiration = uint32(now.Unix()) })
		}, Secure, 0},
		{"begins in 60 seconds", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.Inception = uint32(now.Unix()) + 60 })
		}, Secure, 0},
		{"begins in 61 seconds", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.Inception = uint32(now.Unix()) + 61 })
		}, Bogus, CodeNotYetValid},
		{"begins after it ends", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.Inception, s.Expiration = uint32(now.Unix())+50, uint32(now.Unix())+40 })
		}, Bogus, CodeBogus},
		{"valid from before 2106's wrap to after it", func(_ *testing.T, q *question) {
			q.terms.Now = time.Unix(1<<32+100, 0)
			q.resign(func(s *dns.RRSIG) { s.Inception, s.Expiration = 1<<32-100, 200 })
		}, Secure, 0},
		{"expired before 2106's wrap", func(_ *testing.T, q *question) {
			q.terms.Now = time.Unix(1<<32+100, 0)
			q.resign(func(s *dns.RRSIG) { s.Inception, s.Expiration = 1<<32-200, 1<<32-100 })
		}, Bogus, CodeExpired},
		{"its time told by another clock", func(_ *testing.T, q *question) {
			q.terms.Now = now.AddDate(0, 0, 2)
		}, Bogus, CodeExpired},
		{"no signature", func(_ *testing.T, q *question) {
			q.msg.Answer = without(q.msg.Answer, isSig(TypeTLSA))
		}, Bogus, CodeSignatureMissing},
		{"the signature of another type only", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).TypeCovered = dns.TypeTXT
		}, Bogus, CodeSignatureMissing},
		{"the signature at another name only", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Hdr.Name = "1.8.vendor.example."
		}, Bogus, CodeSignatureMissing},
		{"the data changed", func(_ *testing.T, q *question) {
			q.msg.Answer[0].(*dns.TLSA).Certificate = "00" + q.msg.Answer[0].(*dns.TLSA).Certificate[2:]
		}, Bogus, CodeBogus},
		{"a record added", func(_ *testing.T, q *question) {
			q.msg.Answer = append(q.msg.Answer, rr(owner+" 300 TLSA 255 255 255 00"))
		}, Bogus, CodeBogus},
		{"a record taken away", func(_ *testing.T, q *question) {
			q.msg.Answer = q.key().signed(record, owner+" 300 TLSA 255 255 255 00")
			q.msg.Answer = without(q.msg.Answer, func(r dns.RR) bool { return strings.HasSuffix(r.String(), " 00") })
		}, Bogus, CodeBogus},
		{"the original TTL changed", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).OrigTtl++
		}, Bogus, CodeBogus},
		{"the inception changed", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Inception--
		}, Bogus, CodeBogus},
		{"the expiry put off", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Expiration = day(30)
		}, Bogus, CodeBogus},
		{"the key tag changed", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).KeyTag++
		}, Bogus, CodeKeyMissing},
		{"the algorithm changed to another supported one", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Algorithm = dns.ED25519
		}, Bogus, CodeKeyMissing},
		{"the algorithm changed to an unknown one", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Algorithm = 200
		}, Bogus, CodeKeyMissing},
		{"signed by another key with the zone's name", func(_ *testing.T, q *question) {
			q.msg.Answer = newSigner("vendor.example.", dns.ECDSAP256SHA256).signed(record)
		}, Bogus, CodeKeyMissing},
		{"the signer is the zone above", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.SignerName = "example." })
		}, Bogus, CodeBogus},
		{"the signer is a name below", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.SignerName = "cnf.vendor.example." })
		}, Bogus, CodeBogus},
		{"the signer is the root", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.SignerName = "." })
		}, Bogus, CodeBogus},
		{"the signature is too short by an octet", func(_ *testing.T, q *question) {
			cutSignature(sigOver(q.msg, TypeTLSA), -1)
		}, Bogus, CodeBogus},
		{"the signature is too long by an octet", func(_ *testing.T, q *question) {
			cutSignature(sigOver(q.msg, TypeTLSA), 1)
		}, Bogus, CodeBogus},
		{"the signature is empty", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Signature = ""
		}, Bogus, CodeBogus},
		{"more labels than the owner has", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Labels = 5
		}, Bogus, CodeBogus},
		{"fewer labels than the owner has, not signed so", func(_ *testing.T, q *question) {
			sigOver(q.msg, TypeTLSA).Labels = 3
		}, Bogus, CodeBogus},
		{"fewer labels than the signer has, signed so", func(_ *testing.T, q *question) {
			q.msg.Answer = q.key().expanded(owner, "*.example. 300 TLSA 255 255 255 00")
		}, Bogus, CodeBogus},
		{"nine signatures of which the last holds", func(_ *testing.T, q *question) {
			good := sigOver(q.msg, TypeTLSA)
			q.msg.Answer = q.msg.Answer[:1]
			for i := range 8 {
				bad := *good
				bad.KeyTag += uint16(i) + 1
				q.msg.Answer = append(q.msg.Answer, &bad)
			}
			q.msg.Answer = append(q.msg.Answer, good)
		}, Bogus, CodeKeyMissing},
		{"the class is not IN", func(_ *testing.T, q *question) {
			for _, r := range q.msg.Answer {
				r.Header().Class = dns.ClassCHAOS
			}
		}, Bogus, CodeDenialMissing},
		{"the zone's keys are of an unsigned zone", func(_ *testing.T, q *question) {
			q.zone = Unsigned("vendor.example.", Insecure, "", Trouble{}, time.Time{})
		}, Insecure, 0},
		{"no anchor is above the zone", func(_ *testing.T, q *question) {
			q.zone = &Zone{Name: "vendor.example."}
		}, Indeterminate, 0},
		{"the zone is bogus", func(_ *testing.T, q *question) {
			q.zone = &Zone{Name: "vendor.example.", Security: Bogus, Trouble: Trouble{Code: CodeExpired, Text: "x"}}
		}, Bogus, CodeExpired},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := positive(t, dns.ECDSAP256SHA256)
			c.spoil(t, q)
			f := q.judge(t)
			if f.Security != c.want || f.Trouble.Code != c.code {
				t.Errorf("%s %+v, want %s %d", f.Security, f.Trouble, c.want, c.code)
			}
			if f.Security == Bogus && f.Trouble.Text == "" {
				t.Error("it does not say why")
			}
		})
	}
}

func cutSignature(s *dns.RRSIG, by int) {
	raw, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil {
		panic(err)
	}
	raw = append(raw, 0)
	s.Signature = base64.StdEncoding.EncodeToString(raw[:len(raw)-1+by])
}

// TestMoreLabelsThanTheOwner: such a signature is refused even where it verifies
// (RFC 4035 §5.3.1).
func TestMoreLabelsThanTheOwner(t *testing.T) {
	q := positive(t, dns.ED25519)
	honest := q.key().private
	for labels, want := range map[byte]Security{4: Secure, 5: Bogus, 255: Bogus} {
		q.key().private = patched{honest, 3, labels}
		q.resign()
		sigOver(q.msg, TypeTLSA).Labels = labels
		if f := q.judge(t); f.Security != want {
			t.Errorf("%d labels: %s %+v", labels, f.Security, f.Trouble)
		}
	}
}

// TestSignerIsNoStringSuffix: example. must not sign for notexample., which
// the library's own check would let pass.
func TestSignerIsNoStringSuffix(t *testing.T) {
	k := newSigner("example.", dns.ED25519)
	z := proven(t, "example.", k)
	const name = "jwk.cnf.notexample."
	m := message(0, k.signed(name+" 300 TLSA 255 255 255 00"), nil)
	if f := z.Answer(m, name, TypeTLSA, terms()); f.Security != Bogus {
		t.Errorf("%s", f.Security)
	}
	const escaped = `jwk\.example.` // one label whose text ends like the zone
	m = message(0, k.signed(escaped+" 300 TLSA 255 255 255 00"), nil)
	if f := z.Answer(m, escaped, TypeTLSA, terms()); f.Security == Secure && !IsSubdomain(escaped, "example.") {
		t.Error("a name outside the zone is Secure")
	}
}

func TestRecordsAreSignedInCanonicalOrderOnceEach(t *testing.T) {
	q := positive(t, dns.ED25519)
	lines := []string{
		owner + " 300 TLSA 255 255 255 80", owner + " 300 TLSA 255 255 255 7F", owner + " 300 TLSA 255 255 255 7F00", owner + " 300 TLSA 3 1 1 FF",
	}
	q.msg.Answer = q.key().signed(lines...)
	q.msg.Answer[0], q.msg.Answer[3] = q.msg.Answer[3], q.msg.Answer[0]
	q.msg.Answer = append(q.msg.Answer, dns.Copy(q.msg.Answer[1]))
	if f := q.judge(t); f.Security != Secure {
		t.Errorf("%s: %s", f.Security, f.Trouble.Text)
	}
}

func TestNamesInRDATAAreSignedInLowerCase(t *testing.T) {
	for _, line := range []string{
		"x.vendor.example. 300 MX 10 Mail.Vendor.Example.", "x.vendor.example. 300 SRV 1 2 3 Mail.Vendor.Example.",
		"x.vendor.example. 300 NAPTR 1 2 \"U\" \"X\" \"\" Mail.Vendor.Example.", "x.vendor.example. 300 PTR Mail.Vendor.Example.",
		"x.vendor.example. 300 RP A.Vendor.Example. B.Vendor.Example.", "x.vendor.example. 300 HINFO Cpu Os",
		"x.vendor.example. 300 SVCB 1 Svc.Vendor.Example. port=53", "x.vendor.example. 300 TXT \"Mixed Case\"",
	} {
		q := positive(t, dns.ED25519)
		q.msg.Answer = q.key().signed(line)
		q.name, q.rrtype = "x.vendor.example.", q.msg.Answer[0].Header().Rrtype
		if f := q.judge(t); f.Security != Secure {
			t.Errorf("%s: %s %s", line, f.Security, f.Trouble.Text)
		}
	}
}

func TestOddQuestions(t *testing.T) {
	for _, c := range []struct {
		claim  string
		rrtype uint16
		edit   func(q *question)
		want   Security
		kind   Kind
	}{
		{"RRSIG records prove nothing of themselves", dns.TypeRRSIG, func(q *question) { q.msg.Answer = q.msg.Answer[1:] }, Insecure, Positive},
		{"ANY is as good as its weakest RRset", dns.TypeANY, func(q *question) {
			q.msg.Answer = append(q.msg.Answer, q.key().signed(owner+" 300 TXT a")...)
		}, Secure, Positive},
		{"ANY with one RRset unsigned", dns.TypeANY, func(q *question) {
			q.msg.Answer = append(q.msg.Answer, rr(owner+" 300 TXT a"))
		}, Bogus, Positive},
		{"ANY with records of another class", dns.TypeANY, func(q *question) {
			q.msg.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}, Txt: []string{"a"}}}
		}, Bogus, NoData},
		{"no data for ANY where the name has types", dns.TypeANY, func(q *question) {
			q.msg = message(0, nil, q.key().signed(soa("vendor.example."), owner+" 300 NSEC vendor.example. RRSIG NSEC TLSA"))
		}, Bogus, NoData},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := positive(t, dns.ED25519)
			q.rrtype = c.rrtype
			c.edit(q)
			if f := q.judge(t); f.Security != c.want || f.Kind != c.kind {
				t.Errorf("%s, kind %d: %s", f.Security, f.Kind, f.Trouble.Text)
			}
		})
	}
}

func TestSignaturesAskedForInABogusZone(t *testing.T) {
	m := positive(t, dns.ED25519).msg
	for _, s := range []Security{Bogus, Indeterminate, Insecure} {
		z := &Zone{Name: "vendor.example.", Security: s}
		if f := z.Answer(m, owner, dns.TypeRRSIG, terms()); f.Security != s {
			t.Errorf("%s in a zone that is %s", f.Security, s)
		}
	}
}
