package dnssec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Anchors are the keys that are trusted from the start, at any names. The zero
// value trusts nothing, so that everything is Indeterminate.
type Anchors struct {
	at map[string]*Trust
}

// Trust is what vouches for a zone's keys: the DS records of its parent, or
// the keys and digests of a trust anchor.
type Trust struct {
	DS     []*dns.DS
	Keys   []*dns.DNSKEY
	Anchor bool
}

// rootAnchors are the root zone's key-signing keys as IANA publishes them
// (KSK-2017, tag 20326, and KSK-2024, tag 38696).
var rootAnchors = []string{
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
}

// RootAnchors returns the built-in IANA trust anchors.
func RootAnchors() Anchors {
	a, err := ParseAnchors(rootAnchors)
	if err != nil {
		panic("dnssec: the built-in trust anchors do not parse: " + err.Error())
	}
	return a
}

// ParseAnchors reads zone-file lines, one DS or DNSKEY of class IN each, of any name.
func ParseAnchors(lines []string) (Anchors, error) {
	a := Anchors{at: map[string]*Trust{}}
	for i, line := range lines {
		rr, err := parseAnchor(line)
		if err != nil {
			return Anchors{}, fmt.Errorf("trust anchor %d: %w", i+1, err)
		}
		name := Canonical(rr.Header().Name)
		tr := a.at[name]
		if tr == nil {
			tr = &Trust{Anchor: true}
			a.at[name] = tr
		}
		switch rr := rr.(type) {
		case *dns.DS:
			tr.DS = append(tr.DS, rr)
		case *dns.DNSKEY:
			tr.Keys = append(tr.Keys, rr)
		}
	}
	return a, nil
}

// parseAnchor reads one line. Unlike dns.NewRR it opens no file for $INCLUDE
// and passes nothing over.
func parseAnchor(line string) (dns.RR, error) {
	if strings.HasPrefix(strings.TrimSpace(line), "$") {
		return nil, errors.New("not a zone-file line: a directive")
	}
	p := dns.NewZoneParser(strings.NewReader(line), ".", "")
	p.SetDefaultTTL(3600)
	rr, ok := p.Next()
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("not a zone-file line: %w", err)
	}
	if !ok {
		return nil, errors.New("empty")
	}
	if _, more := p.Next(); more || p.Err() != nil {
		return nil, errors.New("more than one record")
	}
	if rr.Header().Class != dns.ClassINET {
		return nil, errors.New("a record of another class than IN")
	}
	switch rr := rr.(type) {
	case *dns.DS:
		return rr, wrongDigest(rr)
	case *dns.DNSKEY:
		return rr, wrongKey(rr)
	}
	return nil, fmt.Errorf("a %s record; DS or DNSKEY are wanted", dns.Type(rr.Header().Rrtype))
}

// wrongDigest tells of a DS without a digest. One of a length that its type does
// not have is taken for what it is, a digest that no key has: all below it is
// Bogus, and says why, but for the other records at the name.
func wrongDigest(ds *dns.DS) error {
	if ds.Digest == "" {
		return fmt.Errorf("the DS of %s has no digest", ds.Hdr.Name)
	}
	return nil
}

// misfit names the first digest that no key can have, for the reason of a failure.
func (tr *Trust) misfit() string {
	for _, ds := range tr.DS {
		size := map[uint8]int{dns.SHA1: 20, dns.SHA256: 32, dns.SHA384: 48}[ds.DigestType]
		if size != 0 && len(ds.Digest) != 2*size {
			return fmt.Sprintf("; the digest of DS %d has %d octets, its type %d wants %d", ds.KeyTag, len(ds.Digest)/2, ds.DigestType, size)
		}
	}
	return ""
}

func wrongKey(k *dns.DNSKEY) error {
	if k.Flags&dns.ZONE == 0 || k.Flags&dns.REVOKE != 0 {
		return fmt.Errorf("the DNSKEY of %s is not a zone key, or is revoked", k.Hdr.Name)
	}
	every := Terms{SHA1: true}
	if own, _ := read(k); (own.pub == nil || !signs(k)) && every.supportedAlgorithm(k.Algorithm) {
		return fmt.Errorf("the DNSKEY of %s is not a key of its algorithm %d", k.Hdr.Name, k.Algorithm)
	}
	return nil
}

// With returns the anchors of both; those of b replace a's at the same name.
func (a Anchors) With(b Anchors) Anchors {
	out := Anchors{at: map[string]*Trust{}}
	for _, from := range []Anchors{a, b} {
		for n, tr := range from.at {
			out.at[n] = tr
		}
	}
	return out
}

// At returns the anchor at exactly this name, nil where there is none.
func (a Anchors) At(name string) *Trust { return a.at[name] }

// Closest returns the name of the nearest anchor at or above a name.
func (a Anchors) Closest(name string) (string, bool) {
	for {
		if a.at[name] != nil {
			return name, true
		}
		if name == "." {
			return "", false
		}
		name = Parent(name)
	}
}

// WithAt returns the anchors with tr as the one at name, in lower case with the
// trailing dot. A Trust without records is an anchor that nothing can meet: all
// below it is Bogus.
func (a Anchors) WithAt(name string, tr *Trust) Anchors {
	return a.With(Anchors{at: map[string]*Trust{name: tr}})
}

// Names lists the names that have an anchor.
func (a Anchors) Names() []string {
	out := make([]string, 0, len(a.at))
	for n := range a.at {
		out = append(out, n)
	}
	return out
}

// String tells an anchor or a DS set in a few words.
func (tr *Trust) String() string {
	var room [160]byte
	b := room[:0]
	if tr.Anchor {
		b = append(b, "trust anchor "...)
	}
	start := len(b)
	for _, ds := range tr.DS {
		b = appendTrust(b, start, "DS ", ds.KeyTag, ds.Algorithm)
		b = append(strconv.AppendUint(append(b, ", digest "...), uint64(ds.DigestType), 10), ')')
	}
	for _, k := range tr.Keys {
		b = append(appendTrust(b, start, "DNSKEY ", k.KeyTag(), k.Algorithm), ')')
	}
	if tr.Anchor && len(b) == start {
		return "trust anchor: none is left, every one was revoked"
	}
	return string(b)
}

func appendTrust(b []byte, start int, what string, tag uint16, alg uint8) []byte {
	if len(b) > start {
		b = append(b, ", "...)
	}
	b = strconv.AppendUint(append(b, what...), uint64(tag), 10)
	return strconv.AppendUint(append(b, " (alg "...), uint64(alg), 10)
}
