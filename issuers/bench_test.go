package issuers_test

import (
	"crypto/elliptic"
	"testing"

	"github.com/veraison/go-cose"

	"cnfd/credential"
	"cnfd/issuers"
)

// BenchmarkJudge measures one check by the kind of algorithm, with the key named
// in a set of eleven.
func BenchmarkJudge(b *testing.B) {
	m := loadMade(b)
	set := m.set(b)
	run := func(name string, c *credential.Credential, set issuers.Set) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := issuers.Judge(c, set, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, alg := range []string{"ES256", "ES384", "ES512", "Ed25519", "PS256", "RS256"} {
		named, _ := m.token(b, alg)
		run(alg, read(b, named), set)
	}
	key := newEC(b, elliptic.P256())
	run("COSE_Sign1 ES256", readCWT(b, sign1(b, signer{cose.AlgorithmES256, key, "k"}, "application/cwt")), issuers.Set{keyOf(b, key, "k")})
}

// BenchmarkJudgeWorst measures what a stranger can have computed by one token:
// sixteen signatures of the slowest kind that are nobody's.
func BenchmarkJudgeWorst(b *testing.B) {
	stranger := signer{cose.AlgorithmES512, newEC(b, elliptic.P521()), ""}
	var all []signer
	var set issuers.Set
	for range 16 {
		all = append(all, stranger)
		set = append(set, keyOf(b, newEC(b, elliptic.P521()), ""))
	}
	c := readCWT(b, sign(b, all...))
	b.ReportAllocs()
	for b.Loop() {
		wants(b, issuers.Judge(c, set, nil), issuers.TooMany)
	}
}
