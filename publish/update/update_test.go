package update

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

const (
	theirs = "3 1 1 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
	ours   = "255 255 255 80D55420B98633C5F4DA599C2159872A78EB2657E15D87F4662F1D5A1C97196B"
)

// odd are records that no software makes and every one has to carry.
var odd = []string{
	"0 0 1 01", "0 0 0", theirs, "255 255 255", "255 255 255 " + strings.Repeat("AB", 48), "3 1 1 " + strings.Repeat("00", 32), "1 2 200 FF",
}

func lines(ttl string, at string, records ...string) []string {
	var out []string
	for _, r := range records {
		fields := strings.Fields(r)
		out = append(out, at+" "+ttl+" IN TYPE52 "+rfc3597(fields))
	}
	return out
}

// rfc3597 spells a record as its octets, so that even one without data can be given.
func rfc3597(fields []string) string {
	r, err := publish.ParseRecord(strings.Join(fields, " "))
	if err != nil {
		panic(err)
	}
	return generic(r)
}

func read(t testing.TB, z publish.Zone, name string) publish.Set {
	t.Helper()
	set, err := z.Read(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestChangesAreMadeAndNothingBeside(t *testing.T) {
	for _, c := range []struct {
		claim  string
		before []string
		change func(s publish.Set) publish.Set
	}{
		{"a record is the first at its name", nil, func(s publish.Set) publish.Set { return s.With(record(t, ours), time.Minute) }},
		{"a record joins others", odd, func(s publish.Set) publish.Set { return s.With(record(t, ours), time.Minute) }},
		{"a record leaves others", append([]string{ours}, odd...), func(s publish.Set) publish.Set { return s.Without(record(t, ours)) }},
		{"the last record leaves", []string{ours}, func(s publish.Set) publish.Set { return s.Without(record(t, ours)) }},
		{"a record takes another's place", []string{theirs, ours}, func(s publish.Set) publish.Set {
			return s.Without(record(t, ours)).With(record(t, odd[4]), time.Minute)
		}},
		{"each odd record can be the one that leaves", odd, func(s publish.Set) publish.Set { return s.Without(record(t, odd[3]), record(t, odd[1])) }},
		{"a set takes another TTL", []string{theirs, ours}, func(s publish.Set) publish.Set { s.TTL = time.Hour; return s }},
		{"a set takes another TTL with a record more", []string{theirs}, func(s publish.Set) publish.Set {
			s = s.With(record(t, ours), 0)
			s.TTL = time.Hour
			return s
		}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			neighbours := lines("300", "neighbour."+apex, odd...)
			s.hold(t, neighbours...)
			rest := s.all()
			if c.before != nil {
				s.hold(t, lines("120", name, c.before...)...)
			}
			z := s.target(t, nil)
			before := read(t, z, name)
			if len(before.Records) != len(c.before) || c.before != nil && before.TTL != 2*time.Minute {
				t.Fatalf("read %v", before)
			}
			change := publish.Change{Name: name, Before: before, After: c.change(before)}
			if err := z.Write(context.Background(), change); err != nil {
				t.Fatal(err)
			}
			after := read(t, z, name)
			if !after.Same(change.After) || after.TTL != change.After.TTL {
				t.Errorf("got %v, want %v", after, change.After)
			}
			left := slices.DeleteFunc(strings.Split(s.all(), "\n"), func(l string) bool { return strings.HasPrefix(l, name) })
			if strings.Join(left, "\n") != rest {
				t.Errorf("what others have is now\n%s", strings.Join(left, "\n"))
			}
			if err := z.Write(context.Background(), change.Undo()); err != nil {
				t.Fatal(err)
			}
			if undone := read(t, z, name); !undone.Same(before) || undone.TTL != before.TTL {
				t.Errorf("undone: %v, want %v", undone, before)
			}
		})
	}
}

// fault is one thing that goes wrong.
type fault struct {
	claim string
	spoil func(s *server, c *Config)
	kind  publish.Kind
	words string // in the error
	made  bool   // the work is done all the same
}

func onUpdate(f func(r *dns.Msg)) func(s *server, c *Config) {
	return func(s *server, _ *Config) {
		s.edit = func(q, r *dns.Msg) {
			if q.Opcode == dns.OpcodeUpdate {
				f(r)
			}
		}
	}
}

// instead has the server say an RCODE, signed, and do nothing.
func instead(rcode int) func(s *server, c *Config) {
	return func(s *server, _ *Config) {
		s.edit = func(q, r *dns.Msg) {
			if q.Opcode == dns.OpcodeUpdate {
				r.Rcode = rcode
			}
		}
		s.before = func(q *dns.Msg) bool {
			if q.Opcode == dns.OpcodeUpdate {
				q.Ns = nil
			}
			return false
		}
	}
}

// onWire changes the octets of replies to updates.
func onWire(f func(r []byte) []byte) func(s *server, c *Config) {
	return func(s *server, _ *Config) {
		s.wire = func(q, r []byte) []byte {
			if q[2]>>3&15 == dns.OpcodeUpdate {
				return f(r)
			}
			return r
		}
	}
}

var faults = []fault{
	{"another secret", func(s *server, c *Config) { s.keys[keyName] = []byte("another secret of enough octets!") }, publish.BadKey, "BADSIG", false},
	{"an unknown key", func(s *server, c *Config) { delete(s.keys, keyName) }, publish.BadKey, "key lab. is not known there (BADKEY)", false},
	{"a clock that is late", func(s *server, c *Config) { s.now = noon.Add(time.Hour) }, publish.BadTime,
		"clocks differ by 1h0m0s: this one says 2026-11-22T12:00:00Z, the server's 2026-11-22T13:00:00Z", false},
	{"a clock that is early", func(s *server, c *Config) { s.now = noon.Add(-301 * time.Second) }, publish.BadTime, "clocks differ by 5m1s", false},
	{"a server that demands nothing, and whose clock is off", onUpdate(func(r *dns.Msg) { r.IsTsig().TimeSigned -= 3600 }), publish.BadTime, "clocks differ by 1h0m0s", true},
	{"a server that is not the zone's", instead(dns.RcodeNotAuth), publish.NotAuth, "publish.server", false},
	{"a name that is not in the zone", instead(dns.RcodeNotZone), publish.WrongZone, "NOTZONE", false},
	{"a key that may not", instead(dns.RcodeRefused), publish.Refused, "REFUSED", false},
	{"a server that fails", instead(dns.RcodeServerFailure), publish.ServFail, "SERVFAIL", false},
	{"a server that fails when the work is done", onUpdate(func(r *dns.Msg) { r.Rcode = dns.RcodeServerFailure }), publish.ServFail, "SERVFAIL", true},
	{"a server that knows no updates", instead(dns.RcodeNotImplemented), publish.Unsupported, "NOTIMP", false},
	{"a server that cannot read it", instead(dns.RcodeFormatError), publish.Unsupported, "FORMERR", false},
	{"an RCODE of no meaning here", instead(11), publish.Failed, "refused (", false},
	{"a name that is gone", instead(dns.RcodeNameError), publish.Conflict, "NXDOMAIN", false},
	{"a name that has come", instead(dns.RcodeYXDomain), publish.Conflict, "YXDOMAIN", false},
	{"the configured zone is not the name's", func(s *server, c *Config) { c.Zone = "other.example." }, publish.WrongZone, "not in the zone other.example.", false},
	{"the configured zone is above the name's", func(s *server, c *Config) { c.Zone = "example." }, publish.WrongZone, "is in the zone vendor.example. there, not in example.", false},
	{"no connection", func(s *server, c *Config) {
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
	}, publish.Unreachable, "192.0.2.53:53: no reply: connection refused", false},
	{"a connection that is cut before the work", func(s *server, c *Config) {
		s.before = func(q *dns.Msg) bool { return q.Opcode == dns.OpcodeUpdate }
	}, publish.Unreachable, "whether the update was done is not known", false},
	{"a connection that is cut after the work", onWire(func([]byte) []byte { return nil }), publish.Unreachable, "whether the update was done is not known", true},
	{"another message's ID", onWire(func(r []byte) []byte { r[0] ^= 1; return r }), publish.Failed, "reply is not to this message", true},
	{"a question for a reply", onWire(func(r []byte) []byte { r[2] &^= 0x80; return r }), publish.Failed, "reply is not to this message", true},
	{"another opcode", onUpdate(func(r *dns.Msg) { r.Opcode = dns.OpcodeQuery }), publish.Failed, "reply is not to this message", true},
	{"another zone's reply", onUpdate(func(r *dns.Msg) { r.Question[0].Name = "other.example." }), publish.Failed, "another question", true},
	{"two questions", onUpdate(func(r *dns.Msg) { r.Question = append(r.Question, r.Question[0]) }), publish.Failed, "another question", true},
	{"a reply cut short", onUpdate(func(r *dns.Msg) { r.Truncated = true }), publish.Failed, "cut short (TC)", true},
	{"a reply that ends early", onWire(func(r []byte) []byte { return r[:len(r)-3] }), publish.Failed, "reply is malformed", true},
	{"no reply at all in it", onWire(func(r []byte) []byte { return r[:7] }), publish.Failed, "reply is malformed", true},
	{"an empty message", onWire(func(r []byte) []byte { return []byte{} }), publish.Failed, "reply is malformed", true},
	{"octets behind the signature", onWire(func(r []byte) []byte { return append(r, 0) }), publish.Failed, "signature is not that of key lab.", true},
	{"an unsigned success", onUpdate(func(r *dns.Msg) { r.Extra = nil }), publish.Failed, "reply to a signed request is not signed", true},
	{"an unsigned REFUSED", onUpdate(func(r *dns.Msg) { r.Extra = nil; r.Rcode = dns.RcodeRefused }), publish.Refused, "is not signed, and says REFUSED, which is proven by nothing", true},
	{"an unsigned NOTAUTH", onUpdate(func(r *dns.Msg) { r.Extra = nil; r.Rcode = dns.RcodeNotAuth }), publish.NotAuth, "is not signed, and says NOTAUTH: it has not the zone, or not the key", true},
	{"an unsigned NXRRSET, which is no proof that nothing was done", onUpdate(func(r *dns.Msg) { r.Extra = nil; r.Rcode = dns.RcodeNXRrset }), publish.Failed, "is not signed, and says NXRRSET", true},
	{"an unsigned NOTAUTH to a question", func(s *server, c *Config) {
		s.edit = func(_, r *dns.Msg) { r.Extra = nil; r.Rcode = dns.RcodeNotAuth }
	}, publish.BadKey, "is not signed, and says NOTAUTH: the key is not known there", false},
	{"a success under BADKEY's empty signature", onUpdate(func(r *dns.Msg) { r.IsTsig().Error = dns.RcodeBadKey }), publish.Failed, "signature is not that of key lab.", true},
	{"a NOTAUTH under no error's empty signature", onWire(func(r []byte) []byte { return unsign(r, dns.RcodeNotAuth, 0) }), publish.Failed, "signature is not that of key lab.", true},
	{"a BADTIME that is not signed", onWire(func(r []byte) []byte { return unsign(r, dns.RcodeNotAuth, dns.RcodeBadTime) }), publish.Failed, "signature is not that of key lab.", true},
	{"a signature that has been touched", onWire(func(r []byte) []byte { r[len(r)-7] ^= 1; return r }), publish.Failed, "signature is not that of key lab.", true},
	{"a REFUSED where success was signed", onWire(func(r []byte) []byte { r[3] |= dns.RcodeRefused; return r }), publish.Failed, "signature is not that of key lab.", true},
	{"a reply to another request of the same key", onWire(stale), publish.Failed, "signature is not that of key lab.", true},
	{"another key's signature", onUpdate(func(r *dns.Msg) { r.IsTsig().Hdr.Name = "other." }), publish.Failed, "another key", true},
	{"another algorithm's signature", onUpdate(func(r *dns.Msg) { r.IsTsig().Algorithm = dns.HmacSHA512 }), publish.Failed, "another key", true},
	{"a signed error of no meaning here", onUpdate(func(r *dns.Msg) { r.IsTsig().Error = dns.RcodeBadAlg }), publish.Failed, "signature refused: BADALG", true},
}

// unsign takes the MAC out of a reply and puts an error in.
func unsign(r []byte, rcode int, mark uint16) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(r); err != nil {
		panic(err)
	}
	m.Rcode = rcode
	t := m.IsTsig()
	t.MAC, t.MACSize, t.Error = "", 0, mark
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

// stale signs a reply anew as if another request had been made.
func stale(r []byte) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(r); err != nil {
		panic(err)
	}
	t := m.IsTsig()
	t.MAC, t.MACSize = "", 0
	wire, _, err := dns.TsigGenerate(m, "c2l4dGVlbiBvY3RldHMgYW5kIHNpeHRlZW4gbW9yZS4=", strings.Repeat("00", 32), false)
	if err != nil {
		panic(err)
	}
	return wire
}

