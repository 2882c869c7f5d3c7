package ca

import (
	"os"
	"testing"
	"time"

	"cnfd/acme"
)

// TestUntimely: each row is a directory that opens, with one thing changed; what the clock alone is at odds with is told apart
// from what somebody has to mend.
func TestUntimely(t *testing.T) {
	for _, tt := range []struct {
		claim    string
		change   func(*scene)
		untimely bool
	}{
		{"the clock is before it", func(s *scene) { s.now = s.now.Add(-2 * time.Hour) }, true},
		{"it has ended", func(s *scene) { s.now = s.cert(certFile(1)).NotAfter.Add(time.Second) }, true},
		{"its root has ended", func(s *scene) { s.now = s.cert(rootCertFile).NotAfter.Add(time.Second) }, true},
		{"no directory", func(s *scene) { s.dir += "x" }, false},
		{"others may read the key", func(s *scene) { _ = os.Chmod(s.path(keyFile(1)), 0o644) }, false},
		{"the key is not there, and it has ended", func(s *scene) {
			s.now = s.cert(certFile(1)).NotAfter.Add(time.Second)
			_ = os.Remove(s.path(keyFile(1)))
		}, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			tt.change(s)
			if _, err := Open(s.config(Config{})); err == nil || Untimely(err) != tt.untimely {
				t.Errorf("%v: untimely is %t", err, Untimely(err))
			}
		})
	}
}
