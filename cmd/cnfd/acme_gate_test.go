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