func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.claim, func(t *testing.T) {
			for _, spoilt := range []bool{false, true} {
				s := newServer(t)
				s.hold(t, lines("300", name, theirs)...)
				z := s.target(t, nil)
				before := read(t, z, name)
				rest := s.all()
				if spoilt {
					z = s.target(t, func(c *Config) { f.spoil(s, c) })
				}
				change := publish.Change{Name: name, Before: before, After: before.With(record(t, ours), 0)}
				err := z.Write(context.Background(), change)
				if sent := s.updates(); sent > 1 {
					t.Errorf("%d updates were sent", sent)
				}
				added := strings.ReplaceAll(s.all(), line(name, ours)+"\n", "")
				if added != rest {
					t.Errorf("others' records are now\n%s\nand were\n%s", added, rest)
				}
				if made := added != s.all(); made != (!spoilt || f.made) {
					t.Errorf("spoilt %t: made %t", spoilt, made)
				}
				var e *publish.Error
				switch {
				case !spoilt && err != nil:
					t.Fatal(err)
				case !spoilt:
				case !errors.As(err, &e):
					t.Errorf("%v", err)
				case e.Kind != f.kind || !strings.Contains(e.Error(), f.words):
					t.Errorf("%s: %v", e.Kind, e)
				case e.Where == "":
					t.Errorf("says nowhere where: %v", e)
				case (f.kind == publish.BadTime) == e.Theirs.IsZero():
					t.Errorf("their clock: %v", e.Theirs)
				}
			}
		})
	}
}

