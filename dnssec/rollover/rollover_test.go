package rollover

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

var t0 = time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)

// key makes a key-signing key of ECDSA's form; nothing here verifies a signature.
func key(name string, flags uint16) *dns.DNSKEY {
	a, b := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(name+"'"))
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 172800},
		Flags: flags, Protocol: 3, Algorithm: dns.ED25519, PublicKey: base64.StdEncoding.EncodeToString(append(a[:16], b[:16]...)),
	}
}

const ksk, zsk = dns.ZONE | dns.SEP, dns.ZONE

func revoked(k *dns.DNSKEY) *dns.DNSKEY {
	r := *k
	r.Flags |= dns.REVOKE
	return &r
}

var keyA, keyB, keyC = key("a", ksk), key("b", ksk), key("c", ksk)

// anchorA trusts A, by a DS.
func anchorA() *dnssec.Trust {
	return &dnssec.Trust{DS: []*dns.DS{keyA.ToDS(dns.SHA256)}, Anchor: true}
}

func proven(keys ...*dns.DNSKEY) dnssec.KeySet {
	return dnssec.KeySet{Proven: true, Keys: keys, TTL: 48 * time.Hour, Life: 20 * day}
}

func with(s dnssec.KeySet, r ...*dns.DNSKEY) dnssec.KeySet {
	for _, k := range r {
		s.Revoked = append(s.Revoked, revoked(k))
	}
	return s
}

