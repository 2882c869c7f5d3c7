// Package text prints changes of TLSA records for people and tools that write them
// by themselves: as lines of a zone file, as a script of nsupdate, in the generic
// form of RFC 3597, for octoDNS. It sends nothing and reads nothing.
package text

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// Format is a form of text. The zero Format is none, which Write refuses.
type Format uint8

const (
	Zone     Format = iota + 1 // lines of a zone file (RFC 1035 §5.1, RFC 6698 §2.2)
	NSUpdate                   // a script of BIND's nsupdate (RFC 2136), with prerequisites
	Generic                    // lines of a zone file for software that knows no TLSA: TYPE52 \# 35 … (RFC 3597 §5)
	OctoDNS                    // records of an octoDNS zone file (YAML)
)

var formatWords = [...]string{Zone: "zone", NSUpdate: "nsupdate", Generic: "generic", OctoDNS: "octodns"}

// String returns the word for f: zone, nsupdate, generic or octodns; "" for none.
func (f Format) String() string {
	if int(f) < len(formatWords) {
		return formatWords[f]
	}
	return ""
}

// ParseFormat returns the Format that a word names.
func ParseFormat(word string) (Format, error) {
	if i := slices.Index(formatWords[:], word); i > 0 {
		return Format(i), nil
	}
	return 0, fmt.Errorf("format %q: want zone, nsupdate, generic or octodns", word)
}

// Options says what is known beside the changes. The zero value is nothing.
type Options struct {
	// Zone is the apex of the zone that holds every name, with or without the trailing
	// dot. OctoDNS needs it, since its names are relative. With it a script of nsupdate is one
	// message, all of which is done or nothing; without it nobody knows whether the
	// names share a zone, and each is a message of its own.
	Zone string
	// Server is the address of the primary, for NSUpdate; port 0 is 53. The zero
	// value: nsupdate finds it by the zone's SOA record.
	Server netip.AddrPort
	// BeforeKnown: each Before is the whole set as the zone's own server told it. A
	// script of nsupdate then changes that set and no other, and octoDNS gets it
	// whole. Otherwise Before holds what is to go and nothing else, After what is to
	// come and nothing else, as Blind makes them; what others have there is not
	// known, and left alone.
	BeforeKnown bool
}

// Blind makes the changes of names that were not looked at, one for each name, in the
// order in which they come: for Options without BeforeKnown. ttl is in whole seconds.
func Blind(add, remove []publish.Entry, ttl time.Duration) []publish.Change {
	var changes []publish.Change
	at := func(name string) *publish.Change {
		i := slices.IndexFunc(changes, func(c publish.Change) bool { return c.Name == name })
		if i < 0 {
			i = len(changes)
			changes = append(changes, publish.Change{Name: name, Before: publish.Set{Name: name}, After: publish.Set{Name: name}})
		}
		return &changes[i]
	}
	for _, e := range add {
		c := at(e.Name)
		c.After = c.After.With(e.Record, ttl)
	}
	for _, e := range remove {
		c := at(e.Name)
		c.Before = c.Before.With(e.Record, ttl)
	}
	return changes
}

// Write prints changes, at most one of each name, to w. Names are in presentation
// form, absolute, and may hold escapes (RFC 4343 §2.1). Records that are to go are
// comments in a zone file, so that it can be loaded as it stands. Nothing is printed
// where a change cannot be said in f; the error is then a *publish.Error, of kind
// Alias where a CNAME stands at a name. Any other error is w's.
func Write(w io.Writer, f Format, o Options, changes []publish.Change) error {
	sets, zone, err := read(f, o, changes)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	switch f {
	case Zone:
		writeZone(&b, o, sets, (line).zone)
	case Generic:
		writeZone(&b, o, sets, (line).generic)
	case NSUpdate:
		writeNSUpdate(&b, o, sets, zone)
	case OctoDNS:
		err = writeOctoDNS(&b, o, sets, zone)
	default:
		err = unsaid("", "no format: want zone, nsupdate, generic or octodns")
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// set is a change whose name and records have been looked at.
type set struct {
	publish.Change
	owner name
}

// maxTTL is the highest TTL that there is (RFC 2181 §8).
const maxTTL = (1<<31 - 1) * time.Second

func read(f Format, o Options, changes []publish.Change) (sets []set, zone name, err error) {
	if o.Zone != "" {
		if zone, err = parseName(strings.TrimSuffix(o.Zone, ".") + "."); err != nil {
			return nil, nil, unsaid(fmt.Sprintf("zone %.300q", o.Zone), err.Error())
		}
	}
	if f == OctoDNS && zone == nil {
		return nil, nil, &publish.Error{Kind: publish.Failed, Where: f.String(), What: "zone is not known",
			Do: "name it, since names in octoDNS files are relative to it"}
	}
	seen := map[string]bool{}
	for _, c := range changes {
		owner, err := parseName(c.Name)
		switch {
		case err != nil:
			return nil, nil, unsaid(fmt.Sprintf("%.300q", c.Name), err.Error())
		case zone != nil && !owner.under(zone):
			return nil, nil, &publish.Error{Kind: publish.WrongZone, Where: owner.String(), What: "name is not in the zone " + zone.String()}
		case seen[owner.String()]:
			return nil, nil, unsaid(owner.String(), "two changes of one set")
		}
		seen[owner.String()] = true
		if err := check(owner, c); err != nil {
			return nil, nil, err
		}
		sets = append(sets, set{c, owner})
	}
	return sets, zone, nil
}

func check(owner name, c publish.Change) error {
	for _, s := range []publish.Set{c.Before, c.After} {
		if s.Alias != "" {
			return &publish.Error{Kind: publish.Alias, Where: owner.String(), What: "alias (CNAME) stands at the name, beside which no record may stand",
				Do: "publish where it points to, or remove it"}
		}
		if s.TTL < 0 || s.TTL > maxTTL || s.TTL%time.Second != 0 {
			return unsaid(owner.String(), "TTL: want whole seconds, 0 to 2147483647")
		}
		for i, r := range s.Records {
			switch n := len(r.RDATA()); {
			case n == 0:
				return unsaid(owner.String(), "record without octets")
			case n > 1<<16-1:
				return unsaid(owner.String(), "record of more than 65535 octets")
			case slices.Contains(s.Records[:i], r):
				return unsaid(owner.String(), "record that is there twice")
			}
		}
	}
	return nil
}

func unsaid(where, what string) error {
	return &publish.Error{Kind: publish.Unsupported, Where: where, What: what}
}