func line(name, text string) string {
	rr, _ := dns.NewRR(name + " 300 IN TLSA " + strings.ToLower(text))
	return rr.String()
}

func (s *server) updates() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.asked {
		if q.Opcode == dns.OpcodeUpdate {
			n++
		}
	}
	return n
}

func TestSomebodyElseWritesToo(t *testing.T) {
	other := record(t, "255 255 255 "+strings.Repeat("CD", 32))
	for _, c := range []struct {
		claim    string
		before   []string
		meddle   []string // the set as somebody leaves it between Read and Write
		kind     publish.Kind
		keepsOwn bool
	}{
		{"nobody does", []string{theirs}, nil, 0, false},
		{"a record is added", []string{theirs}, lines("300", name, theirs, other.String()), publish.Conflict, false},
		{"a record is replaced", []string{theirs}, lines("300", name, other.String()), publish.Conflict, false},
		{"the first record is added", nil, lines("300", name, other.String()), publish.Conflict, false},
		{"an alias comes where nothing was", nil, []string{name + " 300 IN CNAME ns." + apex}, publish.Alias, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			if c.before != nil {
				s.hold(t, lines("300", name, c.before...)...)
			}
			z := s.target(t, nil)
			before := read(t, z, name)
			if c.meddle != nil {
				s.hold(t, c.meddle...)
			}
			rest := s.all()
			err := z.Write(context.Background(), publish.Change{Name: name, Before: before, After: before.With(record(t, ours), time.Minute)})
			var e *publish.Error
			if c.kind == 0 {
				if err != nil || !strings.Contains(s.all(), line(name, ours)) {
					t.Fatalf("%v\n%s", err, s.all())
				}
				return
			}
			if !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("%v", err)
			}
			if s.all() != rest {
				t.Errorf("the zone is now\n%s", s.all())
			}
		})
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		claim string
		name  string
		spoil func(q, r *dns.Msg)
		kind  publish.Kind
		words string
		want  publish.Set
	}{
		{"a set", name, nil, 0, "", publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"a name that holds other things", "ns." + apex, nil, 0, "", publish.Set{Name: "ns." + apex}},
		{"a name that is not there", "absent." + apex, nil, 0, "", publish.Set{Name: "absent." + apex}},
		{"an alias", "alias." + apex, nil, 0, "", publish.Set{Name: "alias." + apex, Alias: "ns." + apex}},
		{"a name with escapes", `\(\097\000.` + apex, nil, 0, "", publish.Set{Name: `\(a\000.` + apex}},
		{"what a wildcard answers is not there", "any.wild." + apex, nil, 0, "", publish.Set{Name: "any.wild." + apex}},
		{"the wildcard's own is", "*.wild." + apex, nil, 0, "", publish.Set{Name: "*.wild." + apex, TTL: 5 * time.Minute, Records: []publish.Record{record(t, "255 255 255 AA")}}},
		{"a name that is delegated away", "jwk.cnf.sub." + apex, nil, publish.NotAuth, "not authoritative for", publish.Set{}},
		{"a name that is too long", strings.Repeat("a", 64) + "." + apex, nil, publish.NameTooLong, "no domain name", publish.Set{}},
		{"a server that answers from a cache", name, func(_, r *dns.Msg) { r.Authoritative = false }, publish.NotAuth, "not authoritative for", publish.Set{}},
		{"a server that refuses", name, func(_, r *dns.Msg) { r.Rcode = dns.RcodeRefused }, publish.Refused, "REFUSED", publish.Set{}},
		{"a server that fails", name, func(_, r *dns.Msg) { r.Rcode = dns.RcodeServerFailure }, publish.ServFail, "SERVFAIL", publish.Set{}},
		{"an answer cut short", name, func(_, r *dns.Msg) { r.Truncated = true }, publish.Failed, "cut short", publish.Set{}},
		{"an answer to another name", name, func(_, r *dns.Msg) { r.Question[0].Name = apex }, publish.Failed, "another question", publish.Set{}},
		{"an answer to no question", name, func(_, r *dns.Msg) { r.Question = nil }, publish.Failed, "another question", publish.Set{}},
		{"an answer in other letters", name, func(_, r *dns.Msg) {
			r.Question[0].Name = strings.ToUpper(name)
			r.Answer[0].Header().Name = strings.ToUpper(name)
		}, 0, "",
			publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"another name's record in the answer", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, rr(t, "other."+apex+" 300 IN TLSA 255 255 255 AA"))
		}, 0, "", publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"a record twice", name, func(_, r *dns.Msg) { r.Answer = append(r.Answer, dns.Copy(r.Answer[0])) }, 0, "",
			publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"two TTLs in one set", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, rr(t, name+" 60 IN TLSA 255 255 255 AA"))
		}, publish.Failed, "several TTLs", publish.Set{}},
		{"a record of two octets", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTLSA, Class: dns.ClassINET, Ttl: 300}, Rdata: "ffff"})
		}, publish.Failed, "a TLSA record of 2 octets", publish.Set{}},
		{"both an alias and a set", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, rr(t, name+" 300 IN CNAME ns."+apex))
		}, publish.Failed, "both a CNAME and TLSA", publish.Set{}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			s.hold(t, lines("300", name, theirs)...)
			z := s.target(t, nil)
			read(t, z, name)
			s.edit = c.spoil
			set, err := z.Read(context.Background(), c.name)
			var e *publish.Error
			switch {
			case c.words == "" && (err != nil || !set.Same(c.want) || set.TTL != c.want.TTL || set.Name != c.want.Name):
				t.Errorf("%v, %v", set, err)
			case c.words != "" && (!errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words)):
				t.Errorf("%v, want %s: %s", err, c.kind, c.words)
			}
		})
	}
}

