package ca

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// TestRootListIsSeenAtOnce: what is published and what is signed with follow the newest file.
func TestRootListIsSeenAtOnce(t *testing.T) {
	s := newScene(t, acme.P256)
	seen := func() *acme.CRL {
		t.Helper()
		l, err := s.ca.RootList()
		if err != nil || l == nil {
			t.Fatalf("%v, %v", l, err)
		}
		path, same, err := ReadRootList(s.dir)
		if err != nil || !bytes.Equal(same.DER, l.DER) || !strings.HasPrefix(path, s.path("root-")) {
			t.Fatalf("%s, %v", path, err)
		}
		return l
	}
	if !bytes.Equal(s.ca.RootDER(), s.cert(rootCertFile).Raw) {
		t.Error("another root")
	}
	first, l := s.rootList(), seen()
	if !bytes.Equal(l.DER, first.Raw) || l.Issuer != issuerID(s.cert(rootCertFile)) || l.Number != first.Number.Int64() ||
		!l.ThisUpdate.Equal(first.ThisUpdate) || !l.NextUpdate.Equal(first.NextUpdate) || l.Count != 0 {
		t.Errorf("%+v", l)
	}
	former := s.ca.Issuers()[0]
	s.issue(s.request("vendor.example"))
	s.now = s.now.Add(time.Hour)
	id, err := Rotate(s.dir, Setup{Now: s.now, RevokeFormer: true, Reason: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	// Nobody has told the CA to reload.
	if l = seen(); l.Count != 1 {
		t.Errorf("%d entries", l.Count)
	}
	issued, _ := s.issue(s.request("vendor.example"))
	if issued.Issuer != id {
		t.Errorf("issued by %s, which is revoked, not %s", issued.Issuer, id)
	}
	e := s.rootList().RevokedCertificateEntries
	if len(e) != 1 || e[0].SerialNumber.Cmp(s.cert(certFile(1)).SerialNumber) != 0 || e[0].ReasonCode != 2 || !e[0].RevocationTime.Equal(s.now) {
		t.Errorf("%v: want the former's as cACompromise", e)
	}
	// What it has issued stays on its own list.
	if _, err := s.ca.RevocationList(former, 1, s.now, s.now.Add(time.Hour), []x509.RevocationListEntry{revokedAt(7, s.now, 1)}); err != nil {
		t.Errorf("the former's own list: %v", err)
	}
}

// TestRevokedIntermediateSignsNothing: where there is no next one nothing is issued.
func TestRevokedIntermediateSignsNothing(t *testing.T) {
	s := newScene(t, acme.P256)
	s.issue(s.request("vendor.example"))
	spied := s.spied()
	there, err := list(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	next, err := there.relist() // as no call here would make it
	if err == nil {
		err = next.revokeAll(0, s.now)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := next.sign(s.key(rootKeyFile), s.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAll(s.dir, []newFile{file}); err != nil {
		t.Fatal(err)
	}
	_, err = s.ca.Issue(context.Background(), s.request("vendor.example"), func(string, []byte) error {
		t.Error("it was to be kept")
		return nil
	})
	wants(t, err, certFile(1), "it was revoked at 2026-11-22 12:00:00Z: make the next one with rotate")
	if spied.signed > 0 {
		t.Error("it has signed")
	}
	_, err = Open(s.config(Config{}))
	wants(t, err, certFile(1), "it was revoked at")
	// What it says to do helps.
	s.rotate()
	s.issue(s.request("vendor.example"))
	s.open(Config{})
}

// TestRootListThatIsNotRight: nothing is issued while nobody knows what is revoked; what was read goes on being known.
func TestRootListThatIsNotRight(t *testing.T) {
	other := newScene(t, acme.P256)
	other.now = other.now.Add(time.Second)
	cases := []struct {
		claim  string
		change func(*scene)
		want   string
	}{
		{"another root's", func(s *scene) { s.write(listFile(2), other.read(listFile(1))) }, "root-2.crl: no revocation list of root.pem"},
		{"an intermediate's", func(s *scene) {
			der, err := s.ca.RevocationList(s.ca.Issuers()[0], 1, s.now, s.now.Add(time.Hour), nil)
			if err != nil {
				s.t.Fatal(err)
			}
			s.write(listFile(2), listPEM(der))
		}, "root-2.crl: no revocation list of root.pem"},
		{"in DER", func(s *scene) { s.write(listFile(2), s.rootList().Raw) }, "no PEM block \"X509 CRL\""},
		{"cut off", func(s *scene) { s.write(listFile(2), s.read(listFile(1))[:200]) }, "damaged or cut off"},
		{"two lists", func(s *scene) { s.write(listFile(2), append(s.read(listFile(1)), other.read(listFile(1))...)) }, "more than a list"},
		{"a certificate", func(s *scene) { s.write(listFile(2), s.read(rootCertFile)) }, "no PEM block \"X509 CRL\""},
		{"empty", func(s *scene) { s.write(listFile(2), nil) }, "no PEM block \"X509 CRL\""},
		{"by the root's name with another key", func(s *scene) {
			der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: s.now, NextUpdate: s.now.Add(time.Hour)}, s.cert(rootCertFile), madeKey(s.t, acme.P256))
			if err != nil {
				s.t.Fatal(err)
			}
			s.write(listFile(2), listPEM(der))
		}, "verification failure"},
		{"the newest has gone", func(s *scene) {
			s.renew()
			if _, err := s.ca.RootList(); err != nil {
				s.t.Fatal(err)
			}
			s.remove(listFile(2))
		}, "root-2.crl has gone: put it back"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			s.issue(s.request("vendor.example"))
			c.change(s)
			wants(t, s.ca.Reload(), c.want)
			_, err := s.ca.Issue(context.Background(), s.request("vendor.example"), kept)
			l, listErr := s.ca.RootList()
			if strings.Contains(c.want, "gone") {
				if err != nil || listErr != nil || l.Number != s.now.Unix()+1 {
					t.Errorf("what was read is not known any more: %v, %v", err, listErr)
				}
				return
			}
			wants(t, err, c.want)
			wants(t, listErr, c.want)
			wants(t, RenewRootList(s.dir, s.now, ""), c.want)
			_, err = Rotate(s.dir, Setup{Now: s.now}, "")
			wants(t, err, c.want)
			_, _, err = ReadRootList(s.dir)
			wants(t, err, c.want)
			s.remove(listFile(2))
			s.issue(s.request("vendor.example"))
		})
	}
}

// TestRootListThatGoesAtOnce: what Open has read is known to a Reload, whether anything was issued between or not.
func TestRootListThatGoesAtOnce(t *testing.T) {
	s := newScene(t, acme.P256)
	if err := s.ca.Reload(); err != nil {
		t.Fatal(err)
	}
	s.remove(listFile(1))
	wants(t, s.ca.Reload(), "root-1.crl has gone: put it back")
}

// TestRotateRevokesTheFormer: all of those that are believed still, and each once.
func TestRotateRevokesTheFormer(t *testing.T) {
	s := newScene(t, acme.P256)
	first := s.ca.Issuers()[0]
	s.rotate()
	if e := s.rootList().RevokedCertificateEntries; len(e) != 0 {
		t.Fatalf("a rotation alone has revoked %v", e)
	}
	s.renew(Revocation{Issuer: first, Reason: 5})
	revoke := func() {
		t.Helper()
		if _, err := Rotate(s.dir, Setup{Now: s.now, RevokeFormer: true, Reason: 4}, ""); err != nil {
			t.Fatal(err)
		}
		s.open(Config{})
	}
	revoke()
	reasons := map[string]int{}
	for _, e := range s.rootList().RevokedCertificateEntries {
		reasons[e.SerialNumber.String()] = e.ReasonCode
	}
	want := map[string]int{s.cert(certFile(1)).SerialNumber.String(): 5, s.cert(certFile(2)).SerialNumber.String(): 4}
	if !maps.Equal(reasons, want) {
		t.Errorf("%v, want %v", reasons, want)
	}
	// Those that have ended need no list; the third, which has, is not put on it.
	s.now = s.cert(certFile(3)).NotAfter.Add(time.Minute)
	revoke()
	if e := s.rootList().RevokedCertificateEntries; slices.ContainsFunc(e, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(s.cert(certFile(3)).SerialNumber) == 0
	}) {
		t.Error("one that has ended was revoked")
	}
}

// meanwhile is chance that lets something happen before it is first read.
type meanwhile struct{ happens func() }

func (m *meanwhile) Read(b []byte) (int, error) {
	if m.happens != nil {
		m.happens()
		m.happens = nil
	}
	return rand.Read(b)
}

// TestRotateWithoutItsList: where another makes the list at the same moment the intermediate stays, since it may
// be in use by then, and the error says that nothing was revoked.
func TestRotateWithoutItsList(t *testing.T) {
	s := newScene(t, acme.P256)
	random := &meanwhile{func() { s.renew() }}
	id, err := Rotate(s.dir, Setup{Now: s.now, Rand: random, RevokeFormer: true}, "")
	wants(t, err, "intermediate-2.pem is made", "no intermediate was revoked", "root-2.crl has just been made by another")
	if id != "" {
		t.Error("it is said to be whole")
	}
	s.ca = s.open(Config{})
	issued, _ := s.issue(s.request("vendor.example"))
	if e := s.rootList().RevokedCertificateEntries; len(e) > 0 || issued.Issuer != issuerID(s.cert(certFile(2))) {
		t.Errorf("%v is revoked, %s issues", e, issued.Issuer)
	}
	// What it says to do helps.
	s.renew(Revocation{Issuer: issuerID(s.cert(certFile(1)))})
	if e := s.rootList().RevokedCertificateEntries; len(e) != 1 {
		t.Errorf("%v", e)
	}
}
