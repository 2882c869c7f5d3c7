package dnssec

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// RFC 8914 INFO-CODEs that a judgement can give.
const (
	CodeOther             = 0
	CodeUnsupportedKey    = 1
	CodeUnsupportedDigest = 2
	CodeIndeterminate     = 5
	CodeBogus             = 6
	CodeExpired           = 7
	CodeNotYetValid       = 8
	CodeKeyMissing        = 9
	CodeSignatureMissing  = 10
	CodeNoZoneKey         = 11
	CodeDenialMissing     = 12
	CodeCachedError       = 13
	CodeNotReady          = 14
	CodeNoReachable       = 22
	CodeNetwork           = 23
	CodeIterations        = 27
)

// proof is what a signature that holds says of its RRset.
type proof struct {
	ok     bool
	labels int           // of the name that was signed: fewer than the owner's where a wildcard was expanded
	ttl    time.Duration // min(TTL, original TTL)
	until  time.Time     // the signature's expiry
}

// proveRRset looks for one signature by one of the zone's keys that holds
// (RFC 4035 §5.3). Any one is enough (RFC 6840 §5.11).
func (z *Zone) proveRRset(s RRset, t *Terms) (proof, Trouble) {
	if len(s.RRs) == 0 {
		return proof{}, z.bogus(CodeBogus, s, "is empty")
	}
	if len(s.Sigs) == 0 {
		return proof{}, z.bogus(CodeSignatureMissing, s, "has no signature")
	}
	var worst Trouble
	for i, sig := range s.Sigs {
		if i == maxSigsPerSet {
			break
		}
		p, trouble := z.trySignature(s, sig, t)
		if p.ok {
			return p, Trouble{}
		}
		if trouble.Budget {
			return proof{}, trouble
		}
		if worst.Text == "" || worst.Code == CodeKeyMissing {
			worst = trouble
		}
	}
	return proof{}, worst
}

// trySignature checks one RRSIG: first what it says of itself (RFC 4035
// §5.3.1), then each key that its tag names.
func (z *Zone) trySignature(s RRset, sig *dns.RRSIG, t *Terms) (proof, Trouble) {
	if trouble := z.refuseSignature(s, sig, t); trouble.Text != "" {
		return proof{}, trouble
	}
	raw, err := base64.StdEncoding.AppendDecode(make([]byte, 0, 64), []byte(sig.Signature))
	if err != nil {
		return proof{}, z.bogus(CodeBogus, s, "has a signature that is not base64")
	}
	var data []byte
	tried := 0
	for _, k := range z.keys {
		if k.tag != sig.KeyTag || k.alg != sig.Algorithm || tried == maxKeysPerTag {
			continue
		}
		tried++
		if !t.Budget.check() {
			return proof{}, t.Budget.Trouble()
		}
		if data == nil {
			if data, err = s.signedData(sig); err != nil {
				return proof{}, z.bogus(CodeBogus, s, "cannot be put in canonical form")
			}
		}
		if verifyWith(sig.Algorithm, k.pub, data, raw) {
			return proof{
				ok:     true,
				labels: int(sig.Labels),
				ttl:    min(s.TTL(), time.Duration(validTTL(sig.OrigTtl))*time.Second),
				until:  serialTime(sig.Expiration, t.Now),
			}, Trouble{}
		}
		if !t.Budget.fail() {
			return proof{}, t.Budget.Trouble()
		}
	}
	if tried == 0 {
		return proof{}, z.bogus(CodeKeyMissing, s, fmt.Sprintf("is signed with key %d (alg %d), which %s does not have", sig.KeyTag, sig.Algorithm, z.Name))
	}
	return proof{}, z.bogus(CodeBogus, s, fmt.Sprintf("has a signature by key %d that does not verify", sig.KeyTag))
}

// refuseSignature says why a signature cannot count, before any key is tried.
func (z *Zone) refuseSignature(s RRset, sig *dns.RRSIG, t *Terms) Trouble {
	signer := Canonical(sig.SignerName)
	labels := Labels(s.Name)
	if isWildcard(s.Name) {
		labels-- // the asterisk is not counted (RFC 4034 §3.1.3)
	}
	switch {
	case signer != z.Name:
		// The signer is the zone that holds the data, nobody else (RFC 4035 §5.3.1).
		return z.bogus(CodeBogus, s, "is signed by "+signer+", not by its zone "+z.Name)
	case !IsSubdomain(s.Name, z.Name):
		return z.bogus(CodeBogus, s, "lies outside its zone "+z.Name)
	case int(sig.Labels) > labels:
		return z.bogus(CodeBogus, s, "has a signature with more labels than its name")
	case int(sig.Labels) < Labels(z.Name):
		// With fewer labels than the signer's it would speak for a wildcard above the zone.
		return z.bogus(CodeBogus, s, "has a signature with fewer labels than its signer")
	case !t.supportedAlgorithm(sig.Algorithm):
		return z.bogus(CodeKeyMissing, s, fmt.Sprintf("is signed with algorithm %d, which proves nothing here", sig.Algorithm))
	}
	from, to := serialTime(sig.Inception, t.Now), serialTime(sig.Expiration, t.Now)
	switch {
	case t.Now.After(to):
		return z.bogus(CodeExpired, s, fmt.Sprintf("has a signature by key %d that expired at %s", sig.KeyTag, to.UTC().Format(time.RFC3339)))
	case t.Now.Add(clockTolerance).Before(from):
		return z.bogus(CodeNotYetValid, s, fmt.Sprintf("has a signature by key %d that is valid only from %s", sig.KeyTag, from.UTC().Format(time.RFC3339)))
	case to.Before(from):
		return z.bogus(CodeBogus, s, "has a signature that expires before it begins")
	}
	return Trouble{}
}

// serialTime places a 32-bit RRSIG time nearest to now (RFC 4034 §3.1.5, RFC 1982).
func serialTime(sec uint32, now time.Time) time.Time {
	n := now.Unix()
	return time.Unix(n+int64(int32(sec-uint32(n))), 0)
}

// bogus words a failed proof: which record, in which zone, what is wrong.
func (z *Zone) bogus(code uint16, s RRset, what string) Trouble {
	return Trouble{Code: code, Text: s.Name + " " + dns.Type(s.Type).String() + " " + what}
}
