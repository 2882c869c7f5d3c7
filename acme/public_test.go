package acme_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// shown is a revocation list as everybody sees it.
type shown struct {
	number  int64
	serials []string
	list    *x509.RevocationList
	header  http.Header
}

func (s *scene) crl(of *acme.Server) shown {
	s.t.Helper()
	r, body := answered(s.t, of.Public(), httptest.NewRequest(http.MethodGet, "http://ca.example/crl/one.crl", nil))
	wantStatus(s.t, r, body, http.StatusOK)
	list, err := x509.ParseRevocationList(body)
	if err == nil {
		err = list.CheckSignatureFrom(s.authority.cert)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	v := shown{number: list.Number.Int64(), list: list, header: r.Header}
	for _, e := range list.RevokedCertificateEntries {
		v.serials = append(v.serials, hex.EncodeToString(e.SerialNumber.Bytes()))
	}
	return v
}

// revoke revokes behind the server's back, as the command does.
func (s *scene) revoke(c *acme.Certificate, reason int) {
	s.t.Helper()
	s.update(func(tx acme.Tx) error { return acme.RevokeCertificate(tx, c.Serial, reason, s.clock.Now()) })
}

func TestRevocationList(t *testing.T) {
	s := newScene(t, nil)
	first := s.crl(s.Server)
	if len(first.serials) != 0 || !first.list.ThisUpdate.Equal(s.clock.Now()) || !first.list.NextUpdate.Equal(s.clock.Now().Add(24*time.Hour)) {
		t.Errorf("%q, %s to %s", first.serials, first.list.ThisUpdate, first.list.NextUpdate)
	}
	c := registered(t, s.Server)
	cert, _ := s.issued(c.account(), "vendor.example")
	s.issued(c.account(), "vendor.example")
	// By a client: the next who asks has it.
	r, body := c.post("/acme/revoke-cert", map[string]any{"certificate": b64(cert.Leaf), "reason": 4})
	wantStatus(t, r, body, http.StatusOK)
	second := s.crl(s.Server)
	if !slices.Equal(second.serials, []string{cert.Serial}) || second.number <= first.number {
		t.Fatalf("%q, number %d after %d", second.serials, second.number, first.number)
	}
	if e := second.list.RevokedCertificateEntries[0]; e.ReasonCode != 4 || !e.RevocationTime.Equal(s.clock.Now()) {
		t.Errorf("reason %d, %s", e.ReasonCode, e.RevocationTime)
	}
	// By another process: once the store is looked at again.
	other, _ := s.issued(c.account(), "vendor.example")
	s.revoke(other, 1)
	if third := s.crl(s.Server); third.number != second.number {
		t.Error("the store is asked by every request")
	}
	s.clock.pass(acme.LookEvery)
	third := s.crl(s.Server)
	if !slices.Equal(third.serials, []string{cert.Serial, other.Serial}) || third.number <= second.number {
		t.Errorf("%q, number %d after %d", third.serials, third.number, second.number)
	}
	// By the ticker, with nobody asking.
	fourth, _ := s.issued(c.account(), "vendor.example")
	s.revoke(fourth, 0)
	s.clock.pass(acme.LookEvery)
	if err := s.RefreshLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := stored(s, func(tx acme.Tx) (*acme.CRL, error) { return tx.CRL("one") }); l.Count != 3 || l.Number <= third.number {
		t.Errorf("%d entries, number %d", l.Count, l.Number)
	}
	// Of another issuer nothing is on it.
	if l := stored(s, func(tx acme.Tx) (*acme.CRL, error) { return tx.CRL("former") }); l.Count != 0 {
		t.Errorf("the former issuer's: %d entries", l.Count)
	}
}

func TestRevocationListIsNotMadeByEveryRequest(t *testing.T) {
	s := newScene(t, nil)
	s.crl(s.Server)
	writes := s.store.writes.Load()
	for range 100 {
		s.crl(s.Server)
	}
	for range 20 { // the store is looked at, and nothing is wrong
		s.clock.pass(acme.LookEvery)
		s.crl(s.Server)
	}
	if made := s.authority.made.Load(); made != 1 || s.store.writes.Load() != writes {
		t.Errorf("made %d times, %d Updates", made, s.store.writes.Load()-writes)
	}
}

// tag is what names the list that a server shows.
func tag(t *testing.T, server *acme.Server) string {
	r, _ := answered(t, server.Public(), httptest.NewRequest(http.MethodGet, "http://ca.example/crl/one.crl", nil))
	return r.Header.Get("ETag")
}

func TestRevocationListIsMadeOnceForMany(t *testing.T) {
	s := newScene(t, nil)
	s.authority.gate = make(chan struct{})
	tags := make([]string, 16)
	var all sync.WaitGroup
	for n := range tags {
		all.Go(func() { tags[n] = tag(t, s.Server) })
	}
	s.authority.gate <- struct{}{} // one makes it; another would wait here for ever
	s.authority.gate <- struct{}{}
	all.Wait()
	for _, got := range tags {
		if got == "" || got != tags[0] {
			t.Errorf("%q and %q", got, tags[0])
		}
	}
	if made := s.authority.made.Load(); made != 1 {
		t.Errorf("made %d times", made)
	}
}

// What one could not make those who have waited for it do not try as well.
func TestRevocationListIsTriedOnceForMany(t *testing.T) {
	s := newScene(t, nil)
	s.authority.fail.Store(true)
	s.authority.gate = make(chan struct{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if got := tag(t, s.Server); got != "" {
				t.Errorf("%s, and none can be made", got)
			}
		})
	}
	s.authority.gate <- struct{}{} // one tries
	close(s.authority.gate)
	all.Wait()
	if n := s.store.writes.Load(); n != 1 {
		t.Errorf("tried %d times", n)
	}
}

