package integration

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// signedByHand are the stories for which somebody must hold the pen: with NSD the signed zone is a file that
// ldns-signzone wrote once, and whoever can write it can serve anything.
var signedByHand = []story{
	{
		claim: "a record written into a signed zone without its key is bogus", token: "forged.example. jwt",
		flip: func(t *testing.T, in *internet) {
			honest, stranger := tokens(t)["forged.example. jwt"].Thumbprint, tokens(t)["stranger jwt"].Thumbprint
			in.rewrite(t, "forged.example.", func(text string) string { return strings.ReplaceAll(text, honest, stranger) })
		},
		want: "unproven bogus", security: "bogus", ede: 6,
	},
	{
		claim: "a record whose signature is missing is bogus", token: "unsealed.example. jwt",
		flip: func(t *testing.T, in *internet) {
			in.cut(t, "unsealed.example.", func(owner, rtype, covered string) bool {
				return owner == "jwk.cnf.unsealed.example." && covered == "TLSA"
			})
		},
		want: "unproven bogus", security: "bogus", ede: 10,
	},
	{
		claim: "a record withheld beside the NSEC that says it is there is bogus", token: "withheld.example. jwt",
		flip: func(t *testing.T, in *internet) {
			in.cut(t, "withheld.example.", func(owner, rtype, covered string) bool {
				return owner == "jwk.cnf.withheld.example." && (rtype == "TLSA" || covered == "TLSA")
			})
		},
		want: "unproven bogus", security: "bogus", ede: 12,
	},
	{
		claim: "a name withheld with the NSEC of its neighbour is bogus", token: "withheld.example. cwt",
		flip: func(t *testing.T, in *internet) {
			in.cut(t, "withheld.example.", func(owner, rtype, covered string) bool { return owner == "1.8.withheld.example." })
		},
		want: "unproven bogus", security: "bogus", ede: 12,
	},
	{
		claim: "signatures of last month are bogus", token: "lapsed.example. jwt",
		flip: func(t *testing.T, in *internet) { in.sign(t, "lapsed.example.", 30*24*time.Hour) },
		want: "unproven bogus", security: "bogus", ede: 7,
	},
	{
		claim: "signatures of next week are bogus", token: "lapsed.example. jwt",
		setUp: func(t *testing.T, in *internet) { in.sign(t, "lapsed.example.", 0) },
		flip:  func(t *testing.T, in *internet) { in.sign(t, "lapsed.example.", -7*24*time.Hour) }, // Unbound forgives a day (val-sig-skew-max)
		want:  "unproven bogus", security: "bogus", ede: 8,
	},
	{
		claim: "new keys that the parent knows nothing of are bogus", token: "rekeyed.example. jwt",
		flip: func(t *testing.T, in *internet) {
			in.zones["rekeyed.example."].algorithm = dns.RSASHA1NSEC3SHA1
			in.sign(t, "rekeyed.example.", 0)
		},
		want: "unproven bogus", ede: 9,
	},
	{
		claim: "a zone signed with SHA-1 alone is insecure", token: "rekeyed.example. jwt",
		setUp: func(t *testing.T, in *internet) {
			in.replace(t, "example.", "rekeyed.example.", in.leaf.ds(t, in.zones["rekeyed.example."])...)
		},
		before: settings{resolver: "sha1: validate"},
		want:   "unproven insecure",
	},
}

// sign signs a zone anew by a clock that lags behind, and serves that.
func (in *internet) sign(t testing.TB, name string, lag time.Duration) {
	t.Helper()
	z := in.zones[name]
	z.lag = lag
	in.leaf.edit(t, z, nil, nil)
	in.leaf.awaitZones(t)
}

// rewrite edits the file that NSD has a zone from, behind the signer's back.
func (in *internet) rewrite(t testing.TB, name string, edit func(string) string) {
	t.Helper()
	z := in.zones[name]
	file := in.leaf.path(z.fileName() + ".served")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	after := edit(string(before))
	if after == string(before) {
		t.Fatalf("%s has nothing of what is to be changed:\n%s", file, before)
	}
	in.leaf.process.stop()
	write(t, file, after)
	z.spoilt = true
	in.leaf.start(t)
}

// cut takes records out of a signed zone by owner and type; covered is the type that an RRSIG is for.
func (in *internet) cut(t testing.TB, name string, gone func(owner, rtype, covered string) bool) {
	t.Helper()
	in.rewrite(t, name, func(text string) string {
		var kept []string
		for _, line := range strings.SplitAfter(text, "\n") {
			f := strings.Fields(line) // owner ttl IN type data...
			if len(f) > 4 && (f[3] == "RRSIG" && gone(f[0], "RRSIG", f[4]) || f[3] != "RRSIG" && gone(f[0], f[3], "")) {
				continue
			}
			kept = append(kept, line)
		}
		return strings.Join(kept, "")
	})
}

// iterations finds where NSEC3 becomes too dear: 50 iterations still prove, 51 do not (RFC 9276 section 3.2).
func (in *internet) iterations(t *testing.T) {
	k, z := tokens(t)["deleted3.example. jwt"], in.zones["deleted3.example."]
	in.remove(t, z.name, k.owner())
	for iterations, want := range map[uint16]string{0: "refuted record_absent", 50: "refuted record_absent", 51: "unproven insecure"} {
		z.iterations = iterations
		in.sign(t, z.name, 0)
		v := in.daemon(t, settings{}).verify(t, k, nil)
		if v.String() != want {
			t.Errorf("%d iterations: %v, want %s", iterations, v, want)
		}
		if want == "unproven insecure" && v.DNS.EDE.Code != 27 {
			t.Errorf("%d iterations: extended error %d, want 27", iterations, v.DNS.EDE.Code)
		}
	}
}
