package verifier

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"

	"cnfd/credential"
	"cnfd/dnssec"
	"cnfd/record"
)

// known is a Memory of the claim sets that come again and again: a credential is shown at each
// request of its holder. What a claim set says depends on nothing but its octets and the
// Options, so that nothing that is remembered can be out of date; whether it is confirmed is
// judged each time. It holds claim sets alone, neither signatures nor proofs.
//
// A place is taken by what is read three times with nothing else in between that would take it: what
// comes once, and is read twice because the cache does not have its record, costs no memory.
type known struct {
	verifier *Verifier
	seed     maphash.Seed
	places   [knownPlaces]knownPlace
}

const (
	knownPlaces = 1 << 10 // for claim sets
	knownOctets = 1 << 10 // of one claim set; all of the longest, with what is known of them, are 4 MiB
	knownAfter  = 3       // readings until a claim set is known; fits the bits of a place's count
)

type knownPlace struct {
	last atomic.Uint64 // the hash of what was read last, and in its lowest bits how often
	is   atomic.Pointer[knownClaims]
}

// knownClaims never changes.
type knownClaims struct {
	octets     []byte // nothing else points into them
	cbor       bool
	credential credential.Credential
	domain     []byte        // of its subject; nil where that has none
	names      []dnssec.Name // of the record, in the verifier's forms
	thumbprint []byte        // of its key, as a verdict has it in JSON
}

func newKnown(v *Verifier) *known {
	return &known{verifier: v, seed: maphash.MakeSeed()}
}

// Recall returns what those very octets say.
func (k *known) Recall(claims []byte, cbor bool) *credential.Credential {
	if len(claims) > knownOctets {
		return nil
	}
	is := k.places[maphash.Bytes(k.seed, claims)%knownPlaces].is.Load()
	if is == nil || is.cbor != cbor || !bytes.Equal(is.octets, claims) {
		return nil
	}
	return &is.credential
}

// Learn remembers claims that were read often enough.
func (k *known) Learn(claims []byte, cbor bool) {
	if len(claims) > knownOctets {
		return
	}
	const count = 3 // the bits of a place that count
	h := maphash.Bytes(k.seed, claims)
	p := &k.places[h%knownPlaces]
	last := p.last.Load()
	times := uint64(1)
	if (last^h)&^count == 0 {
		times = last&count + 1
	}
	if times < knownAfter {
		p.last.Store(h&^count | times)
		return
	}
	p.last.Store(0)
	if is := k.verifier.learn(bytes.Clone(claims), cbor); is != nil {
		p.is.Store(is)
	}
}

// learn is all that can be said of claims without knowing what time it is, and without the DNS.
func (v *Verifier) learn(claims []byte, cbor bool) *knownClaims {
	// A copy of its own: a Verdict's Subject points into it, which somebody may write to after all.
	c, err := credential.ReadClaims(bytes.Clone(claims), cbor, &v.credential)
	if err != nil {
		return nil
	}
	is := &knownClaims{octets: claims, cbor: cbor, credential: c}
	is.credential.Memo = is
	is.thumbprint = appendThumbprint(nil, c.Confirmation.Thumbprint)
	domain, err := record.AppendDomain(nil, c.Subject, &v.subjects)
	if err != nil {
		return is
	}
	for _, form := range v.forms {
		name, err := record.AppendName(nil, c.Confirmation.Method, domain, form)
		if err != nil {
			return is
		}
		fit, _ := dnssec.NameOf(name) // AppendName gives at most 254 octets
		is.names = append(is.names, fit)
	}
	is.domain = domain
	return is
}