// states tells a point as "a valid, b pending".
func states(p Point) string {
	names := map[string]string{keyA.PublicKey: "a", keyB.PublicKey: "b", keyC.PublicKey: "c"}
	var out []string
	for _, k := range p.Keys {
		out = append(out, names[k.DNSKEY.PublicKey]+" "+k.State.String())
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// trusted tells whom a point trusts: "A" by its DS, "b" by its key.
func trusted(p Point) string {
	tr, out := p.Trust(), ""
	for _, ds := range tr.DS {
		if digestOf(ds, keyA) {
			out += "A"
		}
	}
	for name, k := range map[string]*dns.DNSKEY{"a": keyA, "b": keyB, "c": keyC} {
		if slices.ContainsFunc(tr.Keys, func(o *dns.DNSKEY) bool { return dnssec.SameKey(o, k) }) {
			out += name
		}
	}
	s := strings.Split(out, "")
	slices.Sort(s)
	return strings.Join(s, "")
}

type sight struct {
	after  time.Duration // since t0
	set    dnssec.KeySet
	states string
	trust  string
}

const hold = AddHoldDown

// TestTransitions goes along every arrow of RFC 5011 §4.1, and along those
// that are not there.
func TestTransitions(t *testing.T) {
	unproven := dnssec.KeySet{Keys: []*dns.DNSKEY{keyA, keyB, keyC}}
	zskB := key("b", zsk)
	longTTL := proven(keyA, keyB)
	longTTL.TTL = 40 * day
	for _, tt := range []struct {
		claim  string
		sights []sight
	}{
		{"Start to Valid: a key that is configured, at once", []sight{{0, proven(keyA), "a valid", "A"}}},
		{"Start to AddPend: a new key, which is not trusted", []sight{{0, proven(keyA, keyB), "a valid, b pending", "A"}}},
		{"Start stays: a zone-signing key", []sight{{0, proven(keyA, zskB), "a valid", "A"}}},
		{"Start stays: a set that is not proven", []sight{{0, unproven, "", "A"}}},
		{"Start stays: a stranger revokes itself", []sight{{0, with(proven(keyA), keyB), "a valid", "A"}}},
		{"AddPend stays a nanosecond before the hold-down ends", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {hold - 1, proven(keyA, keyB), "a valid, b pending", "A"}}},
		{"AddPend to Valid when the hold-down ends", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {hold, proven(keyA, keyB), "a valid, b valid", "Ab"}}},
		{"AddPend waits for the original TTL where that is longer", []sight{
			{0, longTTL, "a valid, b pending", "A"}, {40*day - 1, longTTL, "a valid, b pending", "A"}, {40 * day, longTTL, "a valid, b valid", "Ab"}}},
		{"AddPend needs a proven set after the hold-down", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {hold + day, unproven, "a valid, b pending", "A"}}},
		{"AddPend to Start: the key is gone, and begins anew when it is back", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {day, proven(keyA), "a valid", "A"},
			{2 * day, proven(keyA, keyB), "a valid, b pending", "A"}, {hold + day, proven(keyA, keyB), "a valid, b pending", "A"},
			{hold + 2*day, proven(keyA, keyB), "a valid, b valid", "Ab"}}},
		{"AddPend stays while sets are not proven", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {day, dnssec.KeySet{}, "a valid, b pending", "A"}}},
		{"AddPend to Revoked, for good", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {day, with(proven(keyA), keyB), "a valid, b revoked", "A"},
			{2 * day, proven(keyA, keyB), "a valid, b revoked", "A"}, {hold + 3*day, proven(keyA, keyB), "a valid, b removed", "A"},
			{3 * hold, proven(keyA, keyB), "a valid, b removed", "A"}}},
		{"AddPend: a clock that is set back lets nothing in", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {-hold, proven(keyA, keyB), "a valid, b pending", "A"}}},
		{"Valid to Missing, still trusted, and back", []sight{
			{0, proven(keyA), "a valid", "A"}, {day, proven(keyB), "a missing, b pending", "A"},
			{400 * day, proven(keyB), "a missing, b valid", "Ab"}, {401 * day, proven(keyA, keyB), "a valid, b valid", "Ab"}}},
		{"Valid stays while sets are not proven", []sight{{0, proven(keyA), "a valid", "A"}, {day, dnssec.KeySet{}, "a valid", "A"}}},
		{"Valid to Revoked: at once, by DS and by key", []sight{
			{0, proven(keyA, keyB), "a valid, b pending", "A"}, {hold, proven(keyA, keyB), "a valid, b valid", "Ab"},
			{hold + day, with(proven(keyB), keyA), "a revoked, b valid", "b"}}},
		{"Valid to Revoked in a set that nothing else proves", []sight{
			{0, proven(keyA), "a valid", "A"}, {day, with(dnssec.KeySet{}, keyA), "a revoked", ""}}},
		{"Missing to Revoked", []sight{
			{0, proven(keyA), "a valid", "A"}, {day, proven(keyB), "a missing, b pending", "A"}, {2 * day, with(proven(keyB), keyA), "a revoked, b pending", ""}}},
		{"Start to Revoked: a configured key that was never seen otherwise", []sight{{0, with(dnssec.KeySet{}, keyA), "a revoked", ""}}},
		{"Revoked stays when the key comes back without the bit", []sight{
			{0, with(proven(keyB), keyA), "a revoked, b pending", ""}, {day, proven(keyA, keyB), "a revoked, b pending", ""}}},
		{"Revoked to Removed when its hold-down ends, proven or not", []sight{
			{0, with(dnssec.KeySet{}, keyA), "a revoked", ""}, {RemoveHoldDown - 1, dnssec.KeySet{}, "a revoked", ""}, {RemoveHoldDown, dnssec.KeySet{}, "a removed", ""}}},
		{"Removed stays: also when it comes back, also when it is revoked again", []sight{
			{0, with(dnssec.KeySet{}, keyA), "a revoked", ""}, {hold, dnssec.KeySet{}, "a removed", ""},
			{400 * day, proven(keyA), "a removed", ""}, {401 * day, with(proven(), keyA), "a removed", ""}}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			p := New(".", anchorA())
			for i, s := range tt.sights {
				was := states(p)
				next, events := p.Next(s.set, t0.Add(s.after))
				if states(p) != was {
					t.Fatalf("sight %d changed the point that it was of", i)
				}
				if got := states(next); got != s.states || trusted(next) != s.trust {
					t.Fatalf("sight %d: %q trusting %q, want %q trusting %q", i, got, trusted(next), s.states, s.trust)
				}
				if (states(next) != was) != (len(events) > 0) {
					t.Errorf("sight %d: %q to %q with the events %v", i, was, states(next), events)
				}
				if next.Empty() != (s.trust == "") {
					t.Errorf("sight %d: empty is %t, trusting %q", i, next.Empty(), s.trust)
				}
				back, err := Parse(next.Text())
				if err != nil || back.Text() != next.Text() || trusted(back) != s.trust {
					t.Fatalf("sight %d: the state file reads back as %q (%v)", i, back.Text(), err)
				}
				p = next
			}
		})
	}
}

