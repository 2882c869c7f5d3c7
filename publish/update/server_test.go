package update

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/sandbox/zone"
	"cnfd/publish"

	"github.com/miekg/dns"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	keyName = "lab."
	apex    = "vendor.example."
	name    = "jwk.cnf.vendor.example."
	content = `
vendor.example. 3600 SOA ns hostmaster 1 7200 3600 1209600 60
vendor.example. 3600 NS ns.vendor.example.
ns.vendor.example. 3600 A 192.0.2.53
alias.vendor.example. 300 CNAME ns.vendor.example.
*.wild.vendor.example. 300 TLSA 255 255 255 AA
sub.vendor.example. 3600 NS ns.elsewhere.example.
`
)

var labSecret = []byte("sixteen octets and sixteen more.")

// server is an honest primary behind one end of a pipe: it checks signatures and
// preconditions with other code than this package's, and does the work. What it says
// and hears can then be spoilt.
type server struct {
	zone *zone.Zone
	now  time.Time
	keys map[string][]byte

	edit   func(q, r *dns.Msg)         // the reply, before it is signed
	wire   func(q, r []byte) []byte    // the reply's octets; nil: the connection is cut
	before func(q *dns.Msg) (end bool) // told before the work is done
	conns  sync.WaitGroup
	mu     sync.Mutex
	asked  []*dns.Msg // all that was heard
}

func newServer(t testing.TB) *server {
	t.Helper()
	key, err := zone.NewKey(dns.ED25519, dns.ZONE|dns.SEP, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{zone: zoneWith(t, key), now: noon, keys: map[string][]byte{keyName: labSecret}}
	t.Cleanup(s.conns.Wait)
	return s
}

// unsigned takes the zone's key away.
func unsigned(t testing.TB, s *server) { s.zone = zoneWith(t) }

func zoneWith(t testing.TB, keys ...*zone.Key) *zone.Zone {
	t.Helper()
	var records []dns.RR
	p := dns.NewZoneParser(strings.NewReader(content), apex, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records = append(records, rr)
	}
	if p.Err() != nil {
		t.Fatal(p.Err())
	}
	z, err := zone.New(apex, zone.Policy{Keys: keys}, records)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func (s *server) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	s.conns.Go(func() {
		defer theirs.Close()
		for s.one(theirs) {
		}
	})
	return ours, nil
}

// one answers one message, and reports whether to go on.
func (s *server) one(c net.Conn) bool {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return false
	}
	wire := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, wire); err != nil {
		return false
	}
	q := new(dns.Msg)
	if q.Unpack(wire) != nil {
		return false
	}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if s.before != nil && s.before(q) {
		return false
	}
	reply := s.answer(q, slices.Clone(wire))
	if s.wire != nil {
		reply = s.wire(wire, reply)
	}
	if reply == nil {
		return false
	}
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err == nil
}

// answer does what a message asks, where it is signed by whom it should be.
func (s *server) answer(q *dns.Msg, wire []byte) []byte {
	r := new(dns.Msg).SetReply(q)
	var secret, mac string
	t := q.IsTsig()
	if t != nil {
		secret, mac = base64.StdEncoding.EncodeToString(s.keys[t.Hdr.Name]), t.MAC
		r.SetTsig(t.Hdr.Name, t.Algorithm, 300, s.now.Unix())
	}
	switch {
	case t == nil && s.keys != nil || t != nil && !s.knows(t, wire, r.IsTsig()):
		r.Rcode = dns.RcodeNotAuth
		if t == nil {
			r.Rcode = dns.RcodeRefused
		}
	case q.Opcode == dns.OpcodeUpdate && q.Question[0].Name != apex:
		r.Rcode = dns.RcodeNotAuth
	case q.Opcode == dns.OpcodeUpdate:
		r.Rcode = s.zone.Update(q)
	default:
		a := s.zone.Answer(q.Question[0].Name, q.Question[0].Qtype, q.IsEdns0().Do(), noon)
		r.Rcode, r.Authoritative, r.Answer, r.Ns = a.Rcode, a.Authoritative, a.Answer, a.Authority
	}
	if s.edit != nil {
		s.edit(q, r)
	}
	var out []byte
	var err error
	if r.IsTsig() != nil {
		out, _, err = dns.TsigGenerate(r, secret, mac, false)
	} else {
		out, err = r.Pack()
	}
	if err != nil {
		panic(err)
	}
	return out
}

// knows checks a request's signature as RFC 8945 §5.2 has it, and marks the reply.
func (s *server) knows(t *dns.TSIG, wire []byte, mark *dns.TSIG) bool {
	secret, ok := s.keys[t.Hdr.Name]
	if !ok {
		mark.Error = dns.RcodeBadKey
		return false
	}
	if err := dns.TsigVerify(wire, base64.StdEncoding.EncodeToString(secret), "", false); err != nil && err != dns.ErrTime {
		mark.Error = dns.RcodeBadSig
		return false
	}
	if off := s.now.Unix() - int64(t.TimeSigned); off > int64(t.Fudge) || -off > int64(t.Fudge) {
		mark.Error, mark.TimeSigned, mark.OtherLen = dns.RcodeBadTime, t.TimeSigned, 6
		mark.OtherData = hex48(s.now.Unix())
		return false
	}
	return true
}

// key is the server's, as a file has it.
func key(t testing.TB, name string, secret []byte) Key {
	t.Helper()
	k, err := ParseKey([]byte(`key "` + name + `" { algorithm hmac-sha256; secret "` + base64.StdEncoding.EncodeToString(secret) + `"; };`))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// target is a Zone that reaches the server, as its owner would set it up.
func (s *server) target(t testing.TB, edit func(*Config)) publish.Zone {
	t.Helper()
	c := Config{Server: "192.0.2.53", Key: key(t, keyName, labSecret), Now: func() time.Time { return noon }, Dial: s.dial}
	if edit != nil {
		edit(&c)
	}
	target, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return target.Zone
}

// all is the zone's data but for its SOA and signatures, as text.
func (s *server) all() string {
	var lines []string
	for _, rr := range s.zone.All(noon) {
		switch rr.Header().Rrtype {
		case dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeDNSKEY:
		default:
			lines = append(lines, rr.String())
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// hold puts records at the name, whoever's they are.
func (s *server) hold(t testing.TB, lines ...string) {
	t.Helper()
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	if err := s.zone.Replace(rrs...); err != nil {
		t.Fatal(err)
	}
}

func noonClock() time.Time { return noon }

func hex48(n int64) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 12)
	for i := range out {
		out[i] = digits[n>>(44-4*i)&15]
	}
	return string(out)
}

func record(t testing.TB, text string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
