package dnssec

import (
	"time"

	"github.com/miekg/dns"
)

// Cut is what a zone says of a name below it.
type Cut uint8

const (
	CutUnproven Cut = iota // nothing that holds was said
	CutSecure              // a delegation with DS records
	CutInsecure            // a delegation without any, proven
	NoCut                  // not a delegation: the name belongs to the zone itself
	NoCutNoName            // not a delegation: the name does not exist
)

// Delegation is the proof of what lies at a name below a zone.
type Delegation struct {
	Cut     Cut
	Trust   *Trust // the DS set where Cut is CutSecure
	How     string
	Trouble Trouble
	Until   time.Time
	Proofs  []Proof // the denials that hold, for other questions of the zone
	Set     RRset   // the DS records with their signatures, where Cut is CutSecure
}

// Delegation reads from a message of this Secure zone what it proves of a
// child: its DS records, or that there are none (RFC 4035 §5.2, RFC 5155 §8.9).
// It serves for a referral and for the answer to a DS question alike.
func (z *Zone) Delegation(child string, msg *dns.Msg, t *Terms) Delegation {
	for _, section := range [][]dns.RR{msg.Answer, msg.Ns} {
		if set := find(section, child, dns.TypeDS); len(set.RRs) > 0 {
			return z.signedDelegation(set, t)
		}
	}
	d := z.denials(msg.Ns, t)
	out := Delegation{Until: earlier(t.Now.Add(d.ttl), d.until), Trouble: d.trouble, Proofs: d.proofs}
	out.Cut, out.How = d.cut(child)
	if d.nsec3.costly && (out.Cut == NoCut || out.Cut == NoCutNoName) {
		// What is shown by too many iterations is shown to be unsigned at most.
		out.Cut, out.How = CutInsecure, "NSEC3 with too many iterations"
	}
	dear := Trouble{Code: CodeIterations, Text: z.Name + " asks for more than 50 NSEC3 iterations"}
	switch {
	case out.Cut == CutInsecure && d.nsec3.costly:
		out.Trouble = dear
	case out.Cut != CutUnproven:
		out.Trouble = Trouble{}
	case t.Budget.spent():
		out.Trouble = t.Budget.Trouble()
	case d.overfull.Text != "":
		out.Trouble = d.overfull
	case d.costly:
		out.Cut, out.How = CutInsecure, "NSEC3 with too many iterations"
		out.Until = t.Now.Add(time.Minute)
		out.Trouble = dear
	case out.Trouble.Text == "":
		out.Trouble = Trouble{Code: CodeDenialMissing, Text: z.Name + " gives neither DS records for " + child + " nor proof that there are none"}
	}
	return out
}

func (z *Zone) signedDelegation(set RRset, t *Terms) Delegation {
	p, trouble := z.proveRRset(set, t)
	if p.ok && p.labels != ownLabels(set.Name) {
		trouble = z.bogus(CodeBogus, set, "was expanded from a wildcard")
	}
	if trouble.Text != "" {
		return Delegation{Trouble: trouble}
	}
	tr := &Trust{}
	for _, rr := range set.RRs {
		if ds, ok := rr.(*dns.DS); ok {
			tr.DS = append(tr.DS, ds)
		}
	}
	return Delegation{Cut: CutSecure, Trust: tr, How: tr.String(), Until: earlier(t.Now.Add(p.ttl), p.until), Set: set}
}

// cut tells what proven denials show of a name.
func (d *denial) cut(child string) (Cut, string) {
	if n := d.matchNSEC(child); n != nil {
		return cutBy(n.TypeBitMap, child), "no DS, proven by NSEC"
	}
	if n := d.nsec3.match(child); n != nil {
		return cutBy(n.TypeBitMap, child), "no DS, proven by NSEC3"
	}
	if d.nsecNoData(child, dns.TypeDS) != notShown {
		return NoCut, "an empty name"
	}
	if d.nsecNoName(child) != notShown {
		return NoCutNoName, "no such name"
	}
	switch d.nsec3.noData(child, dns.TypeDS) {
	case shownOptOut:
		// Whether the span hides a delegation is not told: it is Insecure either way.
		return CutInsecure, "no DS, NSEC3 opt-out"
	case shownSecure:
		return NoCut, "an empty name"
	}
	switch d.nsec3.noName(child) {
	case shownSecure:
		return NoCutNoName, "no such name"
	case shownOptOut:
		return CutInsecure, "no DS, NSEC3 opt-out"
	}
	return CutUnproven, ""
}

// cutBy reads the parent's record at a name. NS must be set, DS and SOA clear:
// with SOA set it is the child's own record and proves nothing about the
// delegation (RFC 4035 §5.2, RFC 6840 §4.4).
func cutBy(bitmap []uint16, child string) Cut {
	switch {
	case hasType(bitmap, dns.TypeDS), hasType(bitmap, dns.TypeSOA) && child != ".":
		return CutUnproven
	case hasType(bitmap, dns.TypeNS):
		return CutInsecure
	}
	return NoCut
}
