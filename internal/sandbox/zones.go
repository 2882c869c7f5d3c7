package sandbox

import (
	"time"

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
	ds      func([]dns.RR) []dns.RR // changes the DS records in the parent
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

// absences are signed zones that prove that there is no confirmation.
func absences() []spec {
	absent := func(zoneName, kind string) []Case {
		return []Case{{Name: "jwk.cnf." + zoneName, Type: dns.TypeTLSA, Want: secure, Kind: kind}}
	}
	const nothing = "www 300 TXT \"nothing here\"\n"
	return []spec{
		{name: "empty.example.", why: "no such name, by NSEC", records: nothing, cases: absent("empty.example.", noname)},
		{name: "empty.test.", why: "no such name, by NSEC3", policy: nsec3, records: nothing, cases: absent("empty.test.", noname)},
		{name: "nodata.example.", why: "the name has other types only, by NSEC",
			records: "jwk.cnf 300 TXT \"not a key\"\n", cases: absent("nodata.example.", nodata)},
		{name: "nodata.test.", why: "the name has other types only, by NSEC3", policy: nsec3,
			records: "jwk.cnf 300 TXT \"not a key\"\n", cases: absent("nodata.test.", nodata)},
		{name: "hollow.example.", why: "an empty non-terminal, by NSEC",
			records: "below.jwk.cnf 300 TXT \"deep\"\n", cases: absent("hollow.example.", nodata)},
		{name: "hollow.test.", why: "an empty non-terminal, by NSEC3", policy: nsec3,
			records: "below.jwk.cnf 300 TXT \"deep\"\n", cases: absent("hollow.test.", nodata)},
		{name: "optout.test.", why: "no such name in a zone that opts out", policy: optOut,
			records: "loose 3600 NS ns.loose\nns.loose 3600 A {address}\n", cases: []Case{
				{Name: "jwk.cnf.optout.test.", Type: dns.TypeTLSA, Want: insecure, Kind: noname, Why: "an opt-out interval"}}},
		{name: "iterated.test.", why: "NSEC3 with 500 iterations: its denials prove nothing (RFC 9276 §3.2)",
			policy: zone.Policy{Denial: zone.NSEC3, Iterations: 500}, cases: []Case{
				{Name: "absent.iterated.test.", Type: dns.TypeTLSA, Want: insecure, Kind: noname}}},
	}
}

// contents differ in what the RRset holds; all are secure.
func contents() []spec {
	return []spec{
		{name: "differs.example.", why: "another key's thumbprint", records: `
jwk.cnf {n} TLSA 255 255 255 {other}
1.8     {n} TLSA 255 255 255 {other}
`},
		{name: "several.example.", why: "several records, one of them the key's", records: `
jwk.cnf {n} TLSA 255 255 255 {other}
jwk.cnf {n} TLSA 255 255 255 {jkt}
jwk.cnf {n} TLSA 3 1 1 {jkt}
1.8     {n} TLSA 255 255 255 {other}
1.8     {n} TLSA 255 255 255 {ckt}
`},
		{name: "unusable.example.", why: "records of another use and of another length only", records: `
jwk.cnf {n} TLSA 3 1 1 {jkt}
jwk.cnf {n} TLSA 255 255 255 C0FFEE
1.8     {n} TLSA 3 1 1 {ckt}
`},
		{name: "big.example.", why: "40 records: the answer needs TCP", records: "jwk.cnf {n} TLSA 255 255 255 {jkt}\n" + many("jwk.cnf", 39)},
		{name: "toomany.example.", why: "300 records: more than a verifier looks at", records: "jwk.cnf {n} TLSA 255 255 255 {jkt}\n" + many("jwk.cnf", 299)},
		{name: "wild.example.", why: "a wildcard vouches for every name, by NSEC", records: wild, cases: wildCases("wild.example.")},
		{name: "wild.test.", why: "a wildcard vouches for every name, by NSEC3", policy: nsec3, records: wild, cases: wildCases("wild.test.")},
		{name: "star.example.", why: "the confirmation name itself comes from a wildcard",
			records: "*.cnf {n} TLSA 255 255 255 {jkt}\n*.8 {n} TLSA 255 255 255 {ckt}\n",
			cases:   []Case{{Name: "jwk.cnf.star.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive, Wildcard: true}}},
	}
}

const wild = `
*       {n} TLSA 255 255 255 {jkt}
*.text  {n} TXT  "no key"
`

func wildCases(zoneName string) []Case {
	return []Case{
		{Name: "jwk.cnf.anyone." + zoneName, Type: dns.TypeTLSA, Want: secure, Kind: positive, Wildcard: true},
		{Name: "jwk.cnf.anyone.text." + zoneName, Type: dns.TypeTLSA, Want: secure, Kind: nodata, Why: "the wildcard has another type"},
		{Name: "*." + zoneName, Type: dns.TypeTLSA, Want: secure, Kind: positive, Why: "the wildcard asked for by its own name"},
	}
}

// aliases lead elsewhere. The subject's host is the part after the prefix.
func aliases() []spec {
	return []spec{
		{name: "alias.example.", why: "CNAMEs to all kinds of places", records: `
key             {n} TLSA  255 255 255 {jkt}
jwk.cnf.inzone  {n} CNAME key
jwk.cnf.cross   {n} CNAME jwk.cnf.vendor.test.
jwk.cnf.open    {n} CNAME jwk.cnf.unsigned.example.
jwk.cnf.stale   {n} CNAME jwk.cnf.expired.example.
jwk.cnf.gone    {n} CNAME jwk.cnf.empty.test.
jwk.cnf.bare    {n} CNAME www
jwk.cnf.loop    {n} CNAME jwk.cnf.pool
jwk.cnf.pool    {n} CNAME jwk.cnf.loop
*.any           {n} CNAME jwk.cnf.vendor.example.
www             {n} TXT   "a name without a confirmation"
`, cases: []Case{
			{Name: "jwk.cnf.inzone.alias.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive, Why: "CNAME within the zone"},
			{Name: "jwk.cnf.cross.alias.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive, Why: "CNAME into another signed zone"},
			{Name: "jwk.cnf.open.alias.example.", Type: dns.TypeTLSA, Want: insecure, Kind: positive, Why: "CNAME into an unsigned zone"},
			{Name: "jwk.cnf.stale.alias.example.", Type: dns.TypeTLSA, Want: bogus, Kind: positive, Why: "CNAME into an expired zone"},
			{Name: "jwk.cnf.gone.alias.example.", Type: dns.TypeTLSA, Want: secure, Kind: noname, Why: "CNAME to a name that does not exist"},
			{Name: "jwk.cnf.bare.alias.example.", Type: dns.TypeTLSA, Want: secure, Kind: nodata, Why: "CNAME to a name without the type"},
			{Name: "jwk.cnf.some.any.alias.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive, Wildcard: true, Why: "CNAME from a wildcard"},
		}},
		{name: "dname.example.", why: "DNAMEs within the zone and out of it", policy: nsec3, records: `
cnf      {n} DNAME cnf.vendor.example.
cnf.sub  {n} DNAME new
jwk.new  {n} TLSA  255 255 255 {jkt}
`, cases: []Case{
			{Name: "jwk.cnf.dname.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive, Why: "DNAME into another signed zone"},
			{Name: "jwk.cnf.sub.dname.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive, Why: "DNAME within the zone"},
		}},
	}
}

// cuts have a zone cut between the domain and its confirmation record.
func cuts() []spec {
	return []spec{
		{name: "delegated.example.", why: "its cnf is a zone of its own", records: "www 300 TXT \"parent\"\n"},
		{name: "cnf.delegated.example.", why: "signed, on its parent's server",
			records: "jwk {n} TLSA 255 255 255 {jkt}\n",
			cases:   []Case{{Name: "jwk.cnf.delegated.example.", Type: dns.TypeTLSA, Want: secure, Kind: positive}}},
		{name: "handed.example.", why: "its cnf was handed out to somebody else, unsigned", records: "www 300 TXT \"parent\"\n"},
		{name: "cnf.handed.example.", why: "unsigned, on another server", want: insecure, keys: noKeys, on: []int{serverElsewhere},
			records: "jwk {n} TLSA 255 255 255 {jkt}\n",
			cases:   []Case{{Name: "jwk.cnf.handed.example.", Type: dns.TypeTLSA, Want: insecure, Kind: positive}}},
	}
}

// unsigned zones are proven to be so.
func unsigned() []spec {
	return []spec{
		{name: "unsigned.example.", why: "no DS, proven by NSEC", want: insecure, keys: noKeys, on: []int{serverElsewhere}},
		{name: "unsigned.test.", why: "no DS, within an opt-out interval", want: insecure, keys: noKeys, on: []int{serverElsewhere}},
		{name: "island.unsigned.example.", why: "signed, below an unsigned zone", want: insecure},
	}
}

// broken zones are bogus, each for one reason.
func broken() []spec {
	const day = 24 * time.Hour
	return []spec{
		{name: "expired.example.", why: "its signatures expired five days ago", want: bogus, policy: zone.Policy{Since: -30 * day, For: 25 * day}},
		{name: "future.example.", why: "its signatures begin in five days", want: bogus, policy: zone.Policy{Since: 5 * day, For: 25 * day}},
		{name: "wrongds.example.", why: "its DS matches no key", want: bogus, ds: func(ds []dns.RR) []dns.RR {
			d := ds[0].(*dns.DS)
			d.Digest = "00" + d.Digest[2:]
			return ds
		}},
		{name: "stripped.example.", why: "the record's signature is missing", want: bogus, policy: zone.Policy{Spoil: func(s *dns.RRSIG) *dns.RRSIG {
			if s.TypeCovered == dns.TypeTLSA {
				return nil
			}
			return s
		}}},
		{name: "forged.example.", why: "the record's signature does not verify", want: bogus, policy: zone.Policy{Spoil: func(s *dns.RRSIG) *dns.RRSIG {
			if s.TypeCovered == dns.TypeTLSA {
				s.OrigTtl++
			}
			return s
		}}},
		{name: "unproven.example.", why: "denials come without the signature of their NSEC", want: bogus, records: "www 300 TXT \"nothing here\"\n",
			policy: zone.Policy{Spoil: func(s *dns.RRSIG) *dns.RRSIG {
				if s.TypeCovered == dns.TypeNSEC {
					return nil
				}
				return s
			}}, cases: []Case{{Name: "jwk.cnf.unproven.example.", Type: dns.TypeTLSA, Want: bogus, Kind: noname}}},
		{name: "silent.example.", why: "its server refuses to answer for it", want: indeterminate, on: []int{serverElsewhere}, silent: true},
		{name: "plain.example.", why: "a DS in the parent, nothing signed in the zone", want: bogus, policy: zone.Policy{
			Spoil: func(*dns.RRSIG) *dns.RRSIG { return nil }}},
	}
}
