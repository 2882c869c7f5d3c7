package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestACMENamedFiles: what cnfd config check says of the files that acme names, one thing
// wrong at a time.
func TestACMENamedFiles(t *testing.T) {
	place := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(place, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir, root := madeCA(t)
	list := file("blocked", strings.Repeat("0F", 32)+" # known to all\n", 0o600)
	good := func() string {
		return "acme: {listen: '127.0.0.1:0', url: 'https://localhost', directory: " + dir + ", blocked_keys: " + list + "}"
	}
	if all := acmeNamedFiles(parse(t, "%s", good())); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	for _, tt := range []struct{ claim, from, to, place, says string }{
		{"no CA", dir, filepath.Join(place, "none"), "acme.directory", "no CA is there: is its disk mounted? cnfd acme restore"},
		{"a list that is not there", list, filepath.Join(place, "none"), "acme.blocked_keys", "no such file"},
		{"a list that is none", list, file("none.txt", "x\n", 0o600), "acme.blocked_keys", "blocklist: line 1"},
		{"a certificate that is not there", "url:", "tls: {cert: /nonexistent, key: /nonexistent}, url:", "acme.tls", "no such file"},
		{"a chain that is of another CA", "url:", "alternate_chains: [" + file("other.pem", string(root), 0o600) + "], url:", "acme.directory", "alternate chain 1"},
		{"a chain that is not there", "url:", "alternate_chains: [/nonexistent], url:", "acme.alternate_chains[0]", "no such file"},
	} {
		all := acmeNamedFiles(parse(t, "%s", strings.Replace(good(), tt.from, tt.to, 1)))
		if len(all) == 0 || all[0].place != tt.place || all[0].err == nil || !strings.Contains(all[0].err.Error(), tt.says) {
			t.Errorf("%s: %+v, want %q of %s", tt.claim, all, tt.says, tt.place)
		}
	}
	if err := os.Chmod(filepath.Join(dir, storeFile), 0o644); err != nil {
		t.Fatal(err)
	}
	all := acmeNamedFiles(parse(t, "%s", good()))
	if len(all) != 1 || all[0].err == nil || !strings.Contains(all[0].err.Error(), "acme.db: others than its owner may read") {
		t.Errorf("a store that others may read: %+v", all)
	}
	if all := acmeNamedFiles(parse(t, "acme: {directory: /nonexistent, blocked_keys: /nonexistent}")); len(all) != 0 {
		t.Errorf("without acme.listen nothing is looked at: %+v", all)
	}
}

// TestACMETLSOfAnotherHost: clients would refuse a certificate that is not for the host of acme.url.
func TestACMETLSOfAnotherHost(t *testing.T) {
	dir, _ := madeCA(t)
	place := t.TempDir()
	cert, key := filepath.Join(place, "cert.pem"), filepath.Join(place, "key.pem")
	selfSigned(t, cert, key, "ca.example", "192.0.2.1")
	for url, refused := range map[string]bool{
		"https://ca.example:8256": false, "https://192.0.2.1": false, "https://other.example": true, "https://192.0.2.2": true, "https://[2001:db8::1]:8256": true,
	} {
		all := acmeNamedFiles(parse(t, "acme: {listen: '127.0.0.1:0', url: '%s', directory: %s, tls: {cert: %s, key: %s}}", url, dir, cert, key))
		switch {
		case !refused && len(all) != 0:
			t.Errorf("%s: %+v", url, all)
		case refused && (len(all) != 1 || all[0].place != "acme.tls.cert" || all[0].err != nil || len(all[0].warnings) != 1 || !strings.Contains(all[0].warnings[0], "clients will refuse it")):
			t.Errorf("%s: %+v", url, all)
		}
	}
}

func selfSigned(t *testing.T, cert, key, name, address string) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}, IPAddresses: []net.IP{net.ParseIP(address)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
