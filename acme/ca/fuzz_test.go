package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"cnfd/acme"
)

// FuzzCertificates: whatever a PEM file holds, what is read of it is whole certificates, and
// written again is read as the same.
func FuzzCertificates(f *testing.F) {
	root, _, err := (&Setup{Name: "a", Type: acme.Ed25519, RootLife: rootLife, Now: someDay, Rand: ones{}}).root()
	if err != nil {
		f.Fatal(err)
	}
	good := certPEM(root.Raw)
	for _, seed := range [][]byte{good, append(good, good...), append([]byte("x\n"), good...), good[:100], append(good, good[:100]...), nil, []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		certs, err := parseCerts(text)
		if (err == nil) != (len(certs) > 0) || len(certs) > maxChain {
			t.Fatalf("%d certificates, %v", len(certs), err)
		}
		if err != nil {
			return
		}
		if n := bytes.Count(text, []byte("-----BEGIN")); n != len(certs) {
			t.Errorf("%d of %d blocks were read", len(certs), n)
		}
		var again []byte
		for _, c := range certs {
			again = append(again, certPEM(c.Raw)...)
			_ = mayIssue(c)
		}
		if twice, err := parseCerts(again); err != nil || len(twice) != len(certs) {
			t.Errorf("written again: %v", err)
		}
	})
}

// FuzzRootList: what is read of a list's file is one whole list, which has a number and an end, and
// written again is read as the same.
func FuzzRootList(f *testing.F) {
	root, key, err := (&Setup{Name: "a", Type: acme.Ed25519, RootLife: rootLife, Now: someDay, Rand: ones{}}).root()
	if err != nil {
		f.Fatal(err)
	}
	file, err := (&relisting{root: root, n: 1, more: []x509.RevocationListEntry{revokedAt(7, someDay, 2)}}).sign(key, someDay)
	if err != nil {
		f.Fatal(err)
	}
	good := listPEM(file.list)
	for _, seed := range [][]byte{good, append(good, good...), append([]byte("x\n"), good...), good[:100], file.list, certPEM(root.Raw), nil, []byte("-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseRootList(text)
		if err != nil {
			return
		}
		if l.Number.Sign() < 0 || !l.Number.IsInt64() || !l.NextUpdate.After(l.ThisUpdate) || bytes.Count(text, []byte("-----BEGIN")) != 1 {
			t.Fatalf("number %v, %v to %v", l.Number, l.ThisUpdate, l.NextUpdate)
		}
		if twice, err := parseRootList(listPEM(l.Raw)); err != nil || !bytes.Equal(twice.Raw, l.Raw) {
			t.Errorf("written again: %v", err)
		}
	})
}

type ones struct{}

func (ones) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

// FuzzKey: a key that is read can sign, and no error repeats what is in the file.
func FuzzKey(f *testing.F) {
	for _, kind := range []acme.KeyType{acme.P256, acme.P384, acme.Ed25519, acme.RSA} {
		text, err := keyPEM(madeKey(f, kind))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)-40])
		f.Add(bytes.Replace(text, []byte("PRIVATE"), []byte("EC PRIVATE"), 2))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parseKey(text)
		if err != nil {
			silent(t, err, text)
			return
		}
		if _, err := keyType(key.Public()); err != nil {
			t.Error(err)
		}
		if block, rest := pem.Decode(text); block == nil || len(bytes.TrimSpace(rest)) > 0 {
			t.Error("more than a key was taken")
		}
	})
}

// FuzzURL: what is taken for the base can stand in a certificate, and is the same when read there.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"http://ca.example", "https://ca.example:8256/pki/", "http://[2001:db8::7]", "http://a@b", "ldap://x", "http://x?y", "http://x#", "//x", "http://x/%zz", "http://x/ y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		base, err := baseURL(text)
		if err != nil {
			return
		}
		c := &CA{base: base}
		u, err := url.Parse(c.listURL("0123456789abcdef"))
		if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !strings.HasSuffix(u.Path, "/crl/0123456789abcdef.crl") {
			t.Fatalf("%q: %v, %v", text, u, err)
		}
	})
}

// FuzzNames: names that are certified are those that were asked for, each once, and a reader
// of the certificate sees no others.
func FuzzNames(f *testing.F) {
	for _, seed := range [][2]string{{"vendor.example", "*.vendor.example"}, {"192.0.2.7", "2001:db8::7"}, {"a\x00b.example", "..."}, {"a,DNS:b", "::ffff:1.2.3.4"}, {"fe80::1%1", "ü"}} {
		f.Add(seed[0], seed[1], false, true)
	}
	dir := f.TempDir() + "/ca"
	if err := Init(dir, Setup{Type: acme.Ed25519, Now: someDay}); err != nil {
		f.Fatal(err)
	}
	s := &scene{dir: dir, now: someDay}
	ca, err := Open(s.config(Config{}))
	if err != nil {
		f.Fatal(err)
	}
	key := madeKey(f, acme.Ed25519).Public()
	f.Fuzz(func(t *testing.T, a, b string, aIP, bIP bool) {
		kind := map[bool]string{true: acme.TypeIP, false: acme.TypeDNS}
		r := &acme.Request{Profile: profile(), PublicKey: key, Now: someDay, Identifiers: []acme.Identifier{{Type: kind[aIP], Value: a}, {Type: kind[bIP], Value: b}}}
		issued, err := ca.Issue(t.Context(), r, kept)
		if err != nil {
			return
		}
		leaf, err := x509.ParseCertificate(issued.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		got = append(got, leaf.DNSNames...)
		for _, ip := range leaf.IPAddresses {
			got = append(got, ip.String())
		}
		if aIP && !bIP {
			a, b = b, a
		}
		if len(got) != 2 || got[0] != a || got[1] != b || a == b && aIP == bIP {
			t.Errorf("%q, asked for %q and %q", got, a, b)
		}
	})
}
