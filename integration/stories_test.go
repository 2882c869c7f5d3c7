package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A story has one thing happen to a zone whose key was confirmed a moment before, with everything else as it was.
type story struct {
	claim string
	token string // of the zone that the story is about
	setUp func(t *testing.T, in *internet)

	// The one thing: a change of the internet, or a daemon with other settings (the first has before, the second after).
	flip          func(t *testing.T, in *internet)
	before, after settings

	foreign bool // the second daemon's trust anchor is nobody's key

	want     string // outcome and reason
	security string // of the token's record then, as Unbound and `cnfd resolve` see it; "" where they are not asked
	ede      int    // extended DNS error (RFC 8914) that the verdict carries
	live     bool   // the daemon that confirmed sees it too, asked for data of now
}

var stories = []story{
	{
		claim: "a deleted record refutes, denied by NSEC", token: "deleted.example. jwt", live: true,
		flip: func(t *testing.T, in *internet) { in.remove(t, "deleted.example.", "jwk.cnf.deleted.example.") },
		want: "refuted record_absent", security: "secure",
	},
	{
		claim: "a deleted record refutes, denied by NSEC3", token: "deleted3.example. cwt", live: true,
		flip: func(t *testing.T, in *internet) { in.remove(t, "deleted3.example.", "1.8.deleted3.example.") },
		want: "refuted record_absent", security: "secure",
	},
	{
		claim: "another key's record refutes", token: "replaced.example. jwt", live: true,
		flip: func(t *testing.T, in *internet) {
			in.replace(t, "replaced.example.", "jwk.cnf.replaced.example.",
				tlsa(t, "jwk.cnf.replaced.example.", tokens(t)["steady.example. jwt"].Thumbprint))
		},
		want: "refuted record_differs", security: "secure",
	},
	{
		claim: "a DS that fits no key is bogus", token: "ds-broken.example. jwt",
		flip: func(t *testing.T, in *internet) {
			in.replace(t, "example.", "ds-broken.example.", broken(in.zones["example."].set("ds-broken.example.", dns.TypeDS))...)
		},
		want: "unproven bogus", security: "bogus", ede: 9,
	},
	{
		claim: "a DS that fits no key does no harm beside one that does", token: "two-ds.example. jwt",
		flip: func(t *testing.T, in *internet) {
			z := in.zones["example."]
			in.tld.edit(t, z, nil, broken(z.set("two-ds.example.", dns.TypeDS)))
		},
		want: "confirmed record_matches", security: "secure",
	},
	{
		claim: "no DS is insecure", token: "ds-removed.example. jwt",
		flip: func(t *testing.T, in *internet) { in.remove(t, "example.", "ds-removed.example.") },
		want: "unproven insecure", security: "insecure",
	},
	{
		claim: "a zone without the signatures that its DS promises is bogus", token: "stripped.example. jwt",
		flip: func(t *testing.T, in *internet) { in.leaf.unsign(t, in.zones["stripped.example."]) },
		want: "unproven bogus", security: "bogus", ede: 9,
	},
	{
		claim: "signatures of the zone that have expired are bogus", token: "steady.example. jwt",
		before: settings{sections: "testing: true", resolver: "validation_time: " + hence(24*time.Hour)},
		after:  settings{sections: "testing: true", resolver: "validation_time: " + hence(35*24*time.Hour)},
		want:   "unproven bogus", ede: 7,
	},
	{
		claim: "a wildcard's answer does not decide", token: "wildcard.example. cwt",
		before: settings{sections: "record: {allow_wildcard: true}"},
		want:   "unproven wildcard", security: "secure",
	},
	{
		claim: "a wildcard left behind by the record does not decide", token: "wildcard.example. jwt", live: true,
		flip: func(t *testing.T, in *internet) { in.remove(t, "wildcard.example.", "jwk.cnf.wildcard.example.") },
		want: "unproven wildcard", security: "secure",
	},
	{
		claim: "cnf delegated away is refused", token: "delegated.example. jwt",
		before: settings{sections: "record: {allow_delegated: true}"},
		want:   "unproven delegated_name", security: "secure",
	},
	{
		claim: "cnf delegated away does not harm the other label", token: "delegated.example. cwt",
		want: "confirmed record_matches", security: "secure",
	},
	{
		claim: "a CNAME to another signed zone confirms", token: "alias.example. jwt", live: true,
		flip: func(t *testing.T, in *internet) {
			in.replace(t, "alias.example.", "jwk.cnf.alias.example.", records(t, "jwk.cnf.alias.example. CNAME jwk.cnf.target.example.")...)
		},
		want: "confirmed record_matches", security: "secure",
	},
	{
		claim: "a CNAME into an unsigned zone is insecure", token: "alias-out.example. jwt", live: true,
		flip: func(t *testing.T, in *internet) {
			in.replace(t, "alias-out.example.", "jwk.cnf.alias-out.example.", records(t, "jwk.cnf.alias-out.example. CNAME jwk.cnf.plain.example.")...)
		},
		want: "unproven insecure", security: "insecure",
	},
	{
		claim: "255 records are judged and 256 are too many", token: "crowded.example. jwt", live: true,
		setUp: func(t *testing.T, in *internet) { in.crowd(t, 0, 254) },
		flip:  func(t *testing.T, in *internet) { in.crowd(t, 254, 255) },
		want:  "unproven too_costly",
	},
	{
		claim: "another trust anchor makes all of it bogus", token: "steady.example. jwt",
		foreign: true,
		want:    "unproven bogus", ede: 9,
	},
	{
		claim: "without a trust anchor nothing is determined", token: "steady.example. jwt",
		after: settings{anchor: []dns.RR{}},
		want:  "unproven indeterminate",
	},
	{
		claim: "silence is unreachable", token: "steady.example. jwt",
		flip: func(t *testing.T, in *internet) {
			in.leaf.process.stop()
			t.Cleanup(func() { in.leaf.start(t) })
		},
		want: "unproven unreachable", ede: 22,
	},
}

