package update

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

const lab256 = "c2l4dGVlbiBvY3RldHMgYW5kIHNpeHRlZW4gbW9yZS4=" // labSecret

func TestParseKey(t *testing.T) {
	for _, c := range []struct {
		claim, file string
		want        string // Key.String; "" where it is an error
		words       string
	}{
		{"as tsig-keygen writes it", "key \"lab\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + lab256 + "\";\n};\n", "TSIG key lab. (hmac-sha256)", ""},
		{"on one line, in another order", `key lab.vendor.example. { secret ` + lab256 + `; algorithm HMAC-SHA512; };`, "TSIG key lab.vendor.example. (hmac-sha512)", ""},
		{"with comments of every kind", "# a key\n// of ours\n/* and\nno one else's */ key /* ! */ \"Lab\" { algorithm hmac-sha384; // strong\n secret \"" + lab256 + "\"; # here\n};\n# };", "TSIG key lab. (hmac-sha384)", ""},
		{"with a secret that has slashes in it", `key lab { algorithm hmac-sha256; secret "//////////////////////8="; };`, "TSIG key lab. (hmac-sha256)", ""},
		{"beside what rndc.conf has", `options { default-key "lab"; default-server 127.0.0.1; }; server 127.0.0.1 { key "lab"; }; key "lab" { algorithm hmac-sha256; secret "` + lab256 + `"; };`, "TSIG key lab. (hmac-sha256)", ""},
		{"nothing", "", "", "no key in it"},
		{"only a comment", "# key", "", "no key in it"},
		{"a comment that does not end", "/* key", "", "line 1: a comment is not closed"},
		{"a quote that does not end", "key \"lab\n\" {", "", "line 1: a quote is not closed"},
		{"an end too soon", `key "lab" { algorithm hmac-sha256; secret "` + lab256 + `";`, "", "ends in the middle"},
		{"no semicolon", `key "lab" { algorithm hmac-sha256 secret "` + lab256 + `"; };`, "", "line 1: want ; there"},
		{"no algorithm", "key \"lab\" {\n secret \"" + lab256 + "\";\n};", "", "line 3: key has no algorithm"},
		{"no secret", `key "lab" { algorithm hmac-sha256; };`, "", "key has no secret"},
		{"two secrets", `key "lab" { algorithm hmac-sha256; secret "` + lab256 + `"; secret "` + lab256 + `"; };`, "", "one algorithm and one secret"},
		{"two keys", strings.Repeat(`key "lab" { algorithm hmac-sha256; secret "`+lab256+`"; };`, 2), "", "a second key"},
		{"hmac-md5", `key "lab" { algorithm hmac-md5; secret "` + lab256 + `"; };`, "", "want hmac-sha256, hmac-sha384 or hmac-sha512"},
		{"hmac-sha1", `key "lab" { algorithm hmac-sha1; secret "` + lab256 + `"; };`, "", "want hmac-sha256, hmac-sha384 or hmac-sha512"},
		{"a signature cut short", `key "lab" { algorithm hmac-sha256-128; secret "` + lab256 + `"; };`, "", "want hmac-sha256, hmac-sha384 or hmac-sha512"},
		{"a secret that is not base64", `key "lab" { algorithm hmac-sha256; secret "hunter2 hunter2 hunter2"; };`, "", "secret is not base64"},
		{"a secret that can be guessed", `key "lab" { algorithm hmac-sha256; secret "aHVudGVyMg=="; };`, "", "secret has 7 octets, want 16 or more"},
		{"a name that is none", `key "lab..x" { algorithm hmac-sha256; secret "` + lab256 + `"; };`, "", "no domain name"},
		{"the name of the root", `key "." { algorithm hmac-sha256; secret "` + lab256 + `"; };`, "", "no domain name"},
		{"another file of BIND's", `zone "vendor.example" { type primary; };`, "", "no key statement"},
		{"the secret alone", lab256, "", "no key statement"},
		{"half of a SIG(0) key", "Private-key-format: v1.3\nAlgorithm: 15 (ED25519)\nPrivateKey: aHVudGVyMg==\n", "", "its .key file is wanted"},
		{"too much", strings.Repeat("#\n", 40000), "", "over 64 KiB"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			k, err := ParseKey([]byte(c.file))
			if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Fatalf("%v, %v", k, err)
			}
			if err != nil && (!k.IsZero() || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), lab256[:8])) {
				t.Errorf("%v", err)
			}
			if err == nil && k.String() != c.want {
				t.Errorf("%v, want %s", k, c.want)
			}
		})
	}
}

