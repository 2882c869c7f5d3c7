package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/internal/testneeds"
)

// TestRootListOfOpenSSL: a list that openssl ca has made of the root is gone on from, and what is on it stays on it.
func TestRootListOfOpenSSL(t *testing.T) {
	openssl := testneeds.Binary(t, "openssl", "openssl")
	s := newSceneAt(t, acme.P256, time.Now().Add(-time.Hour))
	dir := t.TempDir()
	made := func(config string) {
		t.Helper()
		s.write("ca.cnf", []byte("[ca]\ndefault_ca = it\n[it]\ndatabase = "+dir+"/index\ndefault_md = sha256\ndefault_crl_days = 30\n"+config))
		said, content := runs(t, openssl, "ca", "-gencrl", "-config", s.path("ca.cnf"), "-keyfile", s.path(rootKeyFile), "-cert", s.path(rootCertFile), "-out", s.path(listFile(1)))
		if !content {
			t.Fatal(said)
		}
	}
	s.remove(listFile(1))
	day := func(at time.Time) string { return at.UTC().Format("060102150405Z") }
	write := func(name, text string) {
		t.Helper()
		writeTo(t, dir+"/"+name, text)
	}
	write("index", fmt.Sprintf("R\t%s\t%s,keyCompromise\t0B\tunknown\t/CN=another\n", day(s.now.Add(time.Hour)), day(s.now)))
	write("number", "6A000000\n")
	made("crlnumber = " + dir + "/number\n")
	s.now = time.Now().Add(time.Hour) // openssl goes by the clock of the machine
	if err := s.ca.Reload(); err != nil {
		t.Fatal(err)
	}
	if l, err := s.ca.RootList(); err != nil || l.Number != 0x6a000000 || l.Count != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	s.renew()
	if e := s.rootList().RevokedCertificateEntries; len(e) != 1 || e[0].SerialNumber.Int64() != 11 || e[0].ReasonCode != 1 {
		t.Errorf("%v", e)
	}
	s.remove(listFile(2))
	made("") // without a number
	_, err := Open(s.config(Config{}))
	wants(t, err, "it has no number")
}

// tbsList is what of a list is signed (RFC 5280 §5.1): x509 makes none that lacks anything.
type tbsList struct {
	Version                int
	Signature              pkix.AlgorithmIdentifier
	Issuer                 pkix.RDNSequence
	ThisUpdate, NextUpdate time.Time        `asn1:"optional"`
	Extensions             []pkix.Extension `asn1:"tag:0,explicit"`
}

// TestRootListByHand: each row is a list that is taken, with one thing changed.
func TestRootListByHand(t *testing.T) {
	s := newScene(t, acme.Ed25519)
	for _, tt := range []struct {
		claim  string
		change func(*tbsList)
		want   string // "": it is taken
	}{
		{"nothing is changed", func(*tbsList) {}, ""},
		{"it names another issuer", func(l *tbsList) { l.Issuer = pkix.Name{CommonName: "Another Root CA"}.ToRDNSequence() }, "it names another issuer"},
		{"it has no end", func(l *tbsList) { l.NextUpdate = time.Time{} }, "it has no end"},
		{"it ends as it begins", func(l *tbsList) { l.NextUpdate = l.ThisUpdate }, "it has no end"},
		{"it has no number", func(l *tbsList) { l.Extensions = l.Extensions[:1] }, "it has no number"},
		{"its number is negative", func(l *tbsList) { l.Extensions[1] = crlNumber(t, big.NewInt(-1)) }, "it has no number"},
		{"its number is longer than any here", func(l *tbsList) {
			l.Extensions[1] = crlNumber(t, new(big.Int).Lsh(big.NewInt(1), 62))
		}, "it has no number"},
		{"its number is the longest", func(l *tbsList) {
			l.Extensions[1] = crlNumber(t, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 62), big.NewInt(1)))
		}, ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			read := s.rootList()
			var l tbsList
			if _, err := asn1.Unmarshal(read.RawTBSRevocationList, &l); err != nil {
				t.Fatal(err)
			}
			if at := slices.IndexFunc(l.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNumber) }); at != 1 {
				t.Fatalf("the number is extension %d", at)
			}
			tt.change(&l)
			tbs, err := asn1.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			signature, err := s.key(rootKeyFile).Sign(rand.Reader, tbs, crypto.Hash(0))
			if err != nil {
				t.Fatal(err)
			}
			der, err := asn1.Marshal(struct {
				List      asn1.RawValue
				Algorithm pkix.AlgorithmIdentifier
				Signature asn1.BitString
			}{asn1.RawValue{FullBytes: tbs}, l.Signature, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
			if err != nil {
				t.Fatal(err)
			}
			s.write(listFile(2), listPEM(der))
			defer s.remove(listFile(2))
			_, list, err := ReadRootList(s.dir)
			if tt.want == "" {
				if err != nil || list.Number < 0 {
					t.Errorf("%+v, %v", list, err)
				}
				return
			}
			wants(t, err, "root-2.crl", tt.want)
			if strings.Contains(err.Error(), "verification") {
				t.Error("it was not signed right")
			}
		})
	}
}

var oidNumber = asn1.ObjectIdentifier{2, 5, 29, 20}

func crlNumber(t *testing.T, n *big.Int) pkix.Extension {
	value, err := asn1.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidNumber, Value: value}
}

func writeTo(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
