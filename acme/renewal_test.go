package acme_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// certID is the name of a certificate in RFC 9773 §4.1.
func certID(t *testing.T, c *acme.Certificate) string {
	t.Helper()
	serial, err := hex.DecodeString(c.Serial)
	if err != nil {
		t.Fatal(err)
	}
	if serial[0] >= 0x80 {
		serial = append([]byte{0}, serial...)
	}
	return b64(c.AKI) + "." + b64(serial)
}

type renewalDoc struct {
	Window struct{ Start, End time.Time } `json:"suggestedWindow"`
}

func TestRenewalInfo(t *testing.T) {
	s := newScene(t, nil)
	begun := s.clock.Now()
	for _, tc := range []struct {
		claim string
		life  time.Duration
		at    time.Duration // the middle of the window
		retry string
	}{
		{"a week: after half of it", 168 * time.Hour, 84 * time.Hour, "21600"},
		{"90 days: after two thirds", 90 * 24 * time.Hour, 60 * 24 * time.Hour, "21600"},
		{"a day: looked at every hour", 24 * time.Hour, 12 * time.Hour, "3600"},
		{"half a minute: a window still", 30 * time.Second, 15 * time.Second, "60"},
		{"half a minute, and the window within one second", 31 * time.Second, 15 * time.Second, "60"},
	} {
		cert, _ := s.issued("somebody", "vendor.example")
		cert.NotBefore, cert.NotAfter = begun, begun.Add(tc.life)
		s.update(func(tx acme.Tx) error { return tx.PutCertificate(cert) })
		r, body := newClient(t, s.Server).get("/acme/renewal-info/" + certID(t, cert))
		wantStatus(t, r, body, http.StatusOK)
		w := read[renewalDoc](t, body).Window
		middle, width := begun.Add(tc.at), tc.life/100+time.Second
		if !w.End.After(w.Start) || w.Start.After(middle) || w.End.Before(middle) || w.Start.Before(middle.Add(-width)) || w.End.After(middle.Add(width)) {
			t.Errorf("%s: %s to %s, want about %s", tc.claim, w.Start, w.End, middle)
		}
		if r.Header.Get("Retry-After") != tc.retry {
			t.Errorf("%s: Retry-After %q, want %q", tc.claim, r.Header.Get("Retry-After"), tc.retry)
		}
		// Revoked: at once.
		s.update(func(tx acme.Tx) error { return acme.RevokeCertificate(tx, cert.Serial, 1, begun) })
		_, body = newClient(t, s.Server).get("/acme/renewal-info/" + certID(t, cert))
		if w := read[renewalDoc](t, body).Window; !w.End.After(w.Start) || !w.End.Before(begun) {
			t.Errorf("%s, revoked: %s to %s, want the past", tc.claim, w.Start, w.End)
		}
	}
}

func TestRenewalInfoRefused(t *testing.T) {
	s := newScene(t, nil)
	cert, _ := s.issued("somebody", "vendor.example") // its serial begins with an octet of 0x80 and more
	id := certID(t, cert)
	c := newClient(t, s.Server)
	r, body := c.get("/acme/renewal-info/" + id)
	wantStatus(t, r, body, http.StatusOK)
	first, _, _ := strings.Cut(id, ".")
	for claim, tc := range map[string]struct {
		id     string
		status int
		says   string
	}{
		"one part":                    {first, 400, "two parts"},
		"three parts":                 {id + ".AA", 400, "two parts"},
		"padded":                      {id + "=", 400, "must not be padded"},
		"standard base64":             {"++++." + id, 400, "two parts"},
		"not base64url":               {"+." + "AA", 400, "base64url"},
		"no key identifier":           {id[strings.IndexByte(id, '.'):], 400, "base64url"},
		"no serial":                   {first + ".", 400, "base64url"},
		"a serial without its zero":   {first + "." + b64([]byte{0x81}), 400, "zero octet in front"},
		"a serial with one too many":  {first + "." + b64([]byte{0, 0, 0x81}), 400, "no DER INTEGER"},
		"a serial of nothing":         {first + "." + b64([]byte{0}), 400, "no DER INTEGER"},
		"another issuing key":         {b64([]byte{1, 2}) + id[strings.IndexByte(id, '.'):], 404, "none of that name"},
		"another serial":              {first + "." + b64([]byte{0x11}), 404, "none of that name"},
		"bits to spare that are set":  {first + ".AF", 400, "base64url"},
		"a serial longer than any is": {first + "." + b64([]byte(strings.Repeat("x", 300))), 404, "none of that name"},
	} {
		r, body := c.get("/acme/renewal-info/" + tc.id)
		t.Run(claim, func(t *testing.T) { wantRefused(t, r, body, tc.status, acme.Malformed, tc.says) })
	}
}

func FuzzCertID(f *testing.F) {
	for _, seed := range []string{"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "AA.AA", ".", "AQ.AQ", "AQ.AIA", "AQ.=", "AQ.AQ\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		aki, serial, p := acme.ReadCertID(id)
		if p != nil {
			return
		}
		number, err := hex.DecodeString(serial)
		if err != nil || len(number) == 0 || number[0] == 0 || len(aki) == 0 {
			t.Fatalf("%q: serial %q, key identifier %x", id, serial, aki)
		}
		if number[0] >= 0x80 {
			number = append([]byte{0}, number...)
		}
		if one := base64.RawURLEncoding.EncodeToString(aki) + "." + base64.RawURLEncoding.EncodeToString(number); one != id {
			t.Errorf("%q and %q name one certificate", id, one)
		}
	})
}

