package verifier

import (
	"time"

	"cnfd/dnssec"
	"cnfd/record"
)

// finding is what the look-up of one form came to.
type finding struct {
	reason     Reason
	comparison record.Comparison
	form       record.Form

	asked   bool // the DNS was asked; what follows says nothing otherwise
	cached  bool
	name    string // the record's owner
	domain  string // the subject's domain, without the trailing dot
	dns     DNS
	fetched time.Time
	until   time.Time
	detail  string // what each server said, where all were asked
}

// learn takes from an answer what a verdict says of it. The strings of an
// answer to this very question are shared, so that a verdict costs no copy; a
// source that answers another question, or none, gets none of its names in.
func (f *finding) learn(a *dnssec.Answer, name []byte, prefix int) {
	f.asked = true
	if a == nil {
		a = &dnssec.Answer{}
	}
	f.name = a.Name
	if f.name != string(name) {
		f.name = string(name)
	}
	f.domain = f.name[prefix : len(f.name)-1]
	f.dns = DNS{Security: a.Security, Trouble: a.Trouble}
	f.fetched, f.until = a.Fetched, a.Until
}

// verdict says what a finding comes to for a caller.
func (v *Verifier) verdict(a *ask, domain []byte, f *finding) Verdict {
	d := Verdict{
		Reason:     f.reason,
		Subject:    a.subject,
		Method:     a.confirmation.Method,
		Thumbprint: a.confirmation.Thumbprint,
		Signature:  a.token.signature,
		KeyBinding: a.token.keyBinding,
		DPoP:       a.token.dpop,
		MTLS:       a.token.mtls,
		Time:       a.token.time,
		Testing:    v.testing,
		known:      a.known,
	}
	if !a.token.good && f.reason == a.token.reason {
		d.Detail = a.token.detail
	} else if f.asked {
		d.Detail = f.detail
	}
	if !f.asked {
		d.Domain = string(domain)
		return d
	}
	d.Asked = true
	d.Domain = f.domain
	now := a.now
	if !f.cached && a.freshness.At.IsZero() {
		now = v.now() // what was waited for is gone from the life of the data
	}
	if now.Before(f.fetched) {
		now = f.fetched
	}
	d.Record = Record{Name: f.name, Form: f.form, Usable: f.comparison.Usable, TTL: max(f.until.Sub(now), 0)}
	d.DNS = f.dns
	d.DNS.Cached = f.cached
	if !f.fetched.IsZero() {
		d.DNS.Age = now.Sub(f.fetched)
	}
	if d.Outcome() != Unproven {
		d.ValidUntil = f.until
		if a.hasExpires && a.expires < f.until.Unix() {
			d.ValidUntil = time.Unix(a.expires, 0)
		}
	}
	return d
}