func rr(t testing.TB, line string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAnAliasIsNotWrittenBeside holds that a name with a CNAME is left alone.
func TestAnAliasIsNotWrittenBeside(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	before := read(t, z, "alias."+apex)
	rest := s.all()
	err := z.Write(context.Background(), publish.Change{Name: "alias." + apex, Before: before, After: before.With(record(t, ours), time.Minute)})
	var e *publish.Error
	if !errors.As(err, &e) || e.Kind != publish.Alias || !strings.Contains(err.Error(), "a CNAME to ns."+apex) || s.all() != rest || s.updates() != 0 {
		t.Errorf("%v, %d updates", err, s.updates())
	}
}

// TestAWildcardIsWrittenOver holds that a wildcard's answer is neither kept nor in the way.
func TestAWildcardIsWrittenOver(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	before := read(t, z, "any.wild."+apex)
	if err := z.Write(context.Background(), publish.Change{Name: before.Name, Before: before, After: before.With(record(t, ours), time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if now := read(t, z, before.Name); len(now.Records) != 1 || !now.Has(record(t, ours)) {
		t.Errorf("%v", now)
	}
}

// TestAnUnsignedWildcard holds that where nobody can tell a wildcard's answer from a
// name's own, nothing is written, and the error says what may be the matter.
func TestAnUnsignedWildcard(t *testing.T) {
	s := newServer(t)
	unsigned(t, s)
	z := s.target(t, nil)
	for _, name := range []string{name, "any.wild." + apex} {
		before := read(t, z, name)
		rest := s.all()
		err := z.Write(t.Context(), publishChange(t, before))
		if len(before.Records) == 0 {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		var e *publish.Error
		if !errors.As(err, &e) || e.Kind != publish.Conflict || !strings.Contains(err.Error(), "may come from a wildcard") || s.all() != rest {
			t.Errorf("%v\n%s", err, s.all())
		}
	}
}

func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} {
		k, err := ParseKey([]byte(`key "lab" { algorithm ` + algorithm + `; secret "` + lab256 + `"; };`))
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t)
		z := s.target(t, func(c *Config) { c.Key = k })
		change := publishChange(t, read(t, z, name))
		if err := z.Write(t.Context(), change); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if got := read(t, z, name); !got.Same(change.After) {
			t.Errorf("%s: %v", algorithm, got)
		}
		s.keys[keyName] = []byte("another secret of enough octets!")
		if _, err := z.Read(t.Context(), name); err == nil || !strings.Contains(err.Error(), "BADSIG") {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// TestASetThatFitsNoMessage holds that it is refused before anything is sent.
func TestASetThatFitsNoMessage(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	for _, n := range []int{1000, 2000} { // of about 40 octets each
		after := publish.Set{Name: name, TTL: time.Minute}
		for i := range n {
			after.Records = append(after.Records, record(t, fmt.Sprintf("255 255 255 %08x", i)))
		}
		sent := s.updates()
		err := z.Write(t.Context(), publish.Change{Name: name, Before: read(t, z, name), After: after})
		var e *publish.Error
		switch {
		case n == 1000 && err != nil:
			t.Fatal(err)
		case n == 2000 && (!errors.As(err, &e) || e.Kind != publish.Unsupported || s.updates() != sent):
			t.Errorf("%v", err)
		}
	}
}

func TestTheWaitEnds(t *testing.T) {
	for _, c := range []struct {
		claim  string
		cancel bool
		kind   publish.Kind
		words  string
		after  time.Duration
	}{
		{"by itself", false, publish.Unreachable, "no reply in time: whether the update was done", 20 * time.Second},
		{"when the caller gives up", true, publish.Stopped, "stopped while waiting", 3 * time.Second},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				z := s.target(t, nil)
				before := read(t, z, name)
				silence := make(chan struct{})
				s.before = func(q *dns.Msg) bool {
					if q.Opcode == dns.OpcodeUpdate {
						<-silence
					}
					return false
				}
				defer close(silence)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if c.cancel {
					time.AfterFunc(3*time.Second, cancel)
				}
				start := time.Now()
				err := z.Write(ctx, publish.Change{Name: name, Before: before, After: before.With(record(t, ours), time.Minute)})
				var e *publish.Error
				if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words) {
					t.Errorf("%v", err)
				}
				if took := time.Since(start); took != c.after {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

func TestServersAreTriedInTurnUntilOneIsReached(t *testing.T) {
	s := newServer(t)
	var dialled []string
	c := Config{Key: key(t, keyName, labSecret), Now: func() time.Time { return noon }}
	c.Primary = primaryAt(apex, "192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53")
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if address == "192.0.2.1:53" {
			return nil, errors.New("nobody there")
		}
		return s.dial(ctx, network, address)
	}
	target, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	before := read(t, target.Zone, name)
	if err := target.Zone.Write(context.Background(), publish.Change{Name: name, Before: before, After: before.With(record(t, ours), time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(dialled, " "); got != "192.0.2.1:53 192.0.2.2:53 192.0.2.1:53 192.0.2.2:53" {
		t.Error(got)
	}
	c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody there") }
	target, _ = New(c)
	if _, err := target.Zone.Read(context.Background(), name); err == nil || !strings.Contains(err.Error(), "set publish.server") {
		t.Errorf("a primary that the SOA names, and nobody reaches: %v", err)
	}
}
