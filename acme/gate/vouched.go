package gate

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"cnfd/acme"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// vouched returns nil where the domain vouches, now, for each of the keys. Where a
// record is proven not to be there, the problem names all that are to be added.
func (g *Gate) vouched(ctx context.Context, domain string, keys []thumbprint.Thumbprint) *acme.Problem {
	var first *acme.Problem
	var missing []string
	var why verifier.Reason
	verdicts, errs := make([]verifier.Verdict, len(keys)), make([]error, len(keys))
	var asking sync.WaitGroup
	for n, k := range keys {
		asking.Go(func() {
			verdicts[n], errs[n] = g.config.Confirmer.Confirm(ctx, "dns:"+domain,
				thumbprint.Confirmation{Method: thumbprint.MethodJWK, Thumbprint: k}, verifier.Freshness{Bounded: true, ChainAge: acme.ChainAge})
		})
	}
	asking.Wait()
	for n, k := range keys {
		v, err := &verdicts[n], errs[n]
		p := g.judgeVerdict(v, err, domain, k)
		if p == nil {
			continue
		}
		if first == nil {
			first = p
		}
		if err == nil && v.Outcome() == verifier.Refuted {
			missing, why = append(missing, g.advice(domain, k)), v.Reason
		}
	}
	if missing == nil {
		return first
	}
	p := acme.Problemf(acme.Unauthorized,
		"%s does not vouch for the key (%s). Add to its zone: %s. First compare the digest with what `cnfd thumbprint` prints of your own key.",
		domain, why, strings.Join(missing, " and "))
	p.Reason = why.String()
	return p
}

// judgeVerdict returns nil where a verdict is the confirmation that was asked for.
func (g *Gate) judgeVerdict(v *verifier.Verdict, err error, domain string, key thumbprint.Thumbprint) *acme.Problem {
	name := g.owner(domain, g.config.Forms[0])
	var broken *verifier.Error
	switch {
	case errors.As(err, &broken) && broken.Problem == verifier.NotDerivable:
		return acme.Problemf(acme.RejectedIdentifier, "no confirmation record can be published for it: %v", broken)
	case errors.As(err, &broken):
		return internal("the verifier does not take the question: " + broken.Error())
	case err != nil:
		return interrupted("the record " + name)
	}
	switch v.Outcome() {
	case verifier.Confirmed:
		if doubt := g.doubt(v, domain, key); doubt != "" {
			return internal("a confirmation of " + name + " that is none: " + doubt)
		}
		return nil
	case verifier.Refuted:
		return acme.Problemf(acme.Unauthorized, "%s does not vouch for the key (%s)", domain, v.Reason)
	}
	return unproven("the record "+name, v.Reason, v.DNS.Trouble)
}

// doubt says what keeps a verdict that confirms from being the answer to what was
// asked; "" where nothing does. A certificate outlives a verdict: that the verifier
// is asked rightly and set up rightly is not taken for granted.
func (g *Gate) doubt(v *verifier.Verdict, domain string, key thumbprint.Thumbprint) string {
	switch {
	case !v.Asked:
		return "the DNS was not asked"
	case v.DNS.Security != dnssec.Secure:
		return "its data is " + v.DNS.Security.String()
	case v.DNS.Cached && v.DNS.Age > 0:
		return "its data is from a cache"
	case v.Domain != domain:
		return "it is of another domain"
	case v.Method != thumbprint.MethodJWK:
		return "it is of another confirmation method"
	case v.Thumbprint != key:
		return "it is of another key"
	case !slices.Contains(g.config.Forms, v.Record.Form):
		return "its record is of the form " + v.Record.Form.String()
	case v.Record.Name != g.owner(domain, v.Record.Form):
		return "its record has another name"
	case v.Testing && !g.config.Testing:
		return "the verifier runs with testing settings, and certificates are to be issued in earnest"
	}
	return ""
}

// advice is the line of a zone file that would confirm the key.
func (g *Gate) advice(domain string, key thumbprint.Thumbprint) string {
	return record.Presentation(g.owner(domain, g.config.Forms[0]), g.config.TTL, key)
}

// owner is the name of the record, with the trailing dot.
func (g *Gate) owner(domain string, f record.Form) string {
	name, _ := record.Name(thumbprint.MethodJWK, domain, f) // read has tried
	return name
}

// canonical reports whether an address is in its one text form; names are judged
// by the record's own. An IPv4 address in IPv6 has two reverse names, and a
// certificate holds it as IPv4: whoever has the other name must not get it.
func canonical(i acme.Identifier) bool {
	if i.Type != acme.TypeIP {
		return true
	}
	address, err := netip.ParseAddr(i.Value)
	return err == nil && address.Zone() == "" && !address.Is4In6() && address.String() == i.Value
}