// While one makes the next list the others have the one before: nobody waits for a signature.
func TestRevocationListMeanwhile(t *testing.T) {
	s := newScene(t, nil)
	first := tag(t, s.Server)
	s.clock.pass(13 * time.Hour)
	s.authority.gate = make(chan struct{})
	made := make(chan string)
	go func() { made <- tag(t, s.Server) }()
	s.authority.gate <- struct{}{} // it is being made now
	if got := tag(t, s.Server); got != first {
		t.Errorf("meanwhile %s, want %s", got, first)
	}
	s.authority.gate <- struct{}{}
	if next := <-made; next == first || next != tag(t, s.Server) {
		t.Errorf("then %s, and %s", next, tag(t, s.Server))
	}
}

func TestRevocationListIsRenewed(t *testing.T) {
	s := newScene(t, func(c *acme.Config) { c.CRLLife = 10 * time.Hour })
	first := s.crl(s.Server)
	s.clock.pass(5*time.Hour - time.Second)
	if again := s.crl(s.Server); again.number != first.number {
		t.Error("renewed before a half of its life")
	}
	s.clock.pass(time.Second)
	second := s.crl(s.Server)
	if second.number <= first.number || !second.list.ThisUpdate.Equal(s.clock.Now()) {
		t.Errorf("number %d after %d, of %s", second.number, first.number, second.list.ThisUpdate)
	}
	// A clock that was set back: nobody else believes a list of tomorrow.
	s.clock.pass(-24 * time.Hour)
	third := s.crl(s.Server)
	if third.number <= second.number || !third.list.ThisUpdate.Equal(s.clock.Now()) {
		t.Errorf("number %d after %d, of %s", third.number, second.number, third.list.ThisUpdate)
	}
}

func TestRevocationListWhereItCannotBeMade(t *testing.T) {
	s := newScene(t, nil)
	first := s.crl(s.Server)
	s.clock.pass(13 * time.Hour)
	s.authority.fail.Store(true)
	if got := s.crl(s.Server); got.number != first.number {
		t.Errorf("number %d: not the one that is still good", got.number)
	}
	if err := s.RefreshLists(t.Context()); err == nil {
		t.Error("the other issuer has no list, and no error") // of "former" none was ever made
	}
	s.authority.fail.Store(false)
	s.clock.pass(acme.LookEvery)
	second := s.crl(s.Server)
	if second.number <= first.number {
		t.Errorf("number %d after %d", second.number, first.number)
	}
	// The same where the store fails, before and after.
	s.clock.pass(13 * time.Hour)
	s.store.before.Store(1)
	if got := s.crl(s.Server); got.number != second.number {
		t.Errorf("number %d", got.number)
	}
	s.clock.pass(acme.LookEvery)
	s.store.after.Store(1)
	if got := s.crl(s.Server); got.number != second.number {
		t.Errorf("number %d: of a list of which nobody knows whether it is stored", got.number)
	}
	s.clock.pass(acme.LookEvery)
	if got := s.crl(s.Server); got.number <= second.number {
		t.Errorf("number %d after %d", got.number, second.number)
	}
	// One that is over is not shown.
	s.clock.pass(25 * time.Hour)
	s.authority.fail.Store(true)
	r, body := answered(t, s.Public(), httptest.NewRequest(http.MethodGet, "http://ca.example/crl/one.crl", nil))
	wantStatus(t, r, body, http.StatusServiceUnavailable)
	looked := s.store.writes.Load()
	for range 10 { // and is not tried by every request
		answered(t, s.Public(), httptest.NewRequest(http.MethodGet, "http://ca.example/crl/one.crl", nil))
	}
	if more := s.store.writes.Load() - looked; more != 0 {
		t.Errorf("tried %d times more", more)
	}
	s.authority.fail.Store(false)
	s.clock.pass(acme.LookEvery)
	s.crl(s.Server)
}