// The example of RFC 9773 §4.1.
func TestCertIDOfTheRFC(t *testing.T) {
	aki, serial, p := acme.ReadCertID("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
	if p != nil || hex.EncodeToString(aki) != "69885b6b87464041e1b37b847ba0ae2cde01c8d4" || serial != "87654321" {
		t.Errorf("%x %s %v", aki, serial, p)
	}
}

func TestReplaced(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	mine := &acme.Account{ID: c.account()}
	cert, _ := s.issued(c.account(), "vendor.example", "*.vendor.example")
	good := certID(t, cert)
	ids := []acme.Identifier{dns("vendor.example"), dns("new.vendor.example")}
	ask := func(a *acme.Account, id string, ids []acme.Identifier) (serial string, p *acme.Problem) {
		s.update(func(tx acme.Tx) error { serial, p = s.Replaced(tx, a, id, ids); return nil })
		return serial, p
	}
	if serial, p := ask(mine, good, ids); p != nil || serial != cert.Serial {
		t.Fatalf("%q %v", serial, p)
	}
	for _, tc := range []struct {
		claim   string
		account *acme.Account
		id      string
		ids     []acme.Identifier
		status  int
		kind    acme.Kind
		says    string
	}{
		{"another account's", &acme.Account{ID: "other"}, good, ids, 403, acme.Unauthorized, "another account's"},
		{"for none of its identifiers", mine, good, []acme.Identifier{dns("new.vendor.example")}, 400, acme.Malformed, "none of the order's identifiers"},
		{"for an address that reads like it", mine, good, []acme.Identifier{{Type: acme.TypeIP, Value: "vendor.example"}}, 400, acme.Malformed, "none of the order's identifiers"},
		{"one that is not there", mine, b64(cert.AKI) + ".EQ", ids, 400, acme.Malformed, "no such certificate"},
		{"no id", mine, "x", ids, 400, acme.Malformed, "replaces: certificate id"},
	} {
		if serial, p := ask(tc.account, tc.id, tc.ids); serial != "" || p == nil || p.Status != tc.status || p.Kind != tc.kind || !strings.Contains(p.Detail, tc.says) {
			t.Errorf("%s: %q %v", tc.claim, serial, p)
		}
	}
	s.update(func(tx acme.Tx) error {
		cert.ReplacedBy = "ff"
		return tx.PutCertificate(cert)
	})
	if serial, p := ask(mine, good, ids); serial != "" || p == nil || p.Status != 409 || p.Kind != acme.AlreadyReplaced {
		t.Errorf("replaced already: %q %v", serial, p)
	}
}

// TestOrderThatReplaces: an order says what it takes the place of, which is replaced once there is a certificate, and once alone (RFC 9773 §5).
func TestOrderThatReplaces(t *testing.T) {
	p := newPlay(t, nil)
	leaf := p.certified(p.order(ordering("vendor.example"), acme.Ready), "vendor.example")
	serial := hex.EncodeToString(leaf.SerialNumber.Bytes())
	cert := stored(p.scene, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(serial) })
	replacing := func(name string) map[string]any {
		with := ordering(name)
		with["replaces"] = certID(t, cert)
		return with
	}
	begin := func() orderDoc {
		r, body := p.post("/acme/new-order", replacing("vendor.example"))
		wantStatus(t, r, body, http.StatusCreated)
		o := read[orderDoc](t, body)
		o.url = r.Header.Get("Location")
		_, again := p.post(o.url, nil)
		for _, shown := range [][]byte{body, again} {
			if got := read[struct{ Replaces string }](t, shown).Replaces; got != certID(t, cert) {
				t.Errorf("the order says that it replaces %q", got)
			}
		}
		return o
	}
	first, second := begin(), begin() // neither has a certificate yet
	next := p.certified(first, "vendor.example")
	by := func() string {
		return stored(p.scene, func(tx acme.Tx) (*acme.Certificate, error) { return tx.Certificate(serial) }).ReplacedBy
	}
	if want := hex.EncodeToString(next.SerialNumber.Bytes()); by() != want {
		t.Errorf("it is replaced by %q, want %q", by(), want)
	}
	r, body := p.post("/acme/new-order", replacing("vendor.example"))
	wantRefused(t, r, body, http.StatusConflict, acme.AlreadyReplaced, "replaced already")
	p.certified(second, "vendor.example") // what has begun gets its certificate all the same
	if want := hex.EncodeToString(next.SerialNumber.Bytes()); by() != want {
		t.Errorf("then it is replaced by %q, want %q", by(), want)
	}
	r, body = p.post("/acme/new-order", replacing("other.example"))
	wantRefused(t, r, body, http.StatusBadRequest, acme.Malformed, "none of the order's identifiers")
	other := registered(t, p.Server)
	r, body = other.post("/acme/new-order", replacing("vendor.example"))
	wantRefused(t, r, body, http.StatusForbidden, acme.Unauthorized, "another account's")
	p.order(ordering("vendor.example"), acme.Ready) // without, it is an order as any
}