// TestTrustNeedsTheWholeHoldDown walks at random and holds the machine to the
// law from outside: a key that was not configured is trusted only after every
// proven set of 30 days in a row had it, and no key after its revocation.
func TestTrustNeedsTheWholeHoldDown(t *testing.T) {
	keys := []*dns.DNSKEY{keyA, keyB, keyC}
	accepted, refused := 0, 0
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 5011))
		p, now := New(".", anchorA()), t0
		since, gone, in := map[int]time.Time{}, map[int]bool{}, map[int]bool{}
		for range 40 {
			now = now.Add(time.Duration(rng.Int64N(int64(12 * day))))
			var set dnssec.KeySet
			if set.Proven = rng.IntN(8) > 0; rng.IntN(2) == 0 {
				set.TTL = time.Duration(rng.Int64N(int64(50 * day)))
			}
			for i, k := range keys {
				switch n := rng.IntN(30); {
				case n == 0:
					set.Revoked = append(set.Revoked, revoked(k))
					gone[i] = gone[i] || i == 0 || !since[i].IsZero() || in[i]
				case n < 27:
					set.Keys = append(set.Keys, k)
				}
				if set.Proven {
					if !slices.Contains(set.Keys, k) || gone[i] {
						delete(since, i)
					} else if since[i].IsZero() {
						since[i] = now
					}
				}
			}
			p, _ = p.Next(set, now)
			for i, name := range []string{"a", "b", "c"} {
				trusts := strings.Contains(strings.ToLower(trusted(p)), name)
				if i > 0 && trusts && !in[i] && (since[i].IsZero() || now.Sub(since[i]) < AddHoldDown) {
					t.Fatalf("seed %d: %s came in at %s, seen without interruption since %s", seed, name, now, since[i])
				}
				if in[i] = in[i] || trusts; trusts {
					accepted++
				} else {
					refused++
				}
				if gone[i] && trusts {
					t.Fatalf("seed %d: %s is trusted after its revocation: %s", seed, name, states(p))
				}
			}
			if p, err := Parse(p.Text()); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, p.Text())
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d trusted, %d not: the walk has shown nothing", accepted, refused)
	}
}

func TestReconfigure(t *testing.T) {
	ds := func(keys ...*dns.DNSKEY) *dnssec.Trust {
		tr := &dnssec.Trust{Anchor: true}
		for _, k := range keys {
			tr.DS = append(tr.DS, k.ToDS(dns.SHA256))
		}
		return tr
	}
	learnt, _ := New(".", anchorA()).Next(proven(keyA, keyB), t0)
	learnt, _ = learnt.Next(proven(keyA, keyB), t0.Add(hold))
	lost, _ := learnt.Next(with(proven(keyB), keyA), t0.Add(hold))
	pending, _ := New(".", anchorA()).Next(proven(keyA, keyC), t0)
	for _, tt := range []struct {
		claim         string
		p             Point
		now           *dnssec.Trust
		states, trust string
	}{
		{"the same configuration changes nothing", learnt, anchorA(), "a valid, b valid", "Ab"},
		{"one more anchor takes nothing away", learnt, ds(keyA, keyC), "a valid, b valid", "Ab"},
		{"an anchor taken out takes what was learnt along", learnt, ds(keyC), "", ""},
		{"but not what was revoked", lost, ds(keyC), "a revoked", ""},
		{"a revoked key that is configured anew stays revoked", lost, ds(keyA, keyC), "a revoked, b valid", "b"},
		{"nothing at all is configured", learnt, nil, "", ""},
		{"a pending key that is configured now is trusted by that", pending, &dnssec.Trust{DS: ds(keyA).DS, Keys: []*dns.DNSKEY{keyC}}, "a valid, c pending", "Ac"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got := tt.p.Reconfigure(tt.now)
			if states(got) != tt.states || trusted(got) != tt.trust {
				t.Errorf("%q trusting %q, want %q trusting %q", states(got), trusted(got), tt.states, tt.trust)
			}
		})
	}
	if n := len(lost.Reconfigure(ds(keyA, keyC)).RevokedAnchors()); n != 1 {
		t.Errorf("%d configured keys are revoked, want 1", n)
	}
	if got := states(learnt.WithRevoked(lost)); got != "a revoked, b valid" {
		t.Errorf("with the other's revocations: %q", got)
	}
}

