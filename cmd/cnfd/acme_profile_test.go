package main

import (
	"crypto/x509"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/config"
)

// TestACMEProfiles: what the configuration says is what the server is given.
func TestACMEProfiles(t *testing.T) {
	c := parse(t, `acme: {profiles: [{name: a, bind: both, grant: record, key_types: [p256], usages: [client], life: 1h, backdate: 0s, wildcards: false, identifiers: [dns]}]}`)
	p := profilesOf(&c.ACME)[0]
	if p.Bind != acme.BindBoth || p.Grant != acme.GrantRecord || len(p.Methods) != 0 || p.KeyTypes[0] != acme.P256 || len(p.KeyTypes) != 1 ||
		len(p.ExtUsage) != 1 || p.ExtUsage[0] != x509.ExtKeyUsageClientAuth || p.Usage != x509.KeyUsageDigitalSignature || p.Life != time.Hour || p.Backdate != 0 || p.Wildcards || len(p.Identifiers) != 1 {
		t.Errorf("%+v", p)
	}
	if p.Description != "for TLS clients, up to 1h0m0s: by the confirmation record of the account's key and the certificate's alone" {
		t.Error(p.Description)
	}
	p = profilesOf(&config.ACME{})[0]
	if p.Name != "default" || p.Bind != acme.BindAccount || p.Grant != acme.GrantChallenge || len(p.Methods) != 3 || len(p.KeyTypes) != 4 ||
		len(p.ExtUsage) != 2 || p.ExtUsage[0] != x509.ExtKeyUsageServerAuth || p.Usage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment || p.Life != 7*24*time.Hour || p.Backdate != time.Hour || !p.Wildcards {
		t.Errorf("%+v", p)
	}
	if p.Description != "for TLS servers and clients, up to 7 days: by the confirmation record of the account's key, and a challenge besides" {
		t.Error(p.Description)
	}
}
