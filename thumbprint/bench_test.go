package thumbprint

import "testing"

const benchJWK = `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA","alg":"ES256"}`

func BenchmarkOfJWK(b *testing.B) {
	jwk := []byte(benchJWK)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OfJWK(jwk, SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromJOSE(b *testing.B) {
	cnf := []byte(`{"jwk":` + benchJWK + `}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromJOSE(cnf, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
