package signature_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"cnfd/signature"
	"cnfd/thumbprint"
)

// TestRFC holds the examples of the RFCs, and that each falls with one octet of
// the signature, of what is signed, or with another key.
func TestRFC(t *testing.T) {
	const joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	for _, v := range []struct{ source, alg, key, jws string }{
		{"RFC 7515 A.2", "RS256", rsa7515, "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
		{"RFC 7515 A.3", "ES256", p256of7515, "eyJhbGciOiJFUzI1NiJ9." + joe + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
		{"RFC 7515 A.4", "ES512", p521of7515, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
		{"RFC 8037 A.4", "EdDSA", ed25519of8037, jws8037},
		{"RFC 8037 A.4, as RFC 9864 names it", "Ed25519", ed25519of8037, jws8037},
	} {
		t.Run(v.source, func(t *testing.T) {
			key := parse(t, v.key)
			input, sig := split(t, v.jws)
			alg := signature.OfJOSE(v.alg)
			if err := signature.Verify(alg, key, input, sig); err != nil {
				t.Fatal(err)
			}
			for i := range sig {
				sig[i] ^= 1
				wants(t, signature.Verify(alg, key, input, sig), signature.DoesNotVerify)
				sig[i] ^= 1
			}
			for i := range input {
				input[i] ^= 1
				wants(t, signature.Verify(alg, key, input, sig), signature.DoesNotVerify)
				input[i] ^= 1
			}
			for _, other := range []string{rsa7515, p256of7515, p521of7515, ed25519of8037} {
				if other != v.key {
					wants(t, signature.Verify(alg, parse(t, other), input, sig), signature.NotThisKeys)
				}
			}
		})
	}
}

const (
	rsa7515       = `{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`
	p256of7515    = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	p521of7515    = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
	ed25519of8037 = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	jws8037       = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

func parse(t testing.TB, jwk string) thumbprint.Key {
	t.Helper()
	key, err := thumbprint.ParseJWK([]byte(jwk))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// split gives the signing input of a JWS and its signature.
func split(t testing.TB, jws string) (input, sig []byte) {
	t.Helper()
	dot := strings.LastIndexByte(jws, '.')
	sig, err := base64.RawURLEncoding.DecodeString(jws[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	return []byte(jws[:dot]), sig
}
