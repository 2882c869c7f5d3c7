package ca

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// rootList is the newest list of the root's, read and verified without what it is tested with.
func (s *scene) rootList() *x509.RevocationList {
	s.t.Helper()
	there, err := list(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	block, rest := pem.Decode(s.read(listFile(there.newestList())))
	if block == nil || block.Type != "X509 CRL" || len(rest) > 0 {
		s.t.Fatalf("%v, %q", block, rest)
	}
	l, err := x509.ParseRevocationList(block.Bytes)
	if err == nil {
		err = l.CheckSignatureFrom(s.cert(rootCertFile))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// renew writes the next list.
func (s *scene) renew(revoked ...Revocation) {
	s.t.Helper()
	if err := RenewRootList(s.dir, s.now, "", revoked...); err != nil {
		s.t.Fatal(err)
	}
}

func TestRootList(t *testing.T) {
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			s := newScene(t, kind)
			first := s.rootList()
			if n := len(first.RevokedCertificateEntries); n != 0 || !first.ThisUpdate.Equal(s.now) || !first.NextUpdate.Equal(s.now.AddDate(1, 0, 0)) {
				t.Errorf("%d entries, %s to %s", n, first.ThisUpdate, first.NextUpdate)
			}
			if !bytes.Equal(first.AuthorityKeyId, s.cert(rootCertFile).SubjectKeyId) || first.Number.Int64() != s.now.Unix() {
				t.Errorf("by %x, number %v", first.AuthorityKeyId, first.Number)
			}
			// Of certificates of CAs, whatever place they name.
			at := slices.IndexFunc(first.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}) })
			if at < 0 || !first.Extensions[at].Critical || !bytes.Equal(first.Extensions[at].Value, []byte{0x30, 3, 0x82, 1, 0xff}) {
				t.Errorf("extensions %v", first.Extensions)
			}
			// Another at the same instant has a greater number, and one a day later too.
			s.renew()
			if second := s.rootList(); second.Number.Int64() != s.now.Unix()+1 {
				t.Errorf("number %v after %v", second.Number, first.Number)
			}
			s.now = s.now.Add(24 * time.Hour)
			s.renew()
			if third := s.rootList(); third.Number.Int64() != s.now.Unix() || !third.NextUpdate.Equal(s.now.AddDate(1, 0, 0)) {
				t.Errorf("number %v, until %s", third.Number, third.NextUpdate)
			}
		})
	}
}

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

// TestRenewRootListRefuses: each row is a list that is made, with one thing changed.
func TestRenewRootListRefuses(t *testing.T) {
	cases := []struct {
		claim  string
		change func(*scene, *[]Revocation)
		want   string // "": it is made
	}{
		{"nothing is wrong", func(*scene, *[]Revocation) {}, ""},
		{"there was none before", func(s *scene, _ *[]Revocation) { s.remove(listFile(1), listFile(2)) }, ""},
		{"the one in use", func(s *scene, r *[]Revocation) { (*r)[0].Issuer = s.ca.Issuers()[0] }, "intermediate-2.pem is the intermediate in use"},
		{"nobody's", func(_ *scene, r *[]Revocation) { (*r)[0].Issuer = "0123456789abcdef" }, "there is no intermediate \"0123456789abcdef\" here: want one of ["},
		{"the root", func(s *scene, r *[]Revocation) { (*r)[0].Issuer = issuerID(s.cert(rootCertFile)) }, "there is no intermediate"},
		{"revoked already", func(s *scene, r *[]Revocation) { s.renew(*r...) }, "is revoked already, since 2026-11-22"},
		{"twice in one list", func(_ *scene, r *[]Revocation) { *r = append(*r, (*r)[0]) }, "twice"},
		{"it has ended", func(s *scene, _ *[]Revocation) { s.now = s.cert(certFile(1)).NotAfter.Add(time.Second) }, "has ended at"},
		{"a reason that is none", func(_ *scene, r *[]Revocation) { (*r)[0].Reason = 7 }, "reason 7"},
		{"the clock was set back", func(s *scene, _ *[]Revocation) { s.now = s.now.Add(-time.Second) }, "is the clock right?"},
		{"there is no time", func(s *scene, _ *[]Revocation) { s.remove(listFile(1), listFile(2)); s.now = time.Time{} }, "0001-01-01"},
		{"the root's key is elsewhere", func(s *scene, _ *[]Revocation) { s.remove(rootKeyFile) }, "root.key is not there: give the path"},
		{"the root's key is another's", func(s *scene, _ *[]Revocation) { s.write(rootKeyFile, s.read(keyFile(1))) }, "is not the key of"},
		{"others may write to the directory", func(s *scene, _ *[]Revocation) { _ = os.Chmod(s.dir, 0o770) }, "chmod 700 it"},
		{"an init was cut short", func(s *scene, _ *[]Revocation) { s.remove(certFile(1), certFile(2)) }, "no intermediate"},
		{"there is no CA", func(s *scene, _ *[]Revocation) { s.dir = s.t.TempDir() }, "make one with init"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			former := s.ca.Issuers()[0]
			s.rotate()
			revoked := []Revocation{{Issuer: former, Reason: 4}}
			c.change(s, &revoked)
			before := contents(t, s.dir)
			err := RenewRootList(s.dir, s.now, "", revoked...)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if e := s.rootList().RevokedCertificateEntries; len(e) != 1 || e[0].ReasonCode != 4 || e[0].SerialNumber.Cmp(s.cert(certFile(1)).SerialNumber) != 0 {
					t.Errorf("%v", e)
				}
				s.open(Config{})
				return
			}
			wants(t, err, c.want)
			if !maps.Equal(before, contents(t, s.dir)) {
				t.Error("something was changed")
			}
		})
	}
}

