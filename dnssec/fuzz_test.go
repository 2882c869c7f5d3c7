package dnssec

import (
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// truth is a zone of which everything is known: what it holds, every record
// that its key has ever signed, and the messages that tell it honestly.
type truth struct {
	key    *signer
	zone   *Zone
	data   map[string][]dns.RR // by name and type
	pool   []dns.RR            // RRsets, each followed by its signature
	honest []honest
}

type honest struct {
	name   string
	rrtype uint16
	msg    *dns.Msg
}

// NSEC is not among them: the zone has a chain of each kind, and an NSEC3 rightly
// says of a name that it has no NSEC.
var asked = []uint16{TypeTLSA, dns.TypeTXT, dns.TypeCNAME, dns.TypeDS, dns.TypeDNAME, dns.TypeNS, dns.TypeSOA, dns.TypeANY}

var askedNames = func() []string {
	out := []string{
		"jwk.cnf.absent.vendor.example.", "a.txt.vendor.example.", "a.ent.vendor.example.", "a.wild.vendor.example.", "a.b.wild.vendor.example.",
		"jwk.cnf.calias.vendor.example.", "a.hollow.vendor.example.", "jwk.cnf.sub.vendor.example.", "jwk.cnf.dn.vendor.example.", "jwk.cnf.signed.vendor.example.",
		"*.vendor.example.", "zz.vendor.example.", `\000.txt.vendor.example.`, "*.sub.vendor.example.",
	}
	for n := range world {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}()

// theTruth makes the zone once; the key is always the same, so that what a
// fuzzer has found stays found.
var theTruth = sync.OnceValue(func() *truth {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, "the same key in every run")
	k := signerOf(vendor, dns.ED25519, ed25519.NewKeyFromSeed(seed))
	w := &truth{key: k, data: map[string][]dns.RR{}}
	x := terms()
	w.zone = ProveZone(vendor, &Trust{DS: []*dns.DS{k.ds(dns.SHA256)}}, dnskeys([]*signer{k}, k), x)
	lines := rrs(
		soa(vendor), vendor+" 300 NS ns.vendor.example.", "txt.vendor.example. 300 TXT txt", "b.ent.vendor.example. 300 TXT b",
		"*.wild.vendor.example. 300 TXT w", "real.wild.vendor.example. 300 TXT r", "*.calias.vendor.example. 300 CNAME calias.test.",
		"b.*.hollow.vendor.example. 300 TXT h", "alias.vendor.example. 300 CNAME alias.test.", "dn.vendor.example. 300 DNAME dn.test.",
		"signed.vendor.example. 300 DS 1 13 2 "+strings.Repeat("00", 32),
		"tlsa.vendor.example. 300 TLSA 255 255 255 00", "tlsa.vendor.example. 300 TLSA 255 255 255 01",
	)
	lines = append(lines, k.dnskey)
	for _, r := range lines {
		key := Canonical(r.Header().Name) + dns.Type(r.Header().Rrtype).String()
		w.data[key] = append(w.data[key], r)
	}
	w.pool = k.signAll(lines)
	for _, c := range []chain{world.nsec(vendor), world.nsec3(vendor, 0, "", false), world.nsec3(vendor, 2, "AA", true)} {
		switch c := c.(type) {
		case *nsecs:
			for i := range c.order {
				w.pool = append(w.pool, k.signAll([]dns.RR{c.record(i)})...)
				w.data[c.order[i]+"NSEC"] = []dns.RR{c.record(i)}
			}
		case *nsec3s:
			for i := range c.hashes {
				w.pool = append(w.pool, k.signAll([]dns.RR{c.record(i)})...)
			}
		}
	}
	for _, c := range []chain{world.nsec(vendor), world.nsec3(vendor, 0, "", false)} {
		for _, a := range absences {
			proof := a.nsec3
			if _, ok := c.(*nsecs); ok {
				proof = a.nsec
			}
			q := a.build(k, c, proof)
			if a.answer != "" { // what the zone really holds under the wildcard
				q.msg.Answer = k.expanded(q.name, w.data[wildcardOf(Ancestor(q.name, 3))+dns.Type(w.typeAt(a)).String()][0].String())
			}
			w.honest = append(w.honest, honest{q.name, q.rrtype, q.msg})
		}
	}
	w.honest = append(w.honest, honest{"tlsa.vendor.example.", TypeTLSA, message(0, k.signAll(w.data["tlsa.vendor.example.TLSA"]), nil)})
	return w
})

func (w *truth) typeAt(a absence) uint16 {
	if strings.Contains(a.answer, "CNAME") {
		return dns.TypeCNAME
	}
	return a.rrtype
}

// lookup is what the zone holds of a name: the owner of its data (a wildcard's
// where one stands in for it), or that it does not exist; ours is false where a
// delegation or a DNAME takes the name out of the zone.
func (w *truth) lookup(name string) (from string, exists, ours bool) {
	for n := Labels(vendor) + 1; n < Labels(name); n++ {
		above := Ancestor(name, n)
		if hasType(world[above], dns.TypeNS) || hasType(world[above], dns.TypeDNAME) {
			return "", false, false
		}
	}
	if _, ok := world[name]; ok {
		return name, true, true
	}
	encloser := Parent(name)
	for _, ok := world[encloser]; !ok; _, ok = world[encloser] {
		encloser = Parent(encloser)
	}
	wild := wildcardOf(encloser)
	_, ok := world[wild]
	return wild, ok, true
}

// refute says what is wrong with a Secure finding; "" where it is true.
func (w *truth) refute(name string, rrtype uint16, f Finding) string {
	from, exists, ours := w.lookup(name)
	types := slices.Clone(world[from])
	if from == name && exists && len(types) > 0 {
		types = append(types, dns.TypeNSEC)
	}
	if ours && hasType(types, dns.TypeNS) && !hasType(types, dns.TypeSOA) && rrtype != dns.TypeDS && rrtype != dns.TypeANY {
		return "the name is a child's"
	}
	if ours && name == vendor && rrtype == dns.TypeDS {
		return "the DS of the apex is the parent's"
	}
	switch f.Kind {
	case Positive:
		if f.Target != "" {
			if f.Target == "jwk.cnf.dn.test." && strings.HasSuffix(name, ".cnf.dn.vendor.example.") {
				return ""
			}
			cname := w.data[from+"CNAME"]
			if !ours || !exists || len(cname) == 0 || cname[0].(*dns.CNAME).Target != f.Target {
				return "no such alias: " + f.Target
			}
			return ""
		}
		if !ours || !exists {
			return "there is no such name"
		}
		return w.refuteData(name, from, rrtype, f.Answer)
	case NoData:
		if !ours || !exists {
			return "no data where there is no name"
		}
		if rrtype == dns.TypeANY && len(types) > 0 || hasType(types, rrtype) || hasType(types, dns.TypeCNAME) {
			return "the type exists"
		}
		return ""
	case NoName:
		if !ours || exists {
			return "the name exists"
		}
		return ""
	}
	return "a Secure nothing"
}

// refuteData holds records against those that were signed.
func (w *truth) refuteData(name, from string, rrtype uint16, answer []dns.RR) string {
	var got []dns.RR
	for _, r := range answer {
		if r.Header().Rrtype == dns.TypeRRSIG {
			continue
		}
		if Canonical(r.Header().Name) != name {
			return "a record of another name: " + r.String()
		}
		t := r.Header().Rrtype
		if t != rrtype && rrtype != dns.TypeANY {
			return "a record of another type: " + r.String()
		}
		c := dns.Copy(r)
		c.Header().Name = from
		if !slices.ContainsFunc(w.data[from+dns.Type(t).String()], func(x dns.RR) bool { return dns.IsDuplicate(x, c) }) {
			return "never signed: " + r.String()
		}
		got = append(got, c)
	}
	for _, r := range got {
		for _, x := range w.data[from+dns.Type(r.Header().Rrtype).String()] {
			if !slices.ContainsFunc(got, func(g dns.RR) bool { return dns.IsDuplicate(x, g) }) {
				return "left out: " + x.String()
			}
		}
	}
	if len(got) == 0 {
		return "no records"
	}
	return ""
}

// hold judges a message in every way and fails where anything Secure is untrue.
func (w *truth) hold(t *testing.T, name string, rrtype uint16, m *dns.Msg) {
	f := w.zone.Answer(m, name, rrtype, terms())
	if f.Security == Secure {
		if wrong := w.refute(name, rrtype, f); wrong != "" {
			t.Errorf("%s %s is Secure, kind %d, and untrue: %s\n%s", name, dns.Type(rrtype), f.Kind, wrong, m)
		}
	}
	from, exists, ours := w.lookup(name)
	if name == vendor || !ours {
		return
	}
	types := world[from]
	switch d := w.zone.Delegation(name, m, terms()); d.Cut {
	case CutSecure:
		if from != name || !exists || !hasType(types, dns.TypeDS) {
			t.Errorf("%s: a DS that is not there\n%s", name, m)
		}
	case NoCut, NoCutNoName:
		if exists && from == name && hasType(types, dns.TypeNS) {
			t.Errorf("%s: the delegation is denied\n%s", name, m)
		}
	case CutInsecure:
		if exists && from == name && hasType(types, dns.TypeDS) {
			t.Errorf("%s: its DS is denied\n%s", name, m)
		}
	}
	ProveZone(vendor, &Trust{DS: []*dns.DS{w.key.ds(dns.SHA256)}}, m, terms())
}

func TestHonestAnswersAreSecure(t *testing.T) {
	w := theTruth()
	for _, h := range w.honest {
		if f := w.zone.Answer(wire(t, h.msg), h.name, h.rrtype, terms()); f.Security != Secure {
			t.Errorf("%s %s: %s %s", h.name, dns.Type(h.rrtype), f.Security, f.Trouble.Text)
		}
		w.hold(t, h.name, h.rrtype, wire(t, h.msg))
	}
}

// FuzzAnswer: no octets make a crash, and none make anything Secure that the
// zone has not signed.
func FuzzAnswer(f *testing.F) {
	w := theTruth()
	for _, h := range w.honest {
		b, err := h.msg.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(slices.Index(askedNames, h.name)), uint8(slices.Index(asked, h.rrtype)), b)
	}
	f.Fuzz(func(t *testing.T, name, rrtype uint8, b []byte) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		w.hold(t, askedNames[int(name)%len(askedNames)], asked[int(rrtype)%len(asked)], m)
	})
}

