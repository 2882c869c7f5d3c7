package dnssec

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestDelegation: what a parent's message proves of a child.
func TestDelegation(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	child := newSigner("signed."+vendor, dns.ED25519)
	ds := child.ds(dns.SHA256)
	ds.Hdr.Ttl = 600
	nsec, nsec3, optOut, costly, dear := world.nsec(vendor), world.nsec3(vendor, 0, "", false), world.nsec3(vendor, 0, "", true), world.nsec3(vendor, 151, "", false), world.nsec3(vendor, 51, "", false)
	bare := "" // a name whose span is not by chance also the apex's record
	for i := 0; bare == "" || optOut.cover(bare+"."+vendor).Header().Name == optOut.match(vendor).Header().Name; i++ {
		bare = fmt.Sprint("bare", i)
	}
	denied := func(c chain, wanted ...string) *dns.Msg { return message(0, nil, k.signAll(pick(c, wanted...))) }
	for _, c := range []struct {
		claim string
		child string
		msg   *dns.Msg
		want  Cut
		code  uint16
	}{
		{"DS in a referral", "signed", message(0, nil, k.signAll([]dns.RR{ds})), CutSecure, 0},
		{"DS in an answer", "signed", message(0, k.signAll([]dns.RR{ds}), nil), CutSecure, 0},
		{"DS unsigned", "signed", message(0, []dns.RR{ds}, nil), CutUnproven, CodeSignatureMissing},
		{"DS signed by the child", "signed", message(0, child.signAll([]dns.RR{ds}), nil), CutUnproven, CodeBogus},
		{"DS unsigned beside a denial", "signed", message(0, []dns.RR{ds}, denied(nsec, "=txt").Ns), CutUnproven, CodeSignatureMissing},
		{"DS of another name", "sub", message(0, k.signAll([]dns.RR{ds}), nil), CutUnproven, CodeDenialMissing},
		{"DS from a wildcard", "x", message(0, k.expanded("x."+vendor, dsLine(ds, "*."+vendor)), nil), CutUnproven, CodeBogus},
		{"no DS, NSEC", "sub", denied(nsec, "=sub"), CutInsecure, 0},
		{"no DS, NSEC3", "sub", denied(nsec3, "=sub"), CutInsecure, 0},
		{"no DS, opt-out", "sub", denied(optOut, "=@", "~sub"), CutInsecure, 0},
		{"opt-out without the encloser", bare, denied(optOut, "~"+bare), CutUnproven, CodeDenialMissing},
		{"opt-out below a delegation", "a.sub", denied(nsec3, "=sub"), CutUnproven, CodeDenialMissing},
		{"the NSEC of a signed child", "signed", denied(nsec, "=signed"), CutUnproven, CodeDenialMissing},
		{"the NSEC3 of a signed child", "signed", denied(nsec3, "=signed"), CutUnproven, CodeDenialMissing},
		{"a signed child is not in the opt-out span", "signed", denied(optOut, "=@", "~absent"), CutUnproven, CodeDenialMissing},
		{"the child's own NSEC at its apex", "child", message(0, nil, k.signed("child.vendor.example. 300 NSEC vendor.example. NS SOA")), CutUnproven, CodeDenialMissing},
		{"nothing at all", "sub", message(0, nil, nil), CutUnproven, CodeDenialMissing},
		{"an unsigned denial", "sub", message(0, nil, pick(nsec, "=sub")), CutUnproven, CodeSignatureMissing},
		{"no delegation, NSEC", "txt", denied(nsec, "=txt"), NoCut, 0},
		{"no delegation, NSEC3", "txt", denied(nsec3, "=txt"), NoCut, 0},
		{"an empty name, NSEC", "ent", denied(nsec, "~ent"), NoCut, 0},
		{"an empty name, NSEC3", "ent", denied(nsec3, "=ent"), NoCut, 0},
		{"no such name, NSEC", "absent", denied(nsec, "~absent", "~*"), NoCutNoName, 0},
		{"no such name, NSEC3", "absent", denied(nsec3, "=@", "~absent", "~*"), NoCutNoName, 0},
		{"more than 150 iterations", "sub", denied(costly, "=sub"), CutInsecure, CodeIterations},
		{"more than 150 iterations and a DS", "signed", message(0, k.signAll([]dns.RR{ds}), denied(costly, "=sub").Ns), CutSecure, 0},
		{"more than 150 iterations, unsigned", "sub", message(0, nil, pick(costly, "=sub")), CutUnproven, CodeSignatureMissing},
		{"more than 50 iterations", "sub", denied(dear, "=sub"), CutInsecure, CodeIterations},
		{"more than 50 iterations prove a DS away only where it is not", "signed", denied(dear, "=signed"), CutUnproven, CodeDenialMissing},
		{"more than 50 iterations and no delegation", "txt", denied(dear, "=txt"), CutInsecure, CodeIterations},
	} {
		t.Run(c.claim, func(t *testing.T) {
			d := z.Delegation(c.child+"."+vendor, wire(t, c.msg), terms())
			if d.Cut != c.want || d.Trouble.Code != c.code || (d.Cut == CutUnproven) != (d.Trouble.Text != "") && c.code != CodeIterations {
				t.Errorf("cut %d %+v, want %d %d", d.Cut, d.Trouble, c.want, c.code)
			}
			if (d.Trust != nil) != (c.want == CutSecure) {
				t.Errorf("trust %v", d.Trust)
			}
			if d.Cut == CutSecure && !d.Until.Equal(now.Add(10*time.Minute)) || d.Cut == CutInsecure && (d.Until.IsZero() || d.Until.After(now.Add(5*time.Minute))) {
				t.Errorf("until %s", d.Until)
			}
		})
	}
}

func dsLine(ds *dns.DS, name string) string {
	c := *ds
	c.Hdr.Name = name
	return c.String()
}

func TestDelegationExpiresWithItsSignature(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	soon := now.Add(90 * time.Second)
	for claim, r := range map[string]dns.RR{
		"DS":   newSigner("sub."+vendor, dns.ED25519).ds(dns.SHA256),
		"NSEC": world.nsec(vendor).match("sub." + vendor),
	} {
		sig := k.sign([]dns.RR{r}, func(s *dns.RRSIG) { s.Expiration = uint32(soon.Unix()) })
		if d := z.Delegation("sub."+vendor, message(0, nil, []dns.RR{r, sig}), terms()); !d.Until.Equal(soon) {
			t.Errorf("%s: until %s: %+v", claim, d.Until, d.Trouble)
		}
	}
}
