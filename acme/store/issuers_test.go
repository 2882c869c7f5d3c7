package store

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cnfd/acme"
)

// TestOrphans: certificates that live on, of an issuer that is not there, are found, and no others.
func TestOrphans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	s := opened(t, path)
	end := day.Add(time.Hour)
	c := func(serial, issuer string, after time.Duration) *acme.Certificate {
		return &acme.Certificate{Serial: serial, Issuer: issuer, Issued: day.Add(after), NotAfter: end.Add(after)}
	}
	puts(t, s, acme.Tx.PutCertificate, c("01", "former", 0), c("02", "former", 1), c("03", "other", 2), c("04", "newest", 3))
	puts(t, s, acme.Tx.PutCRL, &acme.CRL{Issuer: "former", Number: 1}, &acme.CRL{Issuer: "other", Number: 1}, &acme.CRL{Issuer: "never", Number: 1})
	for _, tc := range []struct {
		claim string
		there []string
		now   time.Time
		want  []string
	}{
		{"all are there", []string{"newest", "former", "other"}, day, nil},
		{"a former one is not", []string{"newest", "other"}, day, []string{"former"}},
		{"the newest is not, which has no list yet", []string{"former", "other"}, day, []string{"newest"}},
		{"none is", nil, day, []string{"former", "newest", "other"}},
		{"what the former one has issued has ended", []string{"newest", "other"}, end.Add(1), nil},
		{"a moment before that", []string{"newest", "other"}, end, []string{"former"}},
	} {
		if got, err := Orphans(t.Context(), path, tc.there, tc.now); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, %v, want %v", tc.claim, got, err, tc.want)
		}
	}
	if _, err := Orphans(t.Context(), path+"x", nil, day); err == nil {
		t.Error("a store that is not there")
	}
}
