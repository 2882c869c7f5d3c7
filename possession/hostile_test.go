package possession_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"runtime"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/possession"
	"cnfd/thumbprint"
)

// TestCutShortAtEveryOctet: what the holder sends is good whole, and no beginning or
// end of it is.
func TestCutShortAtEveryOctet(t *testing.T) {
	p, r := newPresentation(t), newRequest(t)
	kb, proof := p.h.sign(t, p.header, p.payload), r.h.sign(t, r.header, r.payload)
	bound := func(kb string) error {
		return possession.KeyBinding(credential.KeyBinding{JWT: []byte(kb), Presented: []byte(p.sdJWT), Hash: thumbprint.SHA256}, &p.terms)
	}
	check(t, bound(kb))
	for n := range kb {
		if bound(kb[:n]) == nil || n > 0 && bound(kb[n:]) == nil {
			t.Errorf("key binding, cut at %d", n)
		}
	}
	check(t, judge([]byte(proof), &r.terms))
	for n := range proof {
		if judge([]byte(proof[:n]), &r.terms) == nil || n > 0 && judge([]byte(proof[n:]), &r.terms) == nil {
			t.Errorf("proof, cut at %d", n)
		}
	}
	der, x5t := newCertificate(t)
	sum := sha256.Sum256(der)
	for name, handed := range map[string]string{
		"RFC 9440": ":" + base64.StdEncoding.EncodeToString(der) + ":",
		"Envoy":    "By=spiffe://a.example/b;Hash=" + hex.EncodeToString(sum[:]),
		"nginx":    strings.TrimSuffix(escaped(der), "%0A"), // the last line end says nothing
		"PEM":      strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
	} {
		check(t, possession.MutualTLS(handed, x5t))
		for n := range handed {
			if possession.MutualTLS(handed[:n], x5t) == nil {
				t.Errorf("%s, cut at %d", name, n)
			}
		}
	}
}

// TestACertificateIsWhatTheGatewaySaw: whoever names one within a value of another's
// certificate, as its subject or its URI, is not taken for that one.
func TestACertificateIsWhatTheGatewaySaw(t *testing.T) {
	der, x5t := newCertificate(t)
	other, _ := newCertificate(t)
	sum, otherSum := sha256.Sum256(der), sha256.Sum256(other)
	hash, otherHash := hex.EncodeToString(sum[:]), hex.EncodeToString(otherSum[:])
	check(t, possession.MutualTLS("Hash="+hash+`;URI=spiffe://a.example`, x5t))
	for name, handed := range map[string]string{
		"in its URI":                  "Hash=" + otherHash + ";URI=spiffe://a;Hash=" + hash,
		"in its URI, in another case": "Hash=" + otherHash + ";URI=spiffe://a;HASH=" + hash,
		"in its subject":              "Hash=" + otherHash + `;Subject="CN=a;Hash=` + hash + `"`,
		"in its subject, unescaped":   "Hash=" + otherHash + `;Subject="CN=a";Hash=` + hash + `"`,
		"in an element before":        "Hash=" + hash + ",Hash=" + otherHash,
		"in an element behind":        "Hash=" + otherHash + ",Hash=" + hash,
		"in its chain":                "Hash=" + otherHash + `;Chain="` + escaped(der) + `"`,
		"by both certificates":        `Cert="` + escaped(other) + escaped(der) + `"`,
		"by certificate and hash":     "Hash=" + hash + `;Cert="` + escaped(other) + `"`,
		"by a second certificate":     escaped(other) + escaped(der),
		"by DER in front":             ":" + base64.StdEncoding.EncodeToString(append(bytes.Clone(der), other...)) + ":",
		"by DER behind":               ":" + base64.StdEncoding.EncodeToString(append(bytes.Clone(other), der...)) + ":",
	} {
		if possession.MutualTLS(handed, x5t) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestBombs: what costs memory by its form costs no more than a few copies of it.
func TestBombs(t *testing.T) {
	const most = 1 << 20
	p, r := newPresentation(t), newRequest(t)
	_, x5t := newCertificate(t)
	wide := func(octets string) string { return b64([]byte(`{"alg":"ES256","typ":"dpop+jwt","x":` + octets + `}`)) }
	for name, token := range map[string]string{
		"10,000 levels":           wide(strings.Repeat("[", 10000)) + ".e30.AAAA",
		"2000 members":            wide(`{"0":0`+strings.Repeat(`,"1":0`, 2000)+"}") + ".e30.AAAA",
		"dots":                    strings.Repeat(".", possession.MaxProof),
		"a million octets":        strings.Repeat("A", 1_000_000) + ".e30.AAAA",
		"an RSA key of 8192 bits": b64([]byte(`{"alg":"RS256","typ":"dpop+jwt","jwk":{"kty":"RSA","e":"AQAB","n":"`+strings.Repeat("_", 1366)+`"}}`)) + ".e30." + strings.Repeat("A", 1366),
	} {
		var ofProof, ofBinding error
		took := allocated(func() {
			ofProof = judge([]byte(token), &r.terms)
			if len(token) <= credential.MaxToken { // which its parser has held it to
				ofBinding = possession.KeyBinding(credential.KeyBinding{JWT: []byte(token), Presented: []byte(p.sdJWT)}, &p.terms)
			}
		})
		if ofProof == nil || ofBinding == nil && len(token) <= credential.MaxToken || took > most {
			t.Errorf("%s: %v, %v, %d octets from the heap", name, ofProof, ofBinding, took)
		}
	}
	for name, handed := range map[string]string{
		"semicolons":         strings.Repeat("a=;", 20000),
		"pairs":              strings.Repeat("a=b;", 16000) + "a=b",
		"quotes":             `a="` + strings.Repeat(`\"`, 30000) + `"`,
		"percent signs":      "-----BEGIN CERTIFICATE-----" + strings.Repeat("%41", 20000),
		"beginnings":         strings.Repeat("-----BEGIN CERTIFICATE-----\n", 2000),
		"beginnings of none": strings.Repeat("-----BEGIN A-----\n-----END B-----\n", 1500),
		"colons":             strings.Repeat(":", 60000),
		"a million octets":   strings.Repeat("A", 1_000_000),
		"a long sequence":    ":" + base64.StdEncoding.EncodeToString(append([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, make([]byte, 1000)...)) + ":",
	} {
		var err error
		if took := allocated(func() { err = possession.MutualTLS(handed, x5t) }); err == nil || took > most {
			t.Errorf("%s: %v, %d octets from the heap", name, err, took)
		}
	}
}

// allocated is how many octets f takes from the heap, be they given back or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