// TestRootListGoesOn: what was revoked stays on the list until it has been on one that was made after its end.
func TestRootListGoesOn(t *testing.T) {
	s := newScene(t, acme.P256)
	first := s.ca.Issuers()[0]
	s.rotate()
	s.renew(Revocation{Issuer: first})
	stranger := revokedAt(7, s.now, 1) // of a list that was made elsewhere, say
	there, err := list(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	next, err := there.relist()
	if err != nil {
		t.Fatal(err)
	}
	next.more = append(next.more, stranger)
	file, err := next.sign(s.key(rootKeyFile), s.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAll(s.dir, []newFile{file}); err != nil {
		t.Fatal(err)
	}
	ends := s.cert(certFile(1)).NotAfter
	for _, c := range []struct {
		at   time.Time
		want int
	}{{s.now.Add(time.Hour), 2}, {ends, 2}, {ends.Add(time.Second), 2}, {ends.Add(2 * time.Second), 1}, {ends.Add(time.Hour), 1}} {
		s.now = c.at
		s.renew()
		if e := s.rootList().RevokedCertificateEntries; len(e) != c.want || e[0].SerialNumber.Int64() != 7 {
			t.Errorf("%s: %d entries, want %d", day(c.at), len(e), c.want)
		}
	}
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

// TestIntermediateNamesTheRootsList: where a URL is known when it is made, at the place where package acme publishes it.
func TestIntermediateNamesTheRootsList(t *testing.T) {
	dir := t.TempDir() + "/ca"
	if err := Init(dir, Setup{Now: someDay, URL: "http://ca.example:8080/"}); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, dir: dir, now: someDay}
	s.ca = s.open(Config{})
	list, err := s.ca.RootList()
	if err != nil {
		t.Fatal(err)
	}
	names := func(n int, want ...string) {
		t.Helper()
		if got := s.cert(certFile(n)).CRLDistributionPoints; !slices.Equal(got, want) {
			t.Errorf("%s names %q, want %q", certFile(n), got, want)
		}
	}
	names(1, "http://ca.example:8080/crl/"+list.Issuer+".crl")
	if _, err := Rotate(dir, Setup{Now: s.now}, ""); err != nil {
		t.Fatal(err)
	}
	names(2)
	if _, err := Rotate(dir, Setup{Now: s.now, URL: "https://ca.example"}, ""); err != nil {
		t.Fatal(err)
	}
	names(3, "https://ca.example/crl/"+list.Issuer+".crl")
	_, err = Rotate(dir, Setup{Now: s.now, URL: "ca.example"}, "")
	wants(t, err, "url: ", "not http or https")
	wants(t, Init(t.TempDir()+"/ca", Setup{Now: someDay, URL: "ldap://ca.example"}), "url: ", "not http or https")
}

// TestPublicFilesAreReadable: whatever the umask, those for everybody are, and keys are not.
func TestPublicFilesAreReadable(t *testing.T) {
	s := newScene(t, acme.Ed25519)
	s.rotate()
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) != 8 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		want := os.FileMode(0o644)
		if strings.HasSuffix(e.Name(), ".key") {
			want = 0o600
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}
