package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// world is a small signed Internet with as many zones as a flood needs. All that its
// servers say is signed and packed before, so that they take little of the machine.
//
//	c000001.example.      a signed zone with a confirmation record
//	n000001.big.example.  a name in a signed zone that has no record
//	s000001.example.      a signed zone whose server never answers
type world struct {
	Port   int
	Anchor string

	fixed                 [3]map[string][]byte // by server; a name in wire form and its type
	referrals             map[byte][][]byte    // of example., to zones c and s
	keys, records, absent [][]byte             // of zones c, c and names n
	empty                 []byte               // of names n, to any other question
}

// worldOrder says how many names there are, of which kinds in turn.
type worldOrder struct {
	Names int
	Of    string
}

const (
	rootAt   = "127.0.54.1"
	topAt    = "127.0.54.2"
	zonesAt  = "127.0.54.3"
	silentAt = "127.0.54.4"

	// hotNames are the first zones c, which are asked for again and again.
	hotNames = 50

	holderX   = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU" // RFC 7515, appendix A.3
	holderY   = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
	holderKey = `{"crv":"P-256","kty":"EC","x":"` + holderX + `","y":"` + holderY + `"}`
)

// nameOf is the domain of a question.
func nameOf(of byte, i int) string {
	if of == 'n' {
		return fmt.Sprintf("n%06d.big.example.", i)
	}
	return fmt.Sprintf("%c%06d.example.", of, i)
}

// serveWorld makes a world, says where it is, and answers until there is nobody left
// to answer for.
func serveWorld(in io.Reader, out io.Writer) error {
	orders := json.NewDecoder(in)
	var o worldOrder
	if err := orders.Decode(&o); err != nil {
		return err
	}
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	var sockets []*net.UDPConn
	for _, at := range []string{rootAt, topAt, zonesAt, silentAt} {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(at), Port: w.Port})
		if err != nil {
			return err
		}
		c.SetReadBuffer(4 << 20)
		w.Port = c.LocalAddr().(*net.UDPAddr).Port
		sockets = append(sockets, c)
	}
	for i, c := range sockets[:3] {
		go w.serve(c, i)
	}
	if err := json.NewEncoder(out).Encode(w); err != nil {
		return err
	}
	orders.Decode(&o) // until the end of the one who ordered it
	return nil
}

func (w *world) serve(c *net.UDPConn, level int) {
	buf, out := make([]byte, 1500), make([]byte, 1500)
	for {
		n, to, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if answer := w.answer(level, buf[:n], out); answer != nil {
			c.WriteToUDPAddrPort(answer, to)
		}
	}
}

// answer is what is ready for a question, under its ID and in its letters.
func (w *world) answer(level int, query, out []byte) []byte {
	const header = 12
	end, name := header, out[:0]
	for end < len(query) && query[end] != 0 {
		end += 1 + int(query[end])
	}
	if end+5 > len(query) {
		return nil
	}
	for _, octet := range query[header : end+3] { // with its type; lengths of labels are no letters
		if 'A' <= octet && octet <= 'Z' {
			octet |= 0x20
		}
		name = append(name, octet)
	}
	is := w.find(level, name)
	if is == nil {
		return nil
	}
	out = append(out[:0], is...)
	copy(out, query[:2])
	copy(out[header:], query[header:end+5])
	return out
}

// find is the packed answer of a server: root's (0), example.'s (1), that of all others (2).
// asked is a name in wire form, and its type.
func (w *world) find(level int, asked []byte) []byte {
	if is := w.fixed[level][string(asked)]; is != nil || level == 0 {
		return is
	}
	rrtype := binary.BigEndian.Uint16(asked[len(asked)-2:])
	of, i := numberIn(asked)
	var from [][]byte
	switch {
	case level == 1:
		from = w.referrals[of]
	case of == 'n' && rrtype == dns.TypeTLSA:
		from = w.absent
	case of == 'n':
		return w.empty
	case rrtype == dns.TypeDNSKEY:
		from = w.keys
	case rrtype == dns.TypeTLSA:
		from = w.records
	}
	if i >= len(from) {
		return nil
	}
	return from[i]
}

