package resolver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// Restored is what became of a snapshot.
type Restored struct {
	Zones, Answers int // proven anew, and cached
	Dropped        int // over by now, or not proven
	Unread         int // when the time for reading was over
}

// Restore takes a snapshot into the cache. Every zone is proven anew from its parent
// or its anchor, and every answer from its zone, by the anchors, the policy and the
// time of now; what does not prove is dropped. Nothing becomes younger than it was or
// lives longer than it would have. It is to be called before the first question: it
// does not look whether something newer is cached. When ctx ends the rest is not read.
//
// A snapshot that is damaged, of another version or setting, or written at a time that
// has not come yet, is an error, and nothing of it is taken.
func (r *Resolver) Restore(ctx context.Context, from io.Reader, limit int64) (Restored, error) {
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return Restored{}, err
	}
	if int64(len(text)) > limit {
		return Restored{}, fmt.Errorf("over %d octets", limit)
	}
	s, err := readSnapshot(text)
	if err != nil {
		return Restored{}, err
	}
	now := r.cfg.Now()
	switch {
	case s.head.Setting != r.setting():
		return Restored{}, errors.New("it was made with other servers or modes in the configuration")
	case s.head.Written.After(now):
		return Restored{}, fmt.Errorf("it was written at %s, which is yet to come: the clock was set back", s.head.Written.UTC().Format(time.RFC3339))
	}
	var zones, answers, unread atomic.Int64
	for _, level := range s.levels() {
		each(level, func(z *savedZone) {
			switch {
			case ctx.Err() != nil:
				unread.Add(1)
			case r.newWalk(ctx, now).reviveZone(z, s.head.Written):
				zones.Add(1)
			}
		})
	}
	each(s.answers, func(a *savedAnswer) {
		switch {
		case ctx.Err() != nil:
			unread.Add(1)
		case r.newWalk(ctx, now).reviveAnswer(a, s.head.Written):
			answers.Add(1)
		}
	})
	out := Restored{Zones: int(zones.Load()), Answers: int(answers.Load()), Unread: int(unread.Load())}
	out.Dropped = len(s.zones) + len(s.answers) - out.Zones - out.Answers - out.Unread
	return out, nil
}

// reviveZone proves a zone from what was saved and keeps it.
func (w *walk) reviveZone(z *savedZone, written time.Time) bool {
	if normal, ok := dnssec.Normal(z.Zone); !ok || normal != z.Zone || !w.alive(z.Until, written) || w.negative(z.Zone) {
		return false
	}
	if _, stub := w.r.stubs[z.Zone]; stub && !z.Fixed {
		return false
	}
	c := &cut{fixed: z.Fixed, until: z.Until, granted: z.Granted, rooted: written.Add(-maxChainTTL), proof: z.Proof}
	proof := &dns.Msg{Answer: dnssec.Records(z.Proof).RRs()}
	parent := w.savedAbove(z.Zone)
	trust := w.r.anchors.Load().At(z.Zone)
	if trust == nil {
		if parent == nil || w.r.setApart(dnssec.Parent(z.Zone), parent.zone.Name) {
			return false
		}
		d := parent.zone.Delegation(z.Zone, proof, w.terms)
		if d.Cut != dnssec.CutSecure {
			return false
		}
		trust = d.Trust
		c.until = sooner(c.until, d.Until)
		c.under(parent)
	}
	if c.zone = dnssec.ProveZone(z.Zone, trust, proof, w.terms); c.zone.Security != dnssec.Secure {
		return false
	}
	if c.servers = w.savedServers(z, parent); len(c.servers) == 0 {
		return false
	}
	for _, s := range z.Servers {
		if name, ok := dnssec.Normal(s.Name); ok && s.Own && len(c.servers)+len(c.own) < maxServers {
			c.own = append(c.own, server{name: name})
		}
	}
	w.keep(c)
	return true
}

// reviveAnswer proves an answer from what was saved and keeps it.
func (w *walk) reviveAnswer(s *savedAnswer, written time.Time) bool {
	if _, ok := dnssec.NameOf(s.Name); !ok || !w.alive(s.Until, written) || s.Fetched.After(written) || w.negative(s.Name) || !dnssec.IsSubdomain(s.Name, s.Zone) || w.r.setApart(s.Name, s.Zone) {
		return false
	}
	if normal, ok := dnssec.Normal(s.Name); !ok || normal != s.Name {
		return false
	}
	c := w.saved(s.Zone)
	if c == nil || c.zone.Security != dnssec.Secure {
		return false
	}
	msg := &dns.Msg{Answer: dnssec.Records(s.Answer).RRs(), Ns: dnssec.Records(s.Authority).RRs()}
	msg.Rcode = s.Rcode // proven like all else
	f := c.zone.Answer(msg, s.Name, s.Type, w.terms)
	if f.Security != dnssec.Secure || f.Target != "" || f.Kind == dnssec.NoAnswer {
		return false
	}
	f.Since = s.Fetched
	a := w.compose(s.Name, s.Type, f, c)
	if a.Until = sooner(a.Until, s.Until); !a.Until.After(w.terms.Now) {
		return false
	}
	key := string(answerKey(nil, []byte(s.Name), s.Type))
	w.r.cache.Put(key, cache.Entry[*entry]{Value: keptAnswer(key, a), Size: answerSize(a), Until: a.Until, Since: a.Fetched})
	return true
}