func TestRevocationListNumbersGrow(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	servers := []*acme.Server{s.Server, s.again(nil), s.again(nil)}
	last := shown{}
	for n := range 9 { // in one second, and by three processes in turn
		cert, _ := s.issued(c.account(), "vendor.example")
		s.revoke(cert, 0)
		if n == 8 {
			s.clock.pass(-30 * 24 * time.Hour) // and where a clock is set back
		}
		got := s.crl(s.again(nil))
		if got.number <= last.number || len(got.serials) != n+1 {
			t.Fatalf("number %d after %d, %d entries", got.number, last.number, len(got.serials))
		}
		last = got
	}
	s.clock.pass(31 * 24 * time.Hour)
	for _, server := range servers {
		if got := s.crl(server); got.number <= last.number {
			t.Errorf("number %d after %d", got.number, last.number)
		}
	}
	// What one process has made the others show, instead of making one more.
	if a, b := s.crl(servers[0]), s.crl(servers[1]); a.number != b.number {
		t.Errorf("%d and %d", a.number, b.number)
	}
	// A store that was restored from a backup has forgotten numbers.
	before := s.crl(s.Server).number
	restored := newScene(t, nil)
	restored.clock.pass(s.clock.Now().Sub(restored.clock.Now()) + time.Minute)
	if got := restored.crl(restored.Server).number; got <= before {
		t.Errorf("%d after %d", got, before)
	}
}

func TestExpiredLeaveTheRevocationList(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	cert, _ := s.issued(c.account(), "vendor.example")
	long, _ := s.issued(c.account(), "vendor.example")
	long.NotAfter = long.NotAfter.Add(1000 * time.Hour)
	s.update(func(tx acme.Tx) error { return tx.PutCertificate(long) })
	s.revoke(cert, 1)
	s.revoke(long, 1)
	both, one := []string{cert.Serial, long.Serial}, []string{long.Serial}
	if got := s.crl(s.Server); !slices.Equal(got.serials, both) {
		t.Fatalf("%q", got.serials)
	}
	s.clock.pass(cert.NotAfter.Sub(s.clock.Now()) - time.Hour)
	if got := s.crl(s.Server); !slices.Equal(got.serials, both) {
		t.Fatalf("an hour before its end: %q", got.serials)
	}
	s.clock.pass(13 * time.Hour)
	past := s.crl(s.Server)
	if !past.list.ThisUpdate.After(cert.NotAfter) || !slices.Equal(past.serials, both) {
		t.Errorf("the first list past its end: %q (RFC 5280 §3.3)", past.serials)
	}
	s.clock.pass(13 * time.Hour)
	if got := s.crl(s.Server); !slices.Equal(got.serials, one) {
		t.Errorf("the next: %q", got.serials)
	}
}

// withoutFormer is an authority whose former issuer's key is gone.
type withoutFormer struct {
	*authority
	former []byte
}

func (a withoutFormer) IssuerDER(id string) ([]byte, bool) {
	if id == "former" {
		return a.former, true
	}
	return a.authority.IssuerDER(id)
}

func (a withoutFormer) RevocationList(issuer string, number int64, thisUpdate, nextUpdate time.Time, revoked []x509.RevocationListEntry) ([]byte, error) {
	if issuer == "former" {
		return nil, errors.New("its key is gone")
	}
	return a.authority.RevocationList(issuer, number, thisUpdate, nextUpdate, revoked)
}

