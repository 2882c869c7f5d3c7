package dnssec

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Proof is a proven NSEC, NSEC3 or SOA RRset of a zone, or one that a wildcard
// made, with its signatures. It may answer other questions than the one it came
// for (RFC 8198).
type Proof struct {
	rr      dns.RR
	records []dns.RR
	key     string // the place in its list
	learnt  time.Time
	until   time.Time // TTL, original TTL and signature
}

// Denials are what one Secure zone was seen to deny. The zero value denies
// nothing. They are never changed once they are made.
type Denials struct {
	zone  string
	soa   []Proof // one, or none
	nsec  []Proof // in canonical order (RFC 4034 §6.1)
	nsec3 []Proof // in the order of hashes, all of one salt and iteration count
	wild  []Proof // RRsets that wildcards made, by wildcard and type
}

// maxDenials bounds the records of each kind that are kept of a zone.
const maxDenials = 128

// maxDenialTTL bounds how long they are believed (as every record of the chain).
const maxDenialTTL = time.Hour

// maxHashedLabels bounds the names that are hashed to look one up.
const maxHashedLabels = 8

func newProof(set RRset, p proof, t *Terms) Proof {
	x := Proof{rr: set.RRs[0], records: set.All(), learnt: t.Now, until: earlier(t.Now.Add(min(p.ttl, maxDenialTTL)), p.until)}
	switch set.Type {
	case dns.TypeSOA:
	case dns.TypeNSEC:
		x.key = orderKey(set.Name)
	case dns.TypeNSEC3:
		label, _, _ := strings.Cut(set.Name, ".")
		x.key = strings.ToUpper(label)
	default:
		x.key = wildKey(wildcardOf(Ancestor(set.Name, p.labels)), set.Type)
	}
	return x
}

// With adds what a message of the zone proved, and leaves out what is over.
func (d *Denials) With(zone string, now time.Time, proofs []Proof) *Denials {
	out := &Denials{zone: zone}
	if d != nil {
		over := func(list []Proof) []Proof {
			return slices.DeleteFunc(slices.Clone(list), func(p Proof) bool { return !p.until.After(now) })
		}
		out.soa, out.nsec, out.nsec3, out.wild = over(d.soa), over(d.nsec), over(d.nsec3), over(d.wild)
	}
	for _, p := range proofs {
		switch rr := p.rr.(type) {
		case *dns.SOA:
			out.soa = []Proof{p}
		case *dns.NSEC:
			out.nsec = insert(out.nsec, p)
		case *dns.NSEC3:
			if len(out.nsec3) > 0 {
				if o := out.nsec3[0].rr.(*dns.NSEC3); o.Salt != rr.Salt || o.Iterations != rr.Iterations {
					out.nsec3 = nil
				}
			}
			out.nsec3 = insert(out.nsec3, p)
		default:
			out.wild = insert(out.wild, p)
		}
	}
	return out
}

func insert(list []Proof, p Proof) []Proof {
	i, there := slices.BinarySearchFunc(list, p.key, func(x Proof, key string) int { return strings.Compare(x.key, key) })
	if there {
		list[i] = p
		return list
	}
	list = slices.Insert(list, i, p)
	if len(list) > maxDenials {
		first := 0
		for j := range list {
			if j != i && (first == i || list[j].until.Before(list[first].until)) {
				first = j
			}
		}
		list = slices.Delete(list, first, first+1)
	}
	return list
}

// Size estimates the octets that they take in memory.
func (d *Denials) Size() int { return 128 + 1024*(len(d.soa)+len(d.nsec)+len(d.nsec3)+len(d.wild)) }

// Absent is the finding that a name or a type is absent, where records that
// were learnt at or after oldest prove it without asking (RFC 8198 §5). Only what
// they prove to be Secure counts: an opt-out span hides names. Finding.Since is
// the age of the oldest record used.
func (d *Denials) Absent(name string, rrtype uint16, oldest time.Time, t *Terms) (Finding, bool) {
	switch rrtype {
	case dns.TypeANY, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
		return Finding{}, false
	}
	if d == nil || len(d.soa) == 0 || !d.soa[0].serves(oldest, t.Now) {
		return Finding{}, false
	}
	soa := d.soa[0]
	s := &selection{zone: d.zone, t: t, oldest: oldest, life: negativeTTL(soa.records, d.zone)}
	for _, choose := range []func(*selection, string) *denial{d.chooseNSEC, d.chooseNSEC3} {
		s.used = nil
		den := choose(s, name)
		f := Finding{Security: Secure, Kind: NoName, Rcode: dns.RcodeNameError}
		if den.noName(name) != shownSecure {
			if den.noData(name, rrtype) != shownSecure {
				continue
			}
			f.Kind, f.Rcode = NoData, dns.RcodeSuccess
		}
		f.Authority, f.Since, f.Until = slices.Clone(soa.records), soa.learnt, soa.until
		s.bound(&f)
		return f, true
	}
	return Finding{}, false
}