// alive reports whether what was saved may still be true: nothing is believed for
// longer than maxChainTTL, whatever a file says.
func (w *walk) alive(until, written time.Time) bool {
	return until.After(w.terms.Now) && !until.After(written.Add(maxChainTTL))
}

// saved is a zone cut that was revived before; never one from the network.
func (w *walk) saved(name string) *cut {
	e, ok := w.r.cache.PeekString(cutKey(name), time.Time{})
	if !ok {
		return nil
	}
	return e.cut
}

// savedAbove is the nearest zone above a name that was revived.
func (w *walk) savedAbove(name string) *cut {
	for name != "." {
		name = dnssec.Parent(name)
		if c := w.saved(name); c != nil {
			return c
		}
	}
	return nil
}

// savedServers are a zone's servers: where they are configured those of now, else
// those that were saved, under the rules for learnt addresses.
func (w *walk) savedServers(z *savedZone, parent *cut) []server {
	if z.Fixed {
		s, stub := w.r.stubs[z.Zone]
		switch {
		case stub:
			return []server{{name: z.Zone, addrs: s.Addresses}}
		case z.Zone != "." && parent != nil:
			return parent.servers
		case z.Zone == "." && len(w.r.forwarders) > 0:
			return w.r.forwarders
		case z.Zone == ".":
			return w.r.hinted()
		}
		return nil
	}
	refused := func(a netip.Addr) bool { return !a.IsValid() || !w.r.mayAsk(a.Unmap()) }
	var out []server
	for _, s := range z.Servers {
		if name, ok := dnssec.Normal(s.Name); ok && !s.Own && len(out) < maxServers {
			out = append(out, server{name: name, addrs: slices.DeleteFunc(s.Addrs, refused), offered: slices.DeleteFunc(s.Offered, refused)})
		}
	}
	return out
}

// saved is a snapshot that was read.
type saved struct {
	head    snapshotHead
	zones   []savedZone
	answers []savedAnswer
}

// levels are the zones by their depth, so that those above are proven first.
func (s *saved) levels() [][]savedZone {
	slices.SortStableFunc(s.zones, func(a, b savedZone) int { return dnssec.Labels(a.Zone) - dnssec.Labels(b.Zone) })
	var out [][]savedZone
	for from, i := 0, 1; i <= len(s.zones); i++ {
		if i == len(s.zones) || dnssec.Labels(s.zones[i].Zone) != dnssec.Labels(s.zones[from].Zone) {
			out = append(out, s.zones[from:i])
			from = i
		}
	}
	return out
}

// readSnapshot reads the lines of a snapshot, which must be whole, and strictly what
// Snapshot writes. Nothing in it is judged.
func readSnapshot(text []byte) (*saved, error) {
	body, last := text, []byte(nil)
	if i := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n'); i >= 0 {
		body, last = text[:i+1], text[i+1:]
	}
	var sum savedSum
	if err := strictly(last, &sum); err != nil {
		return nil, errors.New("it is not a snapshot, or cut short")
	}
	if real := sha256.Sum256(body); hex.EncodeToString(real[:]) != sum.SHA256 {
		return nil, errors.New("it is damaged: its digest does not fit")
	}
	s := &saved{}
	for i, line := range bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
		var err error
		switch {
		case i == 0:
			if err = strictly(line, &s.head); err == nil && (s.head.Kind != snapshotKind || s.head.Version != snapshotVersion) {
				return nil, fmt.Errorf("it is a %.20q of version %d: version %d is read here", s.head.Kind, s.head.Version, snapshotVersion)
			}
		case i <= s.head.Zones:
			var z savedZone
			err = strictly(line, &z)
			s.zones = append(s.zones, z)
		default:
			var a savedAnswer
			err = strictly(line, &a)
			s.answers = append(s.answers, a)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d is not of a snapshot", i+1)
		}
	}
	if len(s.zones) != s.head.Zones || len(s.answers) != s.head.Answers {
		return nil, errors.New("it does not have the lines that it counts")
	}
	return s, nil
}

func strictly(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// each calls f for every item, on all processors at once, and waits for the last.
func each[T any](items []T, f func(*T)) {
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(items)) {
		working.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				f(&items[i])
			}
		})
	}
	working.Wait()
}
