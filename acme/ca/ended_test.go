package ca

import (
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// TestReadEnded: an intermediate has ended once the root's list names it, and no other with it.
func TestReadEnded(t *testing.T) {
	s := newScene(t, acme.P256)
	former := s.ca.Issuers()[0]
	s.rotate()
	want := func(claim string, n int) map[string]Ended {
		t.Helper()
		ended, err := ReadEnded(s.dir)
		if err != nil || len(ended) != n {
			t.Fatalf("%s: %v, %v", claim, ended, err)
		}
		return ended
	}
	want("none is revoked", 0)
	s.now = s.now.Add(time.Hour)
	s.renew(Revocation{Issuer: former, Reason: keyCompromise})
	if e := want("one is", 1)[former]; e.Reason != keyCompromise || !e.At.Equal(s.now) {
		t.Errorf("%+v", e)
	}
	text := s.read(listFile(3))
	s.write(listFile(4), text[:len(text)/2])
	if ended, err := ReadEnded(s.dir); err == nil || !strings.Contains(err.Error(), "root-4.crl: no revocation list of root.pem") || ended != nil {
		t.Errorf("the newest is cut off: %v, %v", ended, err)
	}
	s.remove(listFile(1), listFile(2), listFile(3), listFile(4))
	want("there is no list", 0)
}
