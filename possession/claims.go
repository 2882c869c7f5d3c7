package possession

import (
	"time"

	"cnfd/internal/strict"
)

// claims are those of the holder's tokens.
type claims struct {
	nonce, aud, sdHash, jti, htm, htu, ath strict.Text
	times                                  [3]times // iat, exp, nbf
}

// times are a NumericDate, rounded both ways.
type times struct {
	floor, ceil int64
	there       bool
}

// The members that are read.
const (
	claimIat = iota
	claimExp
	claimNbf
	claimNonce
	claimAud
	claimSDHash
	claimJTI
	claimHTM
	claimHTU
	claimATH
)

var claimNames = strict.NewNames("iat", "exp", "nbf", "nonce", "aud", "sd_hash", "jti", "htm", "htu", "ath")

// readClaims reads the payload of a token. Each of its claims is a string or a
// date, aud too (RFC 9901 §4.3: a single string).
func readClaims(payload []byte) (c claims, err error) {
	var s strict.Scanner
	s.Reset(payload, "payload")
	texts := [...]*strict.Text{claimNonce: &c.nonce, claimAud: &c.aud, claimSDHash: &c.sdHash, claimJTI: &c.jti, claimHTM: &c.htm, claimHTU: &c.htu, claimATH: &c.ath}
	for object := s.Object(claimNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		switch {
		case member == strict.Other:
		case member <= claimNbf:
			at := s.At()
			n := s.Number()
			if s.Err() != nil {
				continue // the Scanner's own error stands
			}
			floor, fits := n.Floor()
			ceil, too := n.Ceil()
			if !fits || !too {
				return claims{}, &Error{Malformed, s.Where(at), "not a date in seconds that fits 64 bits"}
			}
			c.times[member] = times{floor, ceil, true}
		default:
			*texts[member] = s.Text()
		}
	}
	if err := s.Close(); err != nil {
		return claims{}, wrong(err)
	}
	return c, nil
}

// fresh judges iat, and exp and nbf where they are there: iat is not older than
// lifetime and not of the future, both within Skew.
func (c *claims) fresh(now time.Time, lifetime time.Duration) error {
	// Nothing is added to what a stranger wrote, so that nothing overflows.
	at, skew := now.Unix(), int64(Skew/time.Second)
	iat, exp, nbf := c.times[claimIat], c.times[claimExp], c.times[claimNbf]
	switch {
	case now.IsZero():
		return &Error{Unasked, "", "no time to judge it at"}
	case !iat.there:
		return &Error{Time, "payload.iat", "missing"}
	case iat.ceil > at+skew:
		return &Error{Time, "payload.iat", "in the future: is a clock wrong?"}
	case iat.floor < at-skew-int64(lifetime/time.Second):
		return &Error{Time, "payload.iat", "too old"}
	case exp.there && exp.floor <= at-skew:
		return &Error{Time, "payload.exp", "past"}
	case nbf.there && nbf.ceil > at+skew:
		return &Error{Time, "payload.nbf", "not reached yet"}
	}
	return nil
}

// orDefault: a lifetime that is not positive is the default one, so that none is
// endless by mistake.
func orDefault(lifetime, otherwise time.Duration) time.Duration {
	if lifetime <= 0 {
		return otherwise
	}
	return lifetime
}

// is reports whether a claim is there and is that text; an empty one is none.
func is(claim strict.Text, want string) bool { return want != "" && claim.Is(want) }