// numberIn finds the label that nameOf has made: a letter and six digits.
func numberIn(name []byte) (of byte, i int) {
	for len(name) > 7 && name[0] != 0 {
		label := name[1:]
		if name[0] == 7 && '0' <= label[1] && label[1] <= '9' {
			for _, digit := range label[1:7] {
				i = 10*i + int(digit-'0')
			}
			return label[0], i
		}
		if int(name[0]) >= len(label) {
			break
		}
		name = label[name[0]:]
	}
	return 0, 0
}

// newWorld signs all of it.
func newWorld(o worldOrder) (*world, error) {
	now := time.Now()
	w := &world{fixed: [3]map[string][]byte{{}, {}, {}}, referrals: map[byte][][]byte{'c': make([][]byte, o.Names), 's': make([][]byte, o.Names)}}
	w.keys, w.records, w.absent = make([][]byte, o.Names), make([][]byte, o.Names), make([][]byte, o.Names)
	s := signer{from: uint32(now.Add(-time.Hour).Unix()), to: uint32(now.Add(7 * 24 * time.Hour).Unix())}
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	// One key serves for every zone: the daemon does not know, and checks each for itself.
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	s.public = base64.StdEncoding.EncodeToString(point[1:])
	w.Anchor = s.dnskey(".").ToDS(dns.SHA256).String()

	w.fix(0, ".", dns.TypeDNSKEY, &dns.Msg{Answer: s.keySet(".")})
	w.fix(0, ".", dns.TypeNS, &dns.Msg{Answer: s.signed(".", rr(". NS ns.root.")), Extra: []dns.RR{rr("ns.root. A " + rootAt)}})
	w.fix(0, "example.", dns.TypeA, s.referral(".", "example.", topAt))
	w.fix(1, "example.", dns.TypeDNSKEY, &dns.Msg{Answer: s.keySet("example.")})
	w.fix(1, "big.example.", dns.TypeA, s.referral("example.", "big.example.", zonesAt))
	w.fix(2, "big.example.", dns.TypeDNSKEY, &dns.Msg{Answer: s.keySet("big.example.")})
	start := s.signed("big.example.", rr("big.example. SOA ns.big.example. host.example. 1 7200 3600 1209600 3600"))
	w.empty = packed(nameOf('n', 0), dns.TypeA, &dns.Msg{Ns: start})

	var done sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		done.Go(func() {
			for i := worker; i < o.Names; i += workers {
				w.sign(&s, o, i, start)
			}
		})
	}
	done.Wait()
	return w, nil
}

// sign makes the answers about the name of number i.
func (w *world) sign(s *signer, o worldOrder, i int, start []dns.RR) {
	of := o.Of[i%len(o.Of)]
	if i < hotNames {
		of = 'c'
	}
	name := nameOf(of, i)
	if of == 'n' {
		record := "jwk.cnf." + name // RFC 9824: one NSEC of the name itself
		w.absent[i] = packed(record, dns.TypeTLSA, &dns.Msg{Ns: append(start[:len(start):len(start)],
			s.signed("big.example.", rr(record+` NSEC \000.`+record+" RRSIG NSEC"))...)})
		return
	}
	at := zonesAt
	if of == 's' {
		at = silentAt
	}
	w.referrals[of][i] = packed(name, dns.TypeA, s.referral("example.", name, at))
	if of == 's' {
		return
	}
	w.keys[i] = packed(name, dns.TypeDNSKEY, &dns.Msg{Answer: s.keySet(name)})
	sum := sha256.Sum256([]byte(holderKey)) // it is written as RFC 7638 wants it
	w.records[i] = packed("jwk.cnf."+name, dns.TypeTLSA, &dns.Msg{Answer: s.signed(name, rr(fmt.Sprintf("jwk.cnf.%s TLSA 255 255 255 %x", name, sum)))})
}

func (w *world) fix(level int, name string, rrtype uint16, m *dns.Msg) {
	is := packed(name, rrtype, m)
	end := 12
	for is[end] != 0 {
		end += 1 + int(is[end])
	}
	w.fixed[level][string(is[12:end+3])] = is
}

// packed is an answer in wire form. One with data of its own has authority; a referral has not.
func packed(name string, rrtype uint16, m *dns.Msg) []byte {
	m.SetQuestion(name, rrtype)
	m.Response, m.RecursionDesired, m.Compress = true, false, true
	m.Authoritative = len(m.Answer) > 0 || m.Ns[0].Header().Rrtype == dns.TypeSOA
	m.SetEdns0(1232, true)
	wire, err := m.Pack()
	if err != nil {
		panic(err) // of what stands above
	}
	return wire
}
