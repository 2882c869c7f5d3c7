package sandbox

import (
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// CAAIdentity is the name by which the CAA set of issuing.example means an ACME server.
const CAAIdentity = "ca.sandbox.example"

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
		{name: "issuing.example.", why: "opts in to certificates by the record alone (CAA, RFC 8657); publishes no key yet",
			records: "@ 300 CAA 0 issue \"" + CAAIdentity + "; validationmethods=ca-cnf-01\"\n", cases: absent("issuing.example.", noname)},
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
