package resolver

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// A snapshot is lines of JSON: what made it, the zones, the answers, and the SHA-256
// of all that as the last. It holds the records with their signatures, so that
// whoever reads it judges them anew (see Restore); nothing in it says what is Secure.

// snapshotHead is the first line.
type snapshotHead struct {
	Kind    string    `json:"cnfd"`
	Version int       `json:"version"`
	Written time.Time `json:"written"`
	// Setting is a digest of what the zones' servers depend on in the Config:
	// a snapshot of another one is not read.
	Setting string `json:"setting"`
	Zones   int    `json:"zones"`
	Answers int    `json:"answers"`
}

const (
	snapshotKind    = "snapshot"
	snapshotVersion = 1
)

// savedZone is a Secure zone cut.
type savedZone struct {
	Zone    string        `json:"zone"`
	Fixed   bool          `json:"fixed,omitempty"` // its servers are configured, and not among what is saved
	Servers []savedServer `json:"servers,omitempty"`
	Until   time.Time     `json:"until"`
	Granted time.Time     `json:"granted,omitzero"`
	Proof   []byte        `json:"proof"` // DS, unless an anchor vouches for the zone, and DNSKEY, each with RRSIG
}

type savedServer struct {
	Name    string       `json:"name"`
	Own     bool         `json:"own,omitempty"` // named by the zone itself and not by its parent
	Addrs   []netip.Addr `json:"addrs,omitempty"`
	Offered []netip.Addr `json:"offered,omitempty"`
}

// savedAnswer is a Secure answer without aliases.
type savedAnswer struct {
	Name      string    `json:"name"`
	Type      uint16    `json:"type"`
	Zone      string    `json:"in"`
	Rcode     int       `json:"rcode,omitempty"`
	Fetched   time.Time `json:"fetched"`
	Until     time.Time `json:"until"`
	Answer    []byte    `json:"answer,omitempty"`
	Authority []byte    `json:"authority,omitempty"`
}

type savedSum struct {
	SHA256 string `json:"sha256"`
}

// Snapshot writes down what is cached and can be proven anew from what is written:
// the Secure zones (Config.Snapshots keeps their proofs) and the Secure answers
// without aliases, in at most limit octets, what was used lately first. It returns
// how many of each were written. Restore reads it.
func (r *Resolver) Snapshot(to io.Writer, limit int64) (zones, answers int, err error) {
	cuts, kept := r.worthKeeping()
	var lines [][]byte
	left := limit - snapshotFrame
	add := func(v any) bool {
		line, err := json.Marshal(v)
		if err != nil || int64(len(line)) >= left {
			return false
		}
		left -= int64(len(line)) + 1
		lines = append(lines, line)
		return true
	}
	for _, c := range cuts {
		if !add(saveZone(c)) {
			break
		}
		zones++
	}
	for _, a := range kept {
		if zones < len(cuts) || !add(saveAnswer(a)) {
			break
		}
		answers++
	}
	sum := sha256.New()
	w := bufio.NewWriter(io.MultiWriter(to, sum))
	head, err := json.Marshal(snapshotHead{
		Kind: snapshotKind, Version: snapshotVersion, Written: r.cfg.Now().UTC(), Setting: r.setting(), Zones: zones, Answers: answers,
	})
	if err != nil {
		return 0, 0, err
	}
	for _, line := range append([][]byte{head}, lines...) {
		w.Write(line)     //nolint:errcheck // Flush tells
		w.WriteByte('\n') //nolint:errcheck
	}
	if err := w.Flush(); err != nil {
		return 0, 0, err
	}
	last, err := json.Marshal(savedSum{hex.EncodeToString(sum.Sum(nil))})
	if err == nil {
		_, err = to.Write(append(last, '\n'))
	}
	return zones, answers, err
}

// snapshotFrame is more than the first line and the last take.
const snapshotFrame = 512

// worthKeeping collects what a snapshot can hold: zones with the ones above them
// first, answers with those that were used first.
func (r *Resolver) worthKeeping() (cuts []*cut, answers []*dnssec.Answer) {
	var idle []*dnssec.Answer
	var idleCuts []*cut
	r.cache.Each(func(_ string, e *entry, used bool) {
		switch {
		case e.cut != nil && (len(e.cut.proof) == 0 || e.cut.zone.Security != dnssec.Secure):
		case e.cut != nil && used:
			cuts = append(cuts, e.cut)
		case e.cut != nil:
			idleCuts = append(idleCuts, e.cut)
		case e.answer == nil || e.answer.Security != dnssec.Secure || e.answer.Overridden || e.answer.Zone == "":
		case used:
			answers = append(answers, e.answer)
		default:
			idle = append(idle, e.answer)
		}
	})
	cuts = append(cuts, idleCuts...)
	slices.SortStableFunc(cuts, func(a, b *cut) int {
		return cmp.Compare(dnssec.Labels(a.zone.Name), dnssec.Labels(b.zone.Name))
	})
	answers = slices.DeleteFunc(append(answers, idle...), func(a *dnssec.Answer) bool { return len(targets(a)) > 0 })
	return cuts, answers
}

func saveZone(c *cut) savedZone {
	z := savedZone{Zone: c.zone.Name, Fixed: c.fixed, Until: c.until.UTC(), Granted: c.granted.UTC(), Proof: c.proof}
	if c.granted.IsZero() {
		z.Granted = time.Time{}
	}
	if !c.fixed {
		for _, s := range c.servers {
			z.Servers = append(z.Servers, savedServer{Name: s.name, Addrs: s.addrs, Offered: s.offered})
		}
		for _, s := range c.own {
			z.Servers = append(z.Servers, savedServer{Name: s.name, Own: true})
		}
	}
	return z
}

func saveAnswer(a *dnssec.Answer) savedAnswer {
	return savedAnswer{
		Name: a.Name, Type: a.Type, Zone: a.Zone, Rcode: a.Rcode, Fetched: a.Fetched.UTC(), Until: a.Until.UTC(),
		Answer: a.AnswerSection, Authority: a.AuthoritySection,
	}
}

// setting is a digest of what decides where servers come from and what is asked of
// them. The trust anchors are not in it: everything is judged anew by those that hold.
func (r *Resolver) setting() string {
	c := &r.cfg
	h := sha256.New()
	fmt.Fprintf(h, "%v %v %v %v %v %v %v", c.Hints, c.Stubs, c.Forwarders, c.NoIPv4, c.NoIPv6, c.AllowLocalServers, c.ServerPort)
	return hex.EncodeToString(h.Sum(nil))
}

// show keeps the records of a type, with their signatures, that have shown a zone
// to be Secure.
func (w *walk) show(c *cut, section []dns.RR, name string, rrtype uint16) {
	if !w.r.cfg.Snapshots || w.private {
		return
	}
	var set []dns.RR
	for _, rr := range section {
		sig, signs := rr.(*dns.RRSIG)
		if strings.EqualFold(rr.Header().Name, name) && (rr.Header().Rrtype == rrtype || signs && sig.TypeCovered == rrtype) {
			set = append(set, rr)
		}
	}
	c.proof = slices.Concat(c.proof, dnssec.PackRecords(set))
}