// bound has a finding rest on the selected records: shown with them, as old as
// the oldest, true for as long as the first that ends.
func (s *selection) bound(f *Finding) {
	for _, p := range s.used {
		f.Authority = append(f.Authority, p.records...)
		f.Until = earlier(earlier(f.Until, p.until), p.learnt.Add(s.life))
		if p.learnt.Before(f.Since) {
			f.Since = p.learnt
		}
	}
	f.TTL = f.Until.Sub(f.Since)
}

// Delegation reads what the records prove of a child, as Zone.Delegation does
// from a message: that it has no DS, or is no delegation. CutUnproven: nothing.
func (d *Denials) Delegation(child string, t *Terms) Delegation {
	if d == nil {
		return Delegation{}
	}
	s := &selection{zone: d.zone, t: t, life: time.Hour}
	for _, choose := range []func(*selection, string) *denial{d.chooseNSEC, d.chooseNSEC3} {
		s.used = nil
		var out Delegation
		if out.Cut, out.How = choose(s, child).cut(child); out.Cut == CutUnproven {
			continue
		}
		for _, p := range s.used {
			out.Until = earlier(p.until, out.Until)
		}
		return out
	}
	return Delegation{}
}

// selection is the records that are chosen to answer one question.
type selection struct {
	zone   string
	t      *Terms
	oldest time.Time
	life   time.Duration // the zone's negative TTL (RFC 8198 §5.4, RFC 9077)
	used   []Proof
}

func (p Proof) serves(oldest, now time.Time) bool {
	return p.until.After(now) && !p.learnt.Before(oldest)
}

// take adds a record to the selection, if it may still be used.
func (s *selection) take(p Proof) bool {
	if !p.serves(s.oldest, s.t.Now) || !p.learnt.Add(s.life).After(s.t.Now) {
		return false
	}
	if !slices.ContainsFunc(s.used, func(u Proof) bool { return u.key == p.key }) {
		s.used = append(s.used, p)
	}
	return true
}

// chooseNSEC chooses the record at or before a name, and the one at or before
// the wildcard that might make it.
func (d *Denials) chooseNSEC(s *selection, name string) *denial {
	den := &denial{zone: d.zone, nsec3: &nsec3Set{zone: d.zone, terms: s.t}}
	at := func(name string) *dns.NSEC {
		p, ok := before(d.nsec, orderKey(name))
		if !ok || !s.take(p) {
			return nil
		}
		n := p.rr.(*dns.NSEC)
		if !slices.Contains(den.nsec, n) {
			den.nsec = append(den.nsec, n)
		}
		return n
	}
	if n := at(name); n != nil && Canonical(n.Hdr.Name) != name {
		at(wildcardOf(encloserBy(n, name)))
	}
	return den
}

// chooseNSEC3 chooses the record that matches a name, or those that match its
// closest encloser and cover the next closer name and the wildcard.
func (d *Denials) chooseNSEC3(s *selection, name string) *denial {
	set := &nsec3Set{zone: d.zone, terms: s.t}
	den := &denial{zone: d.zone, nsec3: set}
	if len(d.nsec3) == 0 || Labels(name)-Labels(d.zone) > maxHashedLabels {
		return den
	}
	probe := nsec3{NSEC3: d.nsec3[0].rr.(*dns.NSEC3)}
	at := func(name string) (matches bool) {
		h := set.hash(probe, name)
		if h == "" {
			return false
		}
		p, ok := before(d.nsec3, h)
		if !ok {
			p = d.nsec3[len(d.nsec3)-1] // the last span runs over the end
		}
		if !s.take(p) {
			return false
		}
		if rr := p.rr.(*dns.NSEC3); !slices.ContainsFunc(set.records, func(r nsec3) bool { return r.NSEC3 == rr }) {
			set.add(Canonical(rr.Hdr.Name), rr)
		}
		return p.key == h
	}
	for n := Labels(name); n >= Labels(d.zone); n-- {
		ce := Ancestor(name, n)
		if at(ce) {
			if ce != name {
				at(wildcardOf(ce))
			}
			break
		}
	}
	return den
}

// before finds the last record at or before a key.
func before(list []Proof, key string) (Proof, bool) {
	i := sort.Search(len(list), func(i int) bool { return list[i].key > key })
	if i == 0 {
		return Proof{}, false
	}
	return list[i-1], true
}

// orderKey is a text whose order of octets is the canonical order of names: the
// labels from the right, each ended by what sorts before every octet of one.
func orderKey(name string) string {
	labels := wireLabels(name)
	var b strings.Builder
	for _, l := range slices.Backward(labels) {
		for _, c := range l {
			if c <= 1 { // 0 ends a label, 1 escapes
				b.WriteByte(1)
				c++
			}
			b.WriteByte(c)
		}
		b.WriteByte(0)
	}
	return b.String()
}
