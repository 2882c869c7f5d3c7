package main

import (
	"testing"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/record"
)

// TestWhatRecordAllowsIsNothingToTheGate: whatever may confirm a credential, a
// certificate rests on secure data at the exact name.
func TestWhatRecordAllowsIsNothingToTheGate(t *testing.T) {
	allowed, err := config.Parse("cnfd.yaml", []byte("record: {allow_insecure: true, allow_wildcard: true, allow_delegated: true, legacy_did: true, x5t: true, tbh: true, symmetric: true}\nsubjects: {mailto: true, acct: true, spiffe: true, bare: true}\n"), config.Default(config.User{}))
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{engine: &engine{}, clock: &clock{}}
	c := d.acmeVerifier(&allowed, []record.Form{record.Dotted})
	if c.AllowInsecure || c.AllowWildcard || c.AllowDelegated {
		t.Errorf("the gate's verifier allows insecure %t, wildcards %t, delegated names %t", c.AllowInsecure, c.AllowWildcard, c.AllowDelegated)
	}
	if s := c.Subjects; s.Mailto || s.Acct || s.SPIFFE || s.Bare {
		t.Errorf("the gate's verifier takes other subjects than names: %+v", s)
	}
	if len(c.Forms) != 1 || c.Forms[0] != record.Dotted {
		t.Errorf("the gate's verifier looks at %v", c.Forms)
	}
}

// TestFormThatIsShown: the record that cnf-01 shows is one that the gate looks at.
func TestFormThatIsShown(t *testing.T) {
	dir, _ := madeCA(t)
	for words, want := range map[string]record.Form{"[dotted]": record.Dotted, "[underscore]": record.Underscore, "[underscore, dotted]": record.Underscore} {
		d := start(t, parse(t, "testing: true\nresolver: {trust_anchors: [none]}\napi: {listen: '', unix: ''}\nrecord: {forms: %s}\nacme: {listen: '127.0.0.1:0', url: 'https://localhost:8256', directory: '%s'}\n", words, dir))
		if why := d.acme.trouble(); why != "" {
			t.Fatal(why)
		}
		if got := d.acme.server.Form; got != want {
			t.Errorf("record.forms: %s: cnf-01 shows the form %s", words, got)
		}
	}
}