// deletedAtParent is the story of a domain that is not a zone: with its record its last name goes from example. too.
func deletedAtParent(want, security string) story {
	return story{
		claim: "a record deleted from the parent's own zone is " + want, token: "guest.example. jwt", live: true,
		flip: func(t *testing.T, in *internet) { in.remove(t, "example.", "jwk.cnf.guest.example.") },
		want: want, security: security,
	}
}

// hence returns a time from now as configurations have it.
func hence(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }

func (s story) tell(t *testing.T, in *internet) {
	k := tokens(t)[s.token]
	if s.setUp != nil {
		s.setUp(t, in)
	}
	first := in.daemon(t, s.before)
	if v := first.verify(t, k, nil); v.String() != "confirmed record_matches" || v.Thumbprint.Hex != k.Thumbprint {
		t.Fatalf("before anything happened: %v, %s", v, v.all())
	}
	if s.flip != nil {
		s.flip(t, in)
	}
	if s.foreign {
		s.after.anchor = broken(in.anchor)
	}
	in.verifyExit(t, k, s.after, s.want)
	if v := in.daemon(t, s.after).verify(t, k, nil); v.String() != s.want || s.ede != 0 && v.DNS.EDE.Code != s.ede {
		t.Errorf("%v (extended error %d), want %s (%d): %s", v, v.DNS.EDE.Code, s.want, s.ede, v.all())
	}
	if s.live {
		if v := first.verify(t, k, now); v.String() != s.want {
			t.Errorf("the daemon that confirmed: %v, want %s (%s)", v, s.want, v.all())
		}
	}
	if s.security == "" {
		return
	}
	owner := k.owner()
	if got := in.unbound(t, owner, "TLSA"); got != s.security {
		t.Errorf("Unbound says %s is %s, want %s", owner, got, s.security)
	}
	if got := in.resolve(t, owner, "TLSA", s.after); got != s.security {
		t.Errorf("cnfd resolve says %s is %s, want %s", owner, got, s.security)
	}
}

// remove deletes the TLSA or DS records of a name.
func (in *internet) remove(t testing.TB, zone, name string) {
	t.Helper()
	in.replace(t, zone, name)
}

// replace puts records in the place of the TLSA or DS records of a name.
func (in *internet) replace(t testing.TB, zone, name string, add ...dns.RR) {
	t.Helper()
	z := in.zones[zone]
	old := append(z.set(name, dns.TypeTLSA), z.set(name, dns.TypeDS)...)
	if len(old) == 0 {
		t.Fatalf("%s has no TLSA or DS to change", name)
	}
	in.holder(zone).edit(t, z, old, add)
}

// broken returns DS records that fit no key: the digests' first octet is another.
func broken(set []dns.RR) (out []dns.RR) {
	for _, rr := range set {
		ds := dns.Copy(rr).(*dns.DS)
		ds.Digest = fmt.Sprintf("%02x", ^hexOctet(ds.Digest)) + ds.Digest[2:]
		out = append(out, ds)
	}
	return out
}

func hexOctet(s string) (b byte) {
	fmt.Sscanf(strings.ToLower(s[:2]), "%02x", &b)
	return b
}

// crowd adds records of keys that nobody has to the name of the crowded zone.
func (in *internet) crowd(t testing.TB, from, to int) {
	t.Helper()
	var add []dns.RR
	for i := from; i < to; i++ {
		add = append(add, tlsa(t, "jwk.cnf.crowded.example.", fmt.Sprintf("%064x", i)))
	}
	in.leaf.edit(t, in.zones["crowded.example."], nil, add)
}