// splice makes a message of records that the zone has signed, put together and
// renamed as the octets say: what somebody who has heard them all can say.
func (w *truth) splice(program []byte) (name string, rrtype uint16, m *dns.Msg) {
	at := func(i int) int {
		if i < len(program) {
			return int(program[i])
		}
		return 0
	}
	name, rrtype = askedNames[at(0)%len(askedNames)], asked[at(1)%len(asked)]
	m = message([]int{0, nx, dns.RcodeYXDomain}[at(2)%3], nil, nil)
	for i := 3; i+1 < len(program) && i < 40; i += 2 {
		pick := at(i) % len(w.pool)
		how := at(i + 1)
		var set []dns.RR
		for lo := pick; ; lo-- { // the whole RRset with its signature, or one record of it
			if w.pool[lo].Header().Rrtype == dns.TypeRRSIG && lo != pick {
				set = w.pool[lo+1:]
				break
			}
			if lo == 0 {
				set = w.pool
				break
			}
		}
		end := slices.IndexFunc(set, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeRRSIG })
		set = set[:end+1]
		if how&2 != 0 {
			set = w.pool[pick : pick+1]
		}
		for _, r := range set {
			c := dns.Copy(r)
			switch {
			case how&0x70 == 0x70:
				c.Header().Name = askedNames[(how>>2+at(0))%len(askedNames)]
			case how&0x60 == 0x60:
				c.Header().Name = name
			}
			if how&1 != 0 {
				m.Answer = append(m.Answer, c)
			} else {
				m.Ns = append(m.Ns, c)
			}
		}
	}
	return name, rrtype, m
}

// FuzzSplice: nothing can be put together from what the zone has signed that
// is Secure and untrue.
func FuzzSplice(f *testing.F) {
	w := theTruth()
	for i := range askedNames {
		f.Add([]byte{byte(i), 0, 0, 1, 1})
		f.Add([]byte{byte(i), 0, 1, 20, 0, 40, 0})
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		name, rrtype, m := w.splice(program)
		w.hold(t, name, rrtype, m)
	})
}

// TestSplices runs some thousands of such messages, the same ones every time.
func TestSplices(t *testing.T) {
	w := theTruth()
	r := rand.New(rand.NewPCG(1, 2))
	secure := 0
	for range 4000 {
		program := make([]byte, 5+2*r.IntN(8))
		for i := range program {
			program[i] = byte(r.Uint32())
		}
		name, rrtype, m := w.splice(program)
		w.hold(t, name, rrtype, m)
		if w.zone.Answer(m, name, rrtype, terms()).Security == Secure {
			secure++
		}
		if t.Failed() {
			t.Fatalf("by %x", program)
		}
	}
	t.Logf("%d of them Secure, and true", secure)
	if secure == 0 {
		t.Error("none was ever Secure: the test proves nothing")
	}
}
