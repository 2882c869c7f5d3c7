package resolver

import (
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// unsignedCut finds the zone that holds a name where none is signed, so that neither a
// signature nor a DS tells, and servers that hold both zones or forwarders show no referral: by
// the SOA of its absence, or of that of another type. As much as a referral would it rests on the
// word of those asked; but without it a zone handed to somebody else would pass for its parent's
// (the verdict's delegated_name), so where no SOA is shown the name is lost.
func (w *walk) unsignedCut(at *cut, f dnssec.Finding, name string) (dnssec.Finding, *cut) {
	apex, referred := soaAbove(f.Authority, at.zone.Name, name), false
	for n, tries := name, 0; apex == ""; n, tries = dnssec.Parent(n), tries+1 {
		if n == at.zone.Name { // aliases, none of which is an apex, all the way down to it
			apex = n
			break
		}
		alias := false
		got := w.ask(at, n, dns.TypeSOA, func(r *reply) bool {
			if referred = r.class == referral; referred {
				apex = r.child
			} else if apex = soaAbove(r.msg.Answer, at.zone.Name, name); apex == "" {
				apex = soaAbove(r.msg.Ns, at.zone.Name, name)
			}
			alias = answers(r.msg, n, dns.TypeCNAME)
			return apex != "" || alias
		})
		switch {
		case !got.usable:
			return lost(got.trouble), at
		case apex == "" && (!alias || tries == maxMinimised):
			return lost(dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: "nobody shows which zone below " + at.zone.Name + " holds " + name, Unreachable: true}), at
		}
	}
	if apex == at.zone.Name {
		return f, at
	}
	next := at.hidden()
	next.zone = dnssec.Unsigned(apex, at.zone.Security, "under "+at.zone.Name, at.zone.Trouble, at.zone.Until)
	if referred { // its servers are others
		return f, next
	}
	return f, w.keep(next)
}

// unsigned reports whether nothing in a zone is signed as far as is known.
func unsigned(z *dnssec.Zone) bool {
	return z.Security == dnssec.Insecure || z.Security == dnssec.Indeterminate
}

// soaAbove is the owner of the deepest SOA in a section that lies in the zone, at or above the name.
func soaAbove(section []dns.RR, zone, name string) string {
	apex := ""
	for _, rr := range section {
		if rr.Header().Rrtype != dns.TypeSOA {
			continue
		}
		owner := dnssec.Canonical(rr.Header().Name)
		if dnssec.IsSubdomain(owner, zone) && dnssec.IsSubdomain(name, owner) && (apex == "" || dnssec.Labels(owner) > dnssec.Labels(apex)) {
			apex = owner
		}
	}
	return apex
}