func TestRevocationListOfAnIssuerThatHasEnded(t *testing.T) {
	s := newScene(t, nil)
	template := *s.authority.cert
	for _, ended := range []bool{false, true} {
		if template.NotAfter = s.clock.Now(); ended {
			template.NotAfter = s.clock.Now().Add(-time.Second)
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, s.authority.cert, s.authority.key.Public(), s.authority.key)
		if err != nil {
			t.Fatal(err)
		}
		server := s.again(func(c *acme.Config) { c.Authority = withoutFormer{s.authority, der} })
		if err := server.RefreshLists(t.Context()); (err == nil) != ended {
			t.Errorf("ended %v: %v", ended, err)
		}
		if stored(s, func(tx acme.Tx) (*acme.CRL, error) { return tx.CRL("one") }).Number == 0 {
			t.Error("the other has no list")
		}
	}
}

func TestRevocationListOfManyPages(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	template, _ := s.issued(c.account(), "vendor.example")
	s.update(func(tx acme.Tx) error {
		for n := range 1201 {
			cert := *template
			cert.Serial, cert.Revoked, cert.Reason = fmt.Sprintf("7%05x", n), s.clock.Now(), 1
			if err := tx.PutCertificate(&cert); err != nil {
				return err
			}
		}
		return nil
	})
	if got := s.crl(s.Server); len(got.serials) != 1201 {
		t.Errorf("%d", len(got.serials))
	}
}

func TestPublic(t *testing.T) {
	s := newScene(t, nil)
	get := func(method, path string, header http.Header) (*http.Response, []byte) {
		q := httptest.NewRequest(method, "http://ca.example"+path, nil)
		q.Header = header.Clone()
		if q.Header == nil {
			q.Header = http.Header{}
		}
		return answered(t, s.Public(), q)
	}
	r, body := get(http.MethodGet, "/crl/one.crl", nil)
	wantStatus(t, r, body, http.StatusOK)
	h := r.Header
	if h.Get("Content-Type") != "application/pkix-crl" || h.Get("Cache-Control") != "public, max-age=300" || h.Get("ETag") == "" || h.Get("Last-Modified") == "" {
		t.Errorf("%v", h)
	}
	r, body = get(http.MethodHead, "/crl/one.crl", nil)
	if r.StatusCode != http.StatusOK || len(body) != 0 || r.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %q", r.StatusCode, body)
	}
	for _, condition := range []http.Header{{"If-None-Match": {h.Get("ETag")}}, {"If-Modified-Since": {h.Get("Last-Modified")}}} {
		if r, body = get(http.MethodGet, "/crl/one.crl", condition); r.StatusCode != http.StatusNotModified || len(body) != 0 {
			t.Errorf("%v: %d", condition, r.StatusCode)
		}
	}
	s.clock.pass(11*time.Hour + 58*time.Minute)
	if r, _ = get(http.MethodGet, "/crl/one.crl", nil); r.Header.Get("Cache-Control") != "public, max-age=120" {
		t.Errorf("two minutes before the next: %q", r.Header.Get("Cache-Control"))
	}
	r, body = get(http.MethodGet, "/ca/one.crt", nil)
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/pkix-cert" || string(body) != string(s.authority.cert.Raw) {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	for _, path := range []string{"/crl/two.crl", "/crl/one", "/crl/.crl", "/crl/one.crt", "/ca/one.crl", "/ca/two.crt", "/crl/", "/", "/directory", "/acme/new-nonce", "/crl/one.crl/x"} {
		if r, _ = get(http.MethodGet, path, nil); r.StatusCode != http.StatusNotFound || r.Header.Get("Replay-Nonce") != "" {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r, _ = get(http.MethodPost, "/crl/one.crl", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.StatusCode)
	}
	// The same beside everything else.
	if r, body = newClient(t, s.Server).get("/crl/one.crl"); r.StatusCode != http.StatusOK {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	// An issuer elsewhere publishes its own.
	s.Server = s.again(func(c *acme.Config) { c.Authority = nil })
	for _, path := range []string{"/crl/one.crl", "/ca/one.crt"} {
		if r, _ = get(http.MethodGet, path, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if err := s.RefreshLists(t.Context()); err != nil {
		t.Error(err)
	}
}