// TestKeysOfBINDsPrograms reads what they write.
func TestKeysOfBINDsPrograms(t *testing.T) {
	for _, argv := range [][]string{
		{"tsig-keygen", "-a", "hmac-sha256", "lab"}, {"tsig-keygen", "-a", "hmac-sha384", "lab"}, {"tsig-keygen", "-a", "hmac-sha512", "lab"},
		{"ddns-confgen", "-k", "lab", "-z", "vendor.example"}, {"ddns-confgen", "-q", "-k", "lab"}, {"rndc-confgen", "-k", "lab"},
	} {
		t.Run(strings.Join(argv, " "), func(t *testing.T) {
			testneeds.Binary(t, argv[0], "bind9")
			out, err := exec.Command(argv[0], argv[1:]...).Output()
			if err != nil {
				t.Fatal(err)
			}
			if k, err := ParseKey(out); err != nil || !strings.HasPrefix(k.String(), "TSIG key lab. (hmac-sha") {
				t.Errorf("%v, %v of\n%s", k, err, out)
			}
		})
	}
	t.Run("hmac-sha1", func(t *testing.T) {
		testneeds.Binary(t, "tsig-keygen", "bind9")
		out, err := exec.Command("tsig-keygen", "-a", "hmac-sha1", "lab").Output()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseKey(out); err == nil || !strings.Contains(err.Error(), "algorithm is not taken") {
			t.Error(err)
		}
	})
}

// pair makes a key with dnssec-keygen.
func pair(t testing.TB, algorithm string, more ...string) (public, private []byte) {
	t.Helper()
	testneeds.Binary(t, "dnssec-keygen", "bind9-utils")
	dir := t.TempDir()
	out, err := exec.Command("dnssec-keygen", append(append([]string{"-q", "-K", dir, "-T", "KEY", "-n", "HOST", "-a", algorithm}, more...), "writer.vendor.example")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, strings.TrimSpace(string(out)))
	if public, err = os.ReadFile(base + ".key"); err == nil {
		private, err = os.ReadFile(base + ".private")
	}
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func TestParseSIG0(t *testing.T) {
	public, private := pair(t, "ED25519")
	other, otherPrivate := pair(t, "ED25519")
	p256, p256Private := pair(t, "ECDSAP256SHA256")
	_, p256Other := pair(t, "ECDSAP256SHA256")
	rsa, rsaPrivate := pair(t, "RSASHA256", "-b", "2048")
	small, smallPrivate := pair(t, "RSASHA256", "-b", "1024")
	otherRSA, _ := pair(t, "RSASHA256", "-b", "2048")
	replace := func(b []byte, from, to string) []byte { return bytes.ReplaceAll(b, []byte(from), []byte(to)) }
	for _, c := range []struct {
		claim           string
		public, private []byte
		words           string
	}{
		{"Ed25519", public, private, ""},
		{"P-256", p256, p256Private, ""},
		{"RSA", rsa, rsaPrivate, ""},
		{"another's public half", other, private, "not of one key"},
		{"another's private half", public, otherPrivate, "not of one key"},
		{"another's private half on P-256", p256, p256Other, "not of one key"},
		{"another's public half of RSA", otherRSA, rsaPrivate, "not the .key file's"},
		{"RSA of 1024 bits", small, smallPrivate, "RSA under 2048 bits"},
		{"RSA with SHA-1", replace(rsa, " 3 8 ", " 3 5 "), replace(rsaPrivate, "Algorithm: 8", "Algorithm: 5"), "algorithm 5 is not taken"},
		{"RSA without its primes", rsa, replace(rsaPrivate, "Prime", "Crime"), "lacks a part"},
		{"nothing in the private file", public, nil, "not what dnssec-keygen writes"},
		{"no key in the private file", public, replace(private, "PrivateKey", "Private"), "lacks a part"},
		{"a key of no length", p256, []byte("Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: AA==\n"), "lacks a part"},
		{"the two files exchanged", private, public, "no record of a zone file"},
		{"a DNSKEY", replace(public, " KEY ", " DNSKEY "), private, "no KEY record"},
		{"a KEY that must not sign", replace(public, "KEY 512", "KEY 33280"), private, "forbid"},
		{"nothing in the public file", nil, private, "no KEY record"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			k, err := ParseSIG0(c.public, c.private)
			if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Fatalf("%v, %v", k, err)
			}
			if err == nil && !strings.HasPrefix(k.String(), "SIG(0) key writer.vendor.example. (") {
				t.Errorf("%v", k)
			}
		})
	}
}