// TestTimes holds the intervals of RFC 5011 §2.3 at their bounds.
func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		ttl, life, refresh, retry time.Duration
	}{
		{0, 0, time.Hour, time.Hour},
		{48 * time.Hour, 20 * day, 24 * time.Hour, 288 * time.Minute},
		{60 * day, 60 * day, 15 * day, day},
		{48 * time.Hour, 2 * time.Hour, time.Hour, time.Hour},
		{30 * time.Hour, 4 * day, 15 * time.Hour, 3 * time.Hour},
	} {
		s := dnssec.KeySet{TTL: tt.ttl, Life: tt.life}
		if Refresh(s) != tt.refresh || Retry(s) != tt.retry {
			t.Errorf("TTL %v, life %v: %v and %v, want %v and %v", tt.ttl, tt.life, Refresh(s), Retry(s), tt.refresh, tt.retry)
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	set := proven(keyA)
	for i := range 2 * maxKeys {
		set.Keys = append(set.Keys, key(fmt.Sprint(i), ksk))
	}
	p, _ := New(".", anchorA()).Next(set, t0)
	if len(p.Keys) != maxKeys {
		t.Errorf("%d keys are followed, want %d", len(p.Keys), maxKeys)
	}
	if p, _ = p.Next(with(proven(), keyA), t0); !p.Empty() {
		t.Error("a revocation was lost among many keys")
	}
}

// full has a key in every state.
func full() Point {
	p := New(".", anchorA())
	for i, s := range []State{AddPend, Valid, Missing, Revoked, Removed} {
		k := Key{DNSKEY: key(fmt.Sprint(i), ksk), State: s, Since: t0}
		if s == AddPend || s == Revoked {
			k.Until = t0.Add(hold)
		}
		p.Keys = append(p.Keys, k)
	}
	return p
}

func TestStateFilesThatAreNotWhole(t *testing.T) {
	whole := full().Text()
	for i := range whole {
		if _, err := Parse(whole[:i]); err == nil {
			t.Fatalf("a file cut short after %d of %d octets is read", i, len(whole))
		}
	}
	sealed := func(text string) string { return text + lastLine(text) }
	inside := whole[:strings.LastIndex(strings.TrimSuffix(whole, "\n"), "\n")+1]
	if _, err := Parse(sealed(inside)); err != nil {
		t.Fatal("the set-up is wrong:", err)
	}
	for claim, text := range map[string]string{
		"a changed octet":              strings.Replace(whole, " valid ", " Valid ", 1),
		"something behind":             whole + "\n",
		"another program's file":       "; autotrust trust anchor file\n",
		"another version":              sealed(strings.Replace(inside, "state 1", "state 2", 1)),
		"no name":                      sealed(strings.Replace(inside, "; point: .\n", "", 1)),
		"two names":                    sealed(inside + "; point: .\n"),
		"a name that is none":          sealed(strings.Replace(inside, "; point: .", "; point: a..", 1)),
		"a key of another name":        sealed(strings.Replace(inside, "\n. IN", "\nexample. IN", 1)),
		"an anchor of another name":    sealed(strings.Replace(inside, "configured: .", "configured: example.", 1)),
		"an unknown state":             sealed(strings.Replace(inside, " missing ", " lost ", 1)),
		"a key in state start":         sealed(strings.Replace(inside, " missing ", " start ", 1)),
		"a key without a state":        sealed(strings.Replace(inside, " ;; ", " ; ", 1)),
		"a DS where a key belongs":     sealed(inside + Records(".", anchorA())[0] + " ;; valid since never until never\n"),
		"a pending key without an end": sealed(strings.Replace(inside, stamp(t0.Add(hold)), never, 1)),
		"the same key twice":           sealed(inside + keyRecord(".", full().Keys[1]) + " ;; missing since never until never\n"),
		"a time that is none":          sealed(strings.Replace(inside, "checked: never", "checked: yesterday", 1)),
		"nothing":                      "",
	} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%s: read as %q", claim, p.Text())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full().Text(), false)
	f.Add(New("corp.example.", nil).Text(), true)
	f.Fuzz(func(t *testing.T, text string, seal bool) {
		if seal {
			text += lastLine(text)
		}
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.Text())
		if err != nil || again.Text() != p.Text() {
			t.Errorf("%q is written as %q, which reads %v", text, p.Text(), err)
		}
	})
}

func ExamplePoint_Next() {
	p := New(".", anchorA())
	p, _ = p.Next(proven(keyA, keyB), t0)
	p, events := p.Next(proven(keyA, keyB), t0.Add(AddHoldDown))
	for _, e := range events {
		fmt.Println(e.From, "to", e.To, "at", p.Name)
	}
	// Output: pending to valid at .
}
