package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
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
			whole(t, first)
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
		{"the clock was set back", func(s *scene, _ *[]Revocation) { s.now = s.now.Add(-time.Second) }, "is the clock right? If so it was not then: take that file away"},
		{"the clock was set back, and that list is taken away", func(s *scene, _ *[]Revocation) { s.now = s.now.Add(-time.Second); s.remove(listFile(1), listFile(2)) }, ""},
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

// TestRootListOfMany: of those that make a list at once each either has its revocation on it from then on, or is told
// that it has not.
func TestRootListOfMany(t *testing.T) {
	s := newScene(t, acme.Ed25519)
	const many = 8
	for range many {
		s.rotate()
	}
	ids, before := s.ca.Issuers()[1:], s.rootList().Number.Int64()
	errs := make([]error, many)
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() { errs[n] = RenewRootList(s.dir, s.now, "", Revocation{Issuer: ids[n]}) })
	}
	all.Wait()
	listed, done := s.rootList(), 0
	for n, err := range errs {
		on := slices.ContainsFunc(listed.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return e.SerialNumber.Cmp(s.ca.present.Load().issuer(ids[n]).cert.SerialNumber) == 0
		})
		if on != (err == nil) {
			t.Errorf("%s: on the list: %t, and %v", ids[n], on, err)
		}
		if err == nil {
			done++
			continue
		}
		wants(t, err, "has just been made by another: nothing was changed")
	}
	if number := listed.Number.Int64(); done == 0 || number != before+int64(done) {
		t.Errorf("%d were told that it was done, and the number is %d, after %d", done, number, before)
	}
	t.Logf("%d of %d", done, many)
}
