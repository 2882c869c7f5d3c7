package update

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

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
	{"an unknown key", func(s *server, c *Config) { delete(s.keys, keyName) }, publish.BadKey, "one that may not; where this is not the zone's primary, set publish.server to it", false},
	{"a clock that is late", func(s *server, c *Config) { s.now = noon.Add(time.Hour) }, publish.BadTime,
		"clocks differ by 1h0m0s: this one says 2026-11-22T12:00:00Z, the server's 2026-11-22T13:00:00Z", false},
	{"a clock that is early", func(s *server, c *Config) { s.now = noon.Add(-301 * time.Second) }, publish.BadTime, "clocks differ by 5m1s", false},
	{"a server that demands nothing, and whose clock is off", onUpdate(func(r *dns.Msg) { r.IsTsig().TimeSigned -= 3600 }), publish.BadTime, "clocks differ by 1h0m0s", true},
	{"a server that is not the zone's", instead(dns.RcodeNotAuth), publish.NotAuth, "publish.server", false},
	{"a name that is not in the zone", instead(dns.RcodeNotZone), publish.WrongZone, "NOTZONE", false},
	{"a key that may not", instead(dns.RcodeRefused), publish.Refused, "REFUSED", false},
	{"a server that fails", instead(dns.RcodeServerFailure), publish.ServFail, "(SERVFAIL): its log says why; where this is not the zone's primary, set publish.server to it", false},
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
	}, publish.Unreachable, "192.0.2.53:53: no reply: connection refused: see whether it listens there, on TCP, and this machine is let through; where this is not", false},
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
	}, publish.BadKey, "is not signed, and says NOTAUTH: the key is not known there, its secret is another, or the clocks differ: check the key's name, algorithm and secret, and the clocks, on both sides; where this is not the zone's primary", false},
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
