package sandbox

import (
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// The name servers, by their place in Config.Host. Most zones are at serverLeaf;
// the others are there so that a parent and its child, or two copies of a zone,
// can be on different machines.
const (
	serverRoot = iota
	serverExample
	serverTest
	serverLeaf
	serverSecond
	serverElsewhere
	serverCount
)

const rootServer = "a.root-servers."

// spec describes one zone. What is left out is what most zones have.
type spec struct {
	name    string
	why     string
	want    string  // Security of the confirmation record. Default: secure
	on      []int   // servers. Default: serverLeaf
	keys    []uint8 // algorithms of its keys. Default: ECDSA P-256 (13); noKeys: unsigned
	split   bool    // a KSK and a ZSK instead of one key for both
	policy  zone.Policy
	ds      func([]dns.RR) []dns.RR // changes the DS records that the parent gets
	ns      string                  // name of its server, where not inside the zone
	records string                  // zone file beside SOA, NS and server addresses. Default: published
	silent  bool                    // delegated, but its servers know nothing of it
	older   string                  // zone file of the copy on the second server, where it lags behind
	cases   []Case                  // beside the zone's own confirmation record, which is the first where published
}

// published is what a domain that confirms a key publishes: the draft's two
// names, the key's RFC 7638 and RFC 9679 thumbprints. Names are relative to the
// zone; {jkt} and {ckt} are the sample key's, {other} another key's, {n} the TTL.
const published = `
jwk.cnf {n} TLSA 255 255 255 {jkt}
1.8     {n} TLSA 255 255 255 {ckt}
www     300 TXT  "a name without a confirmation"
`

const (
	secure        = "secure"
	insecure      = "insecure"
	bogus         = "bogus"
	indeterminate = "indeterminate"
	positive      = "positive"
	nodata        = "nodata"
	noname        = "noname"
)

var (
	noKeys = []uint8{}
	nsec3  = zone.Policy{Denial: zone.NSEC3}
	optOut = zone.Policy{Denial: zone.NSEC3, OptOut: true}
)

// specs is the whole Internet, parents before children.
func specs() []spec {
	out := []spec{{
		name: ".", why: "the root, with a key-signing and a zone-signing key", on: []int{serverRoot}, split: true,
		records: "a.root-servers. 3600 A {address}\n",
		cases: []Case{
			{Name: "nowhere.", Type: dns.TypeTLSA, Want: secure, Kind: noname, Why: "no such top-level domain"},
			{Name: "example.", Type: dns.TypeDS, Want: secure, Kind: positive},
		},
	}, {
		name: "example.", why: "a top-level domain with NSEC", on: []int{serverExample}, split: true,
		records: "nic 3600 TXT \"example\"\n",
		cases: []Case{
			{Name: "jwk.cnf.missing.example.", Type: dns.TypeTLSA, Want: secure, Kind: noname, Why: "a domain that nobody has registered"},
			{Name: "unsigned.example.", Type: dns.TypeDS, Want: secure, Kind: nodata, Why: "the proof that a delegation is unsigned"},
		},
	}, {
		name: "test.", why: "a top-level domain with RSA/SHA-256, NSEC3 and opt-out", on: []int{serverTest},
		keys: []uint8{dns.RSASHA256}, policy: optOut,
		records: "nic 3600 TXT \"test\"\n",
		cases: []Case{
			{Name: "nic.test.", Type: dns.TypeTLSA, Want: secure, Kind: nodata},
			{Name: "jwk.cnf.missing.test.", Type: dns.TypeTLSA, Want: insecure, Kind: noname,
				Why: "an opt-out interval: the domain may be there unsigned (RFC 5155 §6)"},
		},
	}}
	for _, list := range [][]spec{ordinary(), algorithms(), absences(), contents(), aliases(), cuts(), unsigned(), broken()} {
		out = append(out, list...)
	}
	return out
}

// ordinary zones confirm the sample key, and are served in the usual ways.
func ordinary() []spec {
	return []spec{
		{name: "vendor.example.", why: "the domain of the sample credentials, on two servers",
			on: []int{serverLeaf, serverSecond}, records: published + `
jkt.cnf {n} TLSA 255 255 255 {jkt}
5.8     {n} TLSA 255 255 255 {ckt}
323.8   {n} TLSA 255 255 255 {jkt}
`},
		{name: "underscore.example.", why: "the underscored form of the names only", records: `
_jwk_cnf {n} TLSA 255 255 255 {jkt}
_1_8     {n} TLSA 255 255 255 {ckt}
`, cases: []Case{{Name: "_jwk_cnf.underscore.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive}}},
		{name: "vendor.test.", why: "signed, below an opt-out top-level domain", policy: nsec3},
		{name: "leaving.example.", why: "a domain about to withdraw its key: short TTLs", records: `
jwk.cnf {short} TLSA 255 255 255 {jkt}
1.8     {short} TLSA 255 255 255 {ckt}
`},
		{name: "same.example.", why: "a child on its parent's server", on: []int{serverExample}},
		{name: "hosting.test.", why: "a provider's own domain", on: []int{serverElsewhere}},
		{name: "glueless.example.", why: "its server's name lies in another top-level domain: no glue",
			on: []int{serverElsewhere}, ns: "ns.hosting.test."},
		{name: "split.example.", why: "a key-signing and a zone-signing key", split: true},
		{name: "deep.down.split.example.", why: "two labels below its parent's apex", on: []int{serverElsewhere}, keys: []uint8{dns.ED25519}},
		{name: "lagging.example.", why: "the second server has an older copy, without the record",
			on: []int{serverLeaf, serverSecond}, older: "www 300 TXT \"no record yet\"\n"},
	}
}

// algorithms are zones signed in each way.
func algorithms() []spec {
	return []spec{
		{name: "rsa.example.", why: "RSA/SHA-256 (8), NSEC3", keys: []uint8{dns.RSASHA256}, policy: nsec3},
		{name: "rsa512.example.", why: "RSA/SHA-512 (10), NSEC", keys: []uint8{dns.RSASHA512}},
		{name: "p384.example.", why: "ECDSA P-384 (14), NSEC3", keys: []uint8{dns.ECDSAP384SHA384}, policy: nsec3},
		{name: "ed25519.example.", why: "Ed25519 (15), NSEC", keys: []uint8{dns.ED25519}},
		{name: "dual.example.", why: "two algorithms, 8 and 13", keys: []uint8{dns.RSASHA256, dns.ECDSAP256SHA256}},
		{name: "salted.example.", why: "NSEC3 with salt and 5 iterations",
			policy: zone.Policy{Denial: zone.NSEC3, Iterations: 5, Salt: "C0FFEE"}},
		{name: "sha1.example.", why: "RSA/SHA-1 (5): treated as unsigned (RFC 9905)", want: insecure, keys: []uint8{dns.RSASHA1}},
		{name: "sha1.test.", why: "RSA/SHA-1 with NSEC3 (7): treated as unsigned (RFC 9905)", want: insecure,
			keys: []uint8{dns.RSASHA1NSEC3SHA1}, policy: nsec3},
		{name: "unknown.example.", why: "signed with an algorithm that nobody knows", want: insecure, keys: []uint8{zone.Unknown}},
		{name: "digest.example.", why: "its DS has a digest type that nobody knows", want: insecure, ds: func(ds []dns.RR) []dns.RR {
			ds[0].(*dns.DS).DigestType = 100
			return ds
		}},
		{name: "mixed.example.", why: "one DS of an unknown algorithm, one that counts (RFC 6840 §5.11)", ds: func(ds []dns.RR) []dns.RR {
			strange := dns.Copy(ds[0]).(*dns.DS)
			strange.Algorithm = zone.Unknown
			return append(ds, strange)
		}},
	}
}
