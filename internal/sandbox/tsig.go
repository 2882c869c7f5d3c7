package sandbox

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// proven checks the TSIG of a message that has one, and marks r to be signed with the
// same key (RFC 8945 §5.2, §5.3). On false r says what is wrong: a key that is not
// known, or a signature that is not its own, leaves the reply unsigned (§5.3.2); to a
// client whose clock is off it says its own time, in a reply of the client's time (§5.2.3).
func (s *server) proven(w dns.ResponseWriter, q, r *dns.Msg) bool {
	t := q.IsTsig()
	if t == nil {
		return true
	}
	now := s.now().Unix()
	r.SetTsig(t.Hdr.Name, t.Algorithm, 300, now)
	err := w.TsigStatus()
	switch {
	case t.Hdr.Name == KeyName && dns.CanonicalName(t.Algorithm) != KeyAlgorithm:
		err = dns.ErrSecret // a key is of one algorithm
	case err == nil:
		return true
	}
	r.Rcode = dns.RcodeNotAuth
	mark := r.IsTsig()
	switch {
	case errors.Is(err, dns.ErrTime):
		mark.Error, mark.TimeSigned = dns.RcodeBadTime, t.TimeSigned
		mark.OtherLen, mark.OtherData = 6, fmt.Sprintf("%012x", now)
	case errors.Is(err, dns.ErrSecret):
		mark.Error = dns.RcodeBadKey
	default:
		mark.Error = dns.RcodeBadSig
	}
	return false
}
