package acme

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/internal/strict"
)

// wanted is what an order asks for, checked.
type wanted struct {
	profile     *Profile
	identifiers []Identifier
	notBefore   time.Time
	notAfter    time.Time
	replaces    string
}

var orderNames = strict.NewNames("identifiers", "notBefore", "notAfter", "profile", "replaces")

// wants reads a newOrder's payload (RFC 8555 §7.4). The profile that it names goes before the path's.
func (s *Server) wants(c *call, now time.Time) (*wanted, *Problem) {
	var o struct {
		Identifiers         []Identifier
		NotBefore, NotAfter time.Time
		Profile, Replaces   string
	}
	if p := decode(c.message.Payload, orderNames, &o); p != nil {
		return nil, p
	}
	profile, p := s.named(c.http)
	if p != nil {
		return nil, p
	}
	w := &wanted{notBefore: o.NotBefore, notAfter: o.NotAfter, replaces: o.Replaces, profile: profile}
	if o.Profile != "" {
		if w.profile = s.profiles[o.Profile]; w.profile == nil {
			return nil, Problemf(InvalidProfile, "profile: there is none of that name: the directory lists them")
		}
	}
	if n := len(o.Identifiers); n == 0 || n > s.MaxNames {
		return nil, Problemf(Malformed, "identifiers: %d: want 1 to %d", n, s.MaxNames)
	}
	var refused []*Problem
	for _, i := range o.Identifiers {
		checked, p := i.check(w.profile)
		if p != nil {
			refused = append(refused, p)
		} else if !slices.Contains(w.identifiers, checked) {
			w.identifiers = append(w.identifiers, checked)
		}
	}
	if p := Joined(refused); p != nil {
		return nil, p
	}
	return w, w.timely(now)
}

// timely holds an order's times to the profile's.
func (w *wanted) timely(now time.Time) *Problem {
	from, until := w.notBefore, w.notAfter
	if from.IsZero() {
		from = now
	}
	if until.IsZero() {
		until = from.Add(w.profile.Life)
	}
	switch {
	case from.Before(now.Add(-w.profile.Backdate)):
		return Problemf(Malformed, "notBefore: in the past: leave it out, or say a time that is to come")
	case from.After(now.Add(w.profile.Life)):
		return Problemf(Malformed, "notBefore: further ahead than profile %s allows (%s)", w.profile.Name, w.profile.Life)
	case !until.After(from) || !until.After(now):
		return Problemf(Malformed, "notAfter: not after notBefore and now")
	case until.Sub(from) > w.profile.Life || w.notAfter.After(now.Add(w.profile.Life)):
		return Problemf(Malformed, "notAfter: profile %s lets a certificate live %s at the most, and no longer than that from now", w.profile.Name, w.profile.Life)
	}
	return nil
}

// check returns i in its one form, or why there is no certificate for it.
func (i Identifier) check(profile *Profile) (Identifier, *Problem) {
	switch {
	case i.Type == "spid": // a draft's, before RFC 9448
		return i, Problemf(UnsupportedIdentifier, "identifier type spid: write a service provider code as TNAuthList (RFC 9448)").For(i.shown())
	case i.Type != TypeDNS && i.Type != TypeIP:
		return i, Problemf(UnsupportedIdentifier, "identifier type: want dns or ip").For(i.shown())
	case !slices.Contains(profile.Identifiers, i.Type):
		return i, Problemf(UnsupportedIdentifier, "identifier type %s: not in profile %s", i.Type, profile.Name).For(i.shown())
	}
	var what string
	if i.Type == TypeIP {
		what = wrongAddress(i.Value)
	} else {
		i.Value = lower(i.Value)
		what = wrongName(i.Base().Value)
		if what == "" && i.Wildcard() && !profile.Wildcards {
			what = "profile " + profile.Name + " has no wildcards"
		}
	}
	if what == "" && len(profile.offers(i)) == 0 {
		what = "profile " + profile.Name + " has no challenge for it"
	}
	if what != "" {
		return i, Problemf(RejectedIdentifier, "%s", what).For(i.shown())
	}
	return i, nil
}

// shown is i as it may stand in an answer: what a stranger sent, bounded.
func (i Identifier) shown() Identifier {
	const most = 300
	i.Type, i.Value = i.Type[:min(len(i.Type), most)], i.Value[:min(len(i.Value), most)]
	i.Type, i.Value = strings.ToValidUTF8(i.Type, ""), strings.ToValidUTF8(i.Value, "")
	return i
}

// longestName is what leaves room for the longest prefix of a confirmation
// record's name and of dns-01's in a name of 253 octets (RFC 1035 §2.3.4).
const longestName = 253 - len("_acme-challenge.")

// wrongName says what is wrong with a DNS name in lower case; "" for nothing.
func wrongName(name string) string {
	if len(name) > longestName {
		return "name: too long"
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		switch {
		case l == "":
			return "name: an empty label, or a dot at its end: write it without"
		case len(l) > 63:
			return "name: a label over 63 octets"
		case l == "*":
			return "name: a wildcard is one * as the whole first label"
		case l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
			return "name: want letters, digits and hyphens; other scripts as A-labels (xn--…)"
		}
	}
	if len(labels) < 2 {
		return "name: a single label"
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "name: it looks like an address: order that with type ip"
	}
	return ""
}

// wrongAddress says what is wrong with the text of an address (RFC 8738 §3); "" for nothing.
func wrongAddress(text string) string {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || a.Zone() != "":
		return "address: want an IPv4 or IPv6 address"
	case a.Is4In6():
		return "address: write it as the IPv4 address that it is"
	case a.String() != text:
		return "address: write it as " + a.String() + " (RFC 5952)"
	}
	return ""
}

// lower is name with A to Z as a to z.
func lower(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, name)
}

// forbidden is what somebody is told of what is another's.
func forbidden(what string) *Problem {
	p := Problemf(Unauthorized, "%s: another account's", what)
	p.Status = http.StatusForbidden
	return p
}

func notFound(what string) *Problem {
	p := Problemf(Malformed, "%s: there is none of that name", what)
	p.Status = http.StatusNotFound
	return p
}
