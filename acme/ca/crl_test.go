package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"
	"time"

	"cnfd/acme"
)

func revokedAt(serial int64, at time.Time, reason int) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: at, ReasonCode: reason}
}

// whole fails where a list says that it is of a part of what its issuer has issued: NSS and mbedTLS read no such list, and
// once a URL has changed it is of no certificate that was made before.
func whole(t *testing.T, list *x509.RevocationList) {
	t.Helper()
	for _, e := range list.Extensions {
		if e.Critical || e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}) {
			t.Errorf("extension %v, critical: %v", e.Id, e.Critical)
		}
	}
}

func TestRevocationList(t *testing.T) {
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			s := newScene(t, kind)
			issued, leaf := s.issue(s.request("vendor.example"))
			revoked := []x509.RevocationListEntry{
				revokedAt(900, s.now, 1),
				{SerialNumber: leaf.SerialNumber, RevocationTime: s.now.Add(-time.Minute), ReasonCode: 0},
				revokedAt(7, s.now.Add(time.Hour), 4), // the clock was set back since
			}
			der, err := s.ca.RevocationList(issued.Issuer, 12, s.now.Add(time.Millisecond), s.now.Add(24*time.Hour), revoked)
			if err != nil {
				t.Fatal(err)
			}
			list, err := x509.ParseRevocationList(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := list.CheckSignatureFrom(s.cert(certFile(1))); err != nil {
				t.Error(err)
			}
			if list.Number.Int64() != 12 || !list.ThisUpdate.Equal(s.now) || !list.NextUpdate.Equal(s.now.Add(24*time.Hour)) {
				t.Errorf("number %v, %v to %v", list.Number, list.ThisUpdate, list.NextUpdate)
			}
			whole(t, list)
			got := ""
			for _, e := range list.RevokedCertificateEntries {
				got += fmt.Sprintf("%x %s %d %d; ", e.SerialNumber, day(e.RevocationTime), e.ReasonCode, len(e.Extensions))
			}
			want := fmt.Sprintf("7 %s 4 1; 384 %s 1 1; %x %s 0 0; ", day(s.now), day(s.now), leaf.SerialNumber, day(s.now.Add(-time.Minute)))
			if got != want {
				t.Errorf("entries %s\nwant    %s", got, want)
			}
			if revoked[0].SerialNumber.Int64() != 900 {
				t.Error("the caller's entries were moved about")
			}
		})
	}
}

// TestNoRevocationList: each row is a list that is signed, with one thing changed.
func TestNoRevocationList(t *testing.T) {
	s := newScene(t, acme.P256)
	id, day := s.ca.Issuers()[0], 24*time.Hour
	good := []x509.RevocationListEntry{revokedAt(7, s.now, 1)}
	if _, err := s.ca.RevocationList(id, 1, s.now, s.now.Add(day), good); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ca.RevocationList(id, 0, s.now, s.now.Add(day), nil); err != nil {
		t.Fatalf("an empty first list: %v", err)
	}
	with := func(e x509.RevocationListEntry) []x509.RevocationListEntry {
		return []x509.RevocationListEntry{good[0], e}
	}
	cases := []struct {
		claim  string
		id     string
		number int64
		next   time.Duration
		list   []x509.RevocationListEntry
		want   string
	}{
		{"of nobody", "0123456789abcdef", 1, day, good, "no intermediate \"0123456789abcdef\""},
		{"a negative number", id, -1, day, good, "number -1"},
		{"the next is no later", id, 1, 0, good, "is not after this one"},
		{"a serial number twice", id, 1, day, with(good[0]), "twice"},
		{"no serial number", id, 1, day, with(x509.RevocationListEntry{RevocationTime: s.now}), "without a serial number"},
		{"a serial number of zero", id, 1, day, with(revokedAt(0, s.now, 0)), "without a serial number"},
		{"no time", id, 1, day, with(revokedAt(8, time.Time{}, 0)), "no time of revocation"},
		{"a reason that is none", id, 1, day, with(revokedAt(8, s.now, 7)), "reason 7"},
		{"a reason of delta lists", id, 1, day, with(revokedAt(8, s.now, 8)), "reason 8"},
		{"on hold", id, 1, day, with(revokedAt(8, s.now, 6)), "reason 6"},
		{"a serial number longer than any", id, 1, day, with(x509.RevocationListEntry{SerialNumber: new(big.Int).Lsh(big.NewInt(1), 159), RevocationTime: s.now}), "longer than 20 octets"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			der, err := s.ca.RevocationList(c.id, c.number, s.now, s.now.Add(c.next), c.list)
			wants(t, err, c.want)
			if der != nil {
				t.Error("it was signed all the same")
			}
		})
	}
	t.Run("at no time", func(t *testing.T) {
		_, err := s.ca.RevocationList(id, 1, time.Time{}, s.now, good)
		wants(t, err, "is not after this one, 0001-01-01")
	})
	t.Run("by a key that lies", func(t *testing.T) {
		s.spied().lies = true
		_, err := s.ca.RevocationList(id, 1, s.now, s.now.Add(day), good)
		wants(t, err, "invalid")
	})
}

// TestLongList: 20,000 entries are signed, linted and read again.
func TestLongList(t *testing.T) {
	s := newScene(t, acme.P256)
	var revoked []x509.RevocationListEntry
	for n := range int64(20000) {
		revoked = append(revoked, revokedAt(n*7919%20011+1, s.now, 1))
	}
	der, err := s.ca.RevocationList(s.ca.Issuers()[0], 1, s.now, s.now.Add(time.Hour), revoked)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := x509.ParseRevocationList(der); err != nil || len(list.RevokedCertificateEntries) != 20000 {
		t.Errorf("%v", err)
	}
}