// TestUpdatesAreSignedWithSIG0 checks the signature by the library, and that questions
// go without.
func TestUpdatesAreSignedWithSIG0(t *testing.T) {
	public, private := pair(t, "ED25519")
	k, err := ParseSIG0(public, private)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.keys = nil // it takes updates from everybody: the library's check is below
	z := s.target(t, func(c *Config) { c.Key, c.Now = k, time.Now })
	var signed []byte
	s.wire = func(q, r []byte) []byte {
		if q[2]>>3&15 == dns.OpcodeUpdate {
			signed = bytes.Clone(q)
		}
		return r
	}
	before := read(t, z, name)
	if err := z.Write(t.Context(), publishChange(t, before)); err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(signed); err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR(string(public))
	if err != nil {
		t.Fatal(err)
	}
	sig, ok := m.Extra[len(m.Extra)-1].(*dns.SIG)
	if !ok {
		t.Fatalf("not signed:\n%s", m)
	}
	if err := sig.Verify(rr.(*dns.KEY), signed); err != nil {
		t.Error(err)
	}
	signed[20] ^= 1
	if err := sig.Verify(rr.(*dns.KEY), signed); err == nil {
		t.Error("another message is valid too")
	}
	for _, q := range s.asked {
		if q.Opcode == dns.OpcodeQuery && len(q.Extra) != 1 {
			t.Errorf("a question is signed:\n%s", q)
		}
	}
}

// TestSecretsAreNotPrinted prints keys with every verb, alone and within others.
func TestSecretsAreNotPrinted(t *testing.T) {
	public, private := pair(t, "ED25519")
	sig0, err := ParseSIG0(public, private)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(private), "PrivateKey: ")
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
	if err != nil || len(secret) != 32 {
		t.Fatalf("%v: %d octets", err, len(secret))
	}
	shown := func(octets []byte) (all []string) {
		for _, verb := range []string{"%v", "%x", "%X", "%d", "%s", "%q", "%o"} {
			all = append(all, strings.Trim(fmt.Sprintf(verb, octets[4:12]), "[]\""))
		}
		return append(all, base64.StdEncoding.EncodeToString(octets[:12]))
	}
	for _, k := range []struct {
		Key
		secret []byte
	}{{key(t, keyName, labSecret), labSecret}, {sig0, secret}} {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%d", "%s", "%q", "%o", "%t", "%p"} {
			fmt.Fprintf(&printed, verb+"\n"+verb+"\n"+verb+"\n", k.Key, &k.Key, Config{Key: k.Key})
			fmt.Fprintf(&printed, verb+"\n", struct{ k Key }{k.Key})
		}
		for _, s := range shown(k.secret) {
			if strings.Contains(printed.String(), s) {
				t.Errorf("%s is printed in\n%s", s, printed.String())
			}
		}
		if !strings.Contains(printed.String(), k.Key.String()) {
			t.Errorf("not even its name is:\n%s", printed.String())
		}
	}
}
