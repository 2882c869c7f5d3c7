package possession

import (
	"encoding/base64"
	"time"

	"cnfd/credential"
	"cnfd/thumbprint"
)

// KeyBindingLifetime is how old a key-binding token may be unless the caller says
// otherwise: its holder may have been asked before it was sent.
const KeyBindingLifetime = 5 * time.Minute

// Presentation is what the caller knows of an SD-JWT that was presented to it. All
// but Key and Lifetime is needed: without it nothing is bound.
type Presentation struct {
	Confirmed thumbprint.Thumbprint // of the key that the record confirms
	Key       thumbprint.Key        // that key, where the credential holds it (credential.Credential.Key)
	Nonce     string                // that the caller has given for this presentation
	Audience  string                // by which the holder knows the caller
	Now       time.Time
	Lifetime  time.Duration // since iat; default KeyBindingLifetime
}

// KeyBinding judges the key-binding token of an SD-JWT (RFC 9901 §4.3, §7.3): nil
// where the confirmed key has signed it, over what was presented, for this nonce
// and audience, and lately. Whether one is needed is the caller's to say, and
// never the holder's: the zero KeyBinding is an error. The error is an *Error.
func KeyBinding(kb credential.KeyBinding, p *Presentation) error {
	if len(kb.JWT) == 0 {
		return &Error{Missing, "", "no key-binding token after the last '~'"}
	}
	switch {
	case p.Nonce == "":
		return &Error{Unasked, "", "no nonce to hold it against"}
	case p.Audience == "":
		return &Error{Unasked, "", "no audience to hold it against"}
	case len(kb.Presented) == 0:
		return &Error{Unasked, "", "nothing presented to hold it against"}
	}
	token, err := open(kb.JWT, "kb+jwt", p.Confirmed, p.Key, false)
	if err != nil {
		return err
	}
	c, err := readClaims(token.payload)
	if err != nil {
		return err
	}
	if err := c.fresh(p.Now, orDefault(p.Lifetime, KeyBindingLifetime)); err != nil {
		return err
	}
	switch {
	case !is(c.nonce, p.Nonce):
		return &Error{Nonce, "payload.nonce", "not the one that was given for this presentation"}
	case !is(c.aud, p.Audience):
		return &Error{Audience, "payload.aud", "not this verifier"}
	case !is(c.sdHash, base64.RawURLEncoding.EncodeToString(kb.SDHash())):
		return &Error{Hash, "payload.sd_hash", "not of what was presented"}
	}
	return nil
}
