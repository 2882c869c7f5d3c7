package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBIND(t *testing.T) {
	prove(t, 1, tiers{root: bind{inline: true}, tld: bind{inline: true}, leaf: bind{}},
		deletedAtParent("refuted record_absent", "secure"))
}

func TestKnot(t *testing.T) {
	prove(t, 2, tiers{root: knot{}, tld: knot{}, leaf: knot{}},
		deletedAtParent("refuted record_absent", "secure"))
}

func TestNSD(t *testing.T) {
	// An NSEC3 with opt-out does not say that there is no unsigned delegation (RFC 5155 section 6).
	in := prove(t, 3, tiers{root: nsd{}, tld: nsd{optOut: true}, leaf: nsd{}},
		append(signedByHand, deletedAtParent("unproven insecure", "insecure"))...)
	t.Run("NSEC3 with 50 iterations proves and with 51 does not", in.iterations)
}

func TestPowerDNSBelowKnotBelowBIND(t *testing.T) {
	prove(t, 4, tiers{root: bind{inline: true}, tld: knot{}, leaf: powerdns{narrow: true}},
		deletedAtParent("refuted record_absent", "secure"))
}

// prove runs everything that holds on every internet, whoever serves it, and the stories of this one alone.
func prove(t *testing.T, number int, kinds tiers, own ...story) *internet {
	t.Parallel()
	in := newInternet(t, number, kinds)
	t.Run("Unbound and delv find every zone secure", in.sound)
	t.Run("keys of every kind are confirmed", in.keys)
	t.Run("a token has its time", in.times)
	t.Run("a tampered token names another key", in.tampered)
	t.Run("the commands say what the daemon says", in.commands)
	for _, s := range append(own, stories...) {
		t.Run(s.claim, func(t *testing.T) { s.tell(t, in) })
	}
	t.Run("in the end Unbound, delv and drill agree with cnfd", in.agreeInTheEnd)
	return in
}

// sound checks the internet itself, without cnfd: presence and absence in every signed zone.
func (in *internet) sound(t *testing.T) {
	fetcher := in.startUnbound(t)
	for _, domain := range subjects {
		for name, present := range map[string]bool{"ns." + domain: true, "absent.ns." + domain: false} {
			if got := in.unbound(t, name, "A"); got != "secure" {
				t.Errorf("Unbound: %s is %s", name, got)
			}
			if got, out := in.delv(t, fetcher, name, "A"); got != "secure" || strings.Contains(out, "negative") == present {
				t.Errorf("delv: %s (there: %t) is %s\n%s", name, present, got, out)
			}
		}
	}
}

func (in *internet) keys(t *testing.T) {
	recipient, err := os.ReadFile("tokens/recipient.jwk")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "recipient.jwk")
	if err := os.WriteFile(path, recipient, 0o600); err != nil {
		t.Fatal(err)
	}
	d, keyless := in.daemon(t, settings{sections: fmt.Sprintf("decryption_keys: [%q]\n", path)}), in.daemon(t, settings{})
	seen := 0
	for name, k := range tokens(t) {
		if k.domain() != keyZone {
			continue
		}
		seen++
		v := d.verify(t, k, nil)
		if v.String() != "confirmed record_matches" {
			t.Errorf("%s: %v, %s", name, v, v.all())
		}
		if v.Thumbprint.Hex != k.Thumbprint || v.Record.Name != k.owner() || v.Method != k.Method {
			t.Errorf("%s: thumbprint %s at %s by %s, want %s at %s by %s", name,
				v.Thumbprint.Hex, v.Record.Name, v.Method, k.Thumbprint, k.owner(), k.Method)
		}
		if k.Method != "jwe" {
			continue
		}
		if v := keyless.verify(t, k, nil); v.String() != "unproven undecryptable" {
			t.Errorf("%s, without its recipient's key: %v, %s", name, v, v.all())
		}
	}
	if seen != 4*7 {
		t.Errorf("%d tokens seen: some kind is missing", seen)
	}
}

func (in *internet) times(t *testing.T) {
	d := in.daemon(t, settings{})
	for name, want := range map[string]string{
		"in time jwt": "confirmed record_matches", "in time cwt": "confirmed record_matches",
		"expired jwt": "refuted expired", "expired cwt": "refuted expired",
		"early jwt": "refuted not_yet_valid", "early cwt": "refuted not_yet_valid",
	} {
		k := tokens(t)[name]
		if v := d.verify(t, k, bound{"time": false}); v.String() != "confirmed record_matches" {
			t.Errorf("%s, whatever the time: %v, %s", name, v, v.all())
		}
		if v := d.verify(t, k, nil); v.String() != want {
			t.Errorf("%s: %v, want %s", name, v, want)
		}
	}
}

func (in *internet) tampered(t *testing.T) {
	d := in.daemon(t, settings{})
	honest, stranger := tokens(t)["steady.example. jwt"], tokens(t)["stranger jwt"]
	if v := d.verify(t, honest, nil); v.String() != "confirmed record_matches" {
		t.Fatalf("%v, %s", v, v.all())
	}
	parts, other := strings.Split(honest.Token, "."), strings.Split(stranger.Token, ".")
	parts[1] = other[1] // the same claims with a stranger's key, below the signature of the honest ones
	forged := honest
	forged.Token = strings.Join(parts, ".")
	for _, k := range []token{forged, stranger, tokens(t)["stranger cwt"]} {
		if v := d.verify(t, k, nil); v.String() != "refuted record_differs" {
			t.Errorf("%s: %v, want refuted record_differs", k.Name, v)
		}
	}
}
