package anchor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"cnfd/dnssec"
	"cnfd/dnssec/rollover"

	"github.com/miekg/dns"
)

// troubleOf says what keeps everything below a point from being proven; nil
// where nothing is known to.
func (k *Keeper) troubleOf(p *point) error {
	switch {
	case !k.cfg.Still && p.state.Empty():
		return emptied(p.state.Name)
	case !p.offTo.IsZero():
		return wrongClock(p)
	}
	return nil
}

func wrongClock(p *point) error {
	return fmt.Errorf("the clock is wrong: it says %s, but the keys of %s are signed from %s to %s: set the clock",
		p.asked.UTC().Format(time.RFC3339), p.state.Name, p.offFrom.UTC().Format(time.RFC3339), p.offTo.UTC().Format(time.RFC3339))
}

func emptied(name string) error {
	return fmt.Errorf("no trust anchor is left for %s, every one was revoked: put its new key into resolver.trust_anchors", name)
}

// tellEmpty says in the log and to Ready that nothing is trusted any more.
func (k *Keeper) tellEmpty(p *point) {
	if !p.state.Empty() {
		return
	}
	k.mu.Lock()
	k.troubles[p.state.Name] = emptied(p.state.Name)
	k.mu.Unlock()
	k.cfg.Log.Error("trust anchor: " + emptied(p.state.Name).Error())
}

func (k *Keeper) tellUnusable(name string, err error) {
	what := "it is put aside and the configured anchors hold"
	if k.cfg.ReadOnly {
		what = "the configured anchors hold"
	}
	k.cfg.Log.Error("trust anchor: the state file cannot be used: "+what, "zone", name, "err", err)
}

func (k *Keeper) tellRevoked(name string, key *dns.DNSKEY) {
	k.cfg.Log.Error("trust anchor: a configured key is revoked by its owner and not used: take it out of the configuration",
		"zone", name, "key", key.KeyTag(), "algorithm", key.Algorithm)
}

// tell logs one change.
func (k *Keeper) tell(e rollover.Event) {
	if e.To == rollover.Revoked && e.Configured {
		k.tellRevoked(e.Point, e.Key)
		return
	}
	level := slog.LevelInfo
	if e.To == rollover.Revoked || e.To == rollover.Missing {
		level = slog.LevelWarn
	}
	args := []any{"zone", e.Point, "key", e.Key.KeyTag(), "algorithm", e.Key.Algorithm, "from", e.From.String(), "to", e.To.String()}
	if !e.Until.IsZero() {
		args = append(args, "until", e.Until.UTC().Format(time.RFC3339))
	}
	k.cfg.Log.Log(context.Background(), level, cmp.Or(sentences[e.To], "trust anchor: a key is followed no more"), args...)
}

var sentences = map[rollover.State]string{
	rollover.AddPend: "trust anchor: a new key is seen; it is trusted when it stays for the whole hold-down",
	rollover.Valid:   "trust anchor: a key is trusted",
	rollover.Missing: "trust anchor: a key is missing from its zone; it stays trusted",
	rollover.Revoked: "trust anchor: a key is revoked, for good",
	rollover.Removed: "trust anchor: a revoked key has left; it is remembered",
}

// tellUnproven logs why a set is not proven, once until that changes.
func (k *Keeper) tellUnproven(p *point, set dnssec.KeySet, err error) {
	kind, why := "unproven", set.Trouble.Text
	switch {
	case !p.offTo.IsZero():
		kind = "clock"
	case err != nil:
		kind, why = "unreachable", err.Error()
	}
	if p.warned == kind {
		return
	}
	if p.warned = kind; kind == "clock" {
		k.cfg.Log.Error(wrongClock(p).Error())
		return
	}
	k.cfg.Log.Warn("trust anchor: the keys are not proven", "zone", p.state.Name, "why", why)
}
