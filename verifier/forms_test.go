package verifier

import (
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
)

func TestSeveralForms(t *testing.T) {
	const underscored = "_jwk_cnf.vendor.example."
	cut := func(a *dnssec.Answer) *dnssec.Answer { a.Zone = a.Name; return a }
	secured := func(a *dnssec.Answer, s dnssec.Security) *dnssec.Answer { a.Security = s; return a }
	lives := func(a *dnssec.Answer, d time.Duration) *dnssec.Answer { a.Until = now.Add(d); return a }
	for _, c := range []struct {
		claim         string
		first, second *dnssec.Answer
		want          Reason
		form          record.Form
		lookups       int
		life          time.Duration
	}{
		{"the first that matches confirms, and the second is not asked", present(owner, ours), present(underscored, theirs), RecordMatches, record.Dotted, 1, 287 * time.Second},
		{"the second confirms where the first differs", present(owner, theirs), present(underscored, ours), RecordMatches, record.Underscore, 2, 287 * time.Second},
		{"the second confirms where the first is absent", absent(owner, dnssec.NoName), present(underscored, ours), RecordMatches, record.Underscore, 2, 287 * time.Second},
		{"the second confirms where the first is bogus", secured(present(owner, ours), dnssec.Bogus), present(underscored, ours), RecordMatches, record.Underscore, 2, 287 * time.Second},
		{"the second confirms where the first is delegated away", cut(present(owner, theirs)), present(underscored, ours), RecordMatches, record.Underscore, 2, 287 * time.Second},
		{"the underscore form may be delegated", absent(owner, dnssec.NoName), cut(present(underscored, ours)), RecordMatches, record.Underscore, 2, 287 * time.Second},
		{"refuted where both are absent, as long as both are", absent(owner, dnssec.NoName), lives(absent(underscored, dnssec.NoData), 9*time.Second), RecordAbsent, record.Dotted, 2, 9 * time.Second},
		{"a record of another key says more than none", lives(absent(owner, dnssec.NoName), 7*time.Second), present(underscored, theirs), RecordDiffers, record.Underscore, 2, 7 * time.Second},
		{"a record of another key says more than none, in either order", present(owner, theirs), absent(underscored, dnssec.NoName), RecordDiffers, record.Dotted, 2, 50 * time.Second},
		{"not refuted where the second proves nothing", absent(owner, dnssec.NoName), secured(absent(underscored, dnssec.NoName), dnssec.Insecure), Insecure, record.Underscore, 2, 0},
		{"not refuted where the first proves nothing", secured(present(owner, theirs), dnssec.Bogus), present(underscored, theirs), Bogus, record.Dotted, 2, 0},
		{"of two that prove nothing the first in order", cut(present(owner, ours)), secured(present(underscored, ours), dnssec.Bogus), Bogus, record.Underscore, 2, 0},
		{"of two that prove nothing alike the first form", secured(present(owner, ours), dnssec.Insecure), secured(present(underscored, ours), dnssec.Insecure), Insecure, record.Dotted, 2, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene()
			s.source.answers[owner] = c.first
			s.alsoUnderscore(c.second)
			v, err := s.ask(t)
			if err != nil || v.Reason != c.want || v.Record.Form != c.form {
				t.Fatalf("%v by %v, %v; want %v by %v", v.Reason, v.Record.Form, err, c.want, c.form)
			}
			if len(s.source.asked) != c.lookups {
				t.Errorf("%d look-ups, want %d", len(s.source.asked), c.lookups)
			}
			if c.life != 0 && !v.ValidUntil.Equal(now.Add(c.life)) {
				t.Errorf("valid until %v, want %v", v.ValidUntil, now.Add(c.life))
			}
			if c.life == 0 && !v.ValidUntil.IsZero() {
				t.Errorf("valid until %v", v.ValidUntil)
			}
		})
	}
	t.Run("the legacy form is looked up where it is configured", func(t *testing.T) {
		s := newScene()
		s.source.answers = map[string]*dnssec.Answer{"_did.vendor.example.": present("_did.vendor.example.", ours)}
		s.config.Forms = []record.Form{record.Dotted, record.LegacyDID}
		if v, err := s.ask(t); err != nil || v.Reason != RecordMatches || v.Record.Form != record.LegacyDID {
			t.Errorf("%+v, %v", v, err)
		}
	})
}
