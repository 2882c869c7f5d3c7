package thumbprint_test

import (
	"bytes"
	"strings"
	"testing"

	"cnfd/thumbprint"
)

func TestZeroThumbprintMatchesNothing(t *testing.T) {
	var none thumbprint.Thumbprint
	for _, octets := range [][]byte{nil, {}, make([]byte, 32), make([]byte, 64)} {
		if none.Equal(octets) {
			t.Errorf("equal to %d octets", len(octets))
		}
	}
	if !none.IsZero() || none.Hex() != "" || none.URI() != "" || none.Base64() != "" || len(none.AppendSum(nil)) != 0 || none.Kind() != 0 || none.Hash() != 0 {
		t.Error("not none")
	}
	var key thumbprint.Key
	if !key.IsZero() || !key.JKT(thumbprint.SHA256).IsZero() || !key.CKT(thumbprint.SHA256).IsZero() || key.Algorithm() != "" {
		t.Error("the zero Key has a thumbprint")
	}
}

func TestEqualTakesTheWholeDigestAlone(t *testing.T) {
	sum := bytes.Repeat([]byte{0xab}, 64)
	for _, h := range []thumbprint.Hash{thumbprint.SHA256, thumbprint.SHA384, thumbprint.SHA512} {
		tp, err := thumbprint.New(thumbprint.JWK, h, sum[:h.Size()])
		if err != nil {
			t.Fatal(err)
		}
		for n := range 65 {
			if got := tp.Equal(sum[:n]); got != (n == h.Size()) {
				t.Errorf("%s: %d octets: %t", h, n, got)
			}
		}
		for i := range h.Size() {
			other := bytes.Clone(sum[:h.Size()])
			other[i] ^= 1
			if tp.Equal(other) {
				t.Errorf("%s: equal though octet %d differs", h, i)
			}
		}
		if got := tp.AppendSum([]byte{1}); !bytes.Equal(got[1:], sum[:h.Size()]) {
			t.Errorf("%s: AppendSum: %x", h, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		claim string
		kind  thumbprint.Kind
		hash  thumbprint.Hash
		size  int
	}{
		{"no kind", 0, thumbprint.SHA256, 32},
		{"a kind that there is not", thumbprint.TokenBinding + 1, thumbprint.SHA256, 32},
		{"no hash", thumbprint.JWK, 0, 0},
		{"a hash that there is not", thumbprint.JWK, thumbprint.SHA512 + 1, 64},
		{"no octets", thumbprint.JWK, thumbprint.SHA256, 0},
		{"an octet too few", thumbprint.JWK, thumbprint.SHA256, 31},
		{"another hash's octets", thumbprint.COSEKey, thumbprint.SHA256, 48},
	} {
		if got, err := thumbprint.New(c.kind, c.hash, make([]byte, c.size)); err == nil || !got.IsZero() {
			t.Errorf("%s: %v", c.claim, got)
		}
	}
}

func TestURIsGoBothWays(t *testing.T) {
	sum := bytes.Repeat([]byte{0xab}, 64)
	for _, k := range []thumbprint.Kind{thumbprint.JWK, thumbprint.COSEKey} {
		for _, h := range []thumbprint.Hash{thumbprint.SHA256, thumbprint.SHA384, thumbprint.SHA512} {
			tp, err := thumbprint.New(k, h, sum[:h.Size()])
			if err != nil {
				t.Fatal(err)
			}
			if again, err := thumbprint.ParseURI(tp.URI()); err != nil || again != tp {
				t.Errorf("%s: %v %v", tp.URI(), again, err)
			}
		}
	}
	for _, k := range []thumbprint.Kind{thumbprint.Certificate, thumbprint.TokenBinding} {
		tp, err := thumbprint.New(k, thumbprint.SHA256, sum[:32])
		if err != nil || tp.URI() != "" {
			t.Errorf("%s: a URI: %s %v", k, tp.URI(), err)
		}
	}
}

func TestParseURI(t *testing.T) {
	const jkt, ckt = "urn:ietf:params:oauth:jwk-thumbprint:", "urn:ietf:params:oauth:ckt:"
	for _, c := range []struct {
		claim, uri string
		kind       thumbprint.Kind
	}{
		{"a jkt", jkt + "sha-256:" + jkt7800, thumbprint.JWK},
		{"a ckt", ckt + "sha-256:" + jkt7800, thumbprint.COSEKey},
		{"sha-384", jkt + "sha-384:" + digest384, thumbprint.JWK},
		{"the scheme and namespace in capitals", "Urn:IETF:" + jkt[9:] + "sha-256:" + jkt7800, thumbprint.JWK},
		{"bits to spare", jkt + "sha-256:" + jkt7800[:42] + "t", thumbprint.JWK},

		{"nothing", "", 0},
		{"the prefix alone", jkt, 0},
		{"no digest", jkt + "sha-256:", 0},
		{"no hash", jkt + jkt7800, 0},
		{"a hash without a colon", jkt + "sha-256", 0},
		{"a space before", " " + jkt + "sha-256:" + jkt7800, 0},
		{"a line end after", jkt + "sha-256:" + jkt7800 + "\n", 0},
		{"padding", jkt + "sha-256:" + jkt7800 + "=", 0},
		{"hexadecimal", jkt + "sha-256:" + hex7800, 0},
		{"a fragment", jkt + "sha-256:" + jkt7800 + "#f", 0},
		{"the rest in capitals", "urn:ietf:PARAMS" + jkt[15:] + "sha-256:" + jkt7800, 0},
		{"a hash in capitals", jkt + "SHA-256:" + jkt7800, 0},
		{"a hash in JOSE's spelling", jkt + "S256:" + jkt7800, 0},
		{"sha-1", jkt + "sha-1:" + jkt7800[:27], 0},
		{"a truncated sha-256", jkt + "sha-256-128:" + jkt7800[:22], 0},
		{"the length of another hash", jkt + "sha-256:" + digest384, 0},
		{"a sha-512 as short as a sha-256", jkt + "sha-512:" + jkt7800, 0},
		{"standard base64", jkt + "sha-256:" + strings.Replace(jkt7800, "g", "+", 1), 0},
		{"another urn", "urn:ietf:params:oauth:jwk:sha-256:" + jkt7800, 0},
		{"a long s for the s of sha", jkt + "\u017fha-256:" + jkt7800, 0},
	} {
		got, err := thumbprint.ParseURI(c.uri)
		if (err == nil) != (c.kind != 0) || got.Kind() != c.kind || got.IsZero() != (c.kind == 0) {
			t.Errorf("%s: %s %v", c.claim, got.Kind(), err)
		}
	}
}

func TestMethodNames(t *testing.T) {
	seen := 0
	for m := range thumbprint.Method(255) {
		name := m.String()
		if name == "" {
			continue
		}
		seen++
		if again, err := thumbprint.ParseMethod(name); err != nil || again != m {
			t.Errorf("%s: %v %v", name, again, err)
		}
		if m.COSE() != (strings.Trim(name, "0123456789") == "") {
			t.Errorf("%s: of COSE %t", name, m.COSE())
		}
	}
	if seen != 11 {
		t.Errorf("%d methods, want 11", seen)
	}
	for name, want := range map[string]thumbprint.Method{
		"cose_key": thumbprint.MethodCOSEKey, "ckt": thumbprint.MethodCKT,
		"": 0, "JWK": 0, "jku": 0, "4": 0, "01": 0, " jwk": 0,
	} {
		if got, err := thumbprint.ParseMethod(name); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v %v", name, got, err)
		}
	}
}

func TestHashNames(t *testing.T) {
	for _, h := range []thumbprint.Hash{thumbprint.SHA256, thumbprint.SHA384, thumbprint.SHA512} {
		if again, err := thumbprint.ParseHash(h.String()); err != nil || again != h {
			t.Errorf("%s: %v %v", h, again, err)
		}
	}
	for _, name := range []string{"", "sha256", "SHA-256", "sha-1"} {
		if h, err := thumbprint.ParseHash(name); err == nil || h != 0 {
			t.Errorf("%q is known", name)
		}
	}
}
