//go:build soak

package fuzz

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

const (
	changedReplies = 1_000_000 // threats.md, figures to hold
	houseLife      = 400       // rounds before a house is built anew
)

// TestSoakReplies has a million replies of servers changed on their way, by octets and by meaning: records dropped,
// moved, replayed from other replies, forged and signed by somebody else, referrals led to servers of his. Whatever is
// proven must be what the zones say, at once and in the rounds after, out of what the cache then holds.
//
// CNFD_SOAK_SEED=<seed> plays one house alone.
func TestSoakReplies(t *testing.T) {
	w := newWood(t)
	w.honest(t)
	var changed, rounds, proven atomic.Int64
	play := func(seed uint64) {
		h := w.newHaunted(t, seed)
		defer h.close(t)
		for h.round < houseLife && !t.Failed() {
			h.play(t)
		}
		changed.Add(h.changed.Load())
		rounds.Add(int64(h.round))
		proven.Add(h.proven)
	}
	if s := os.Getenv("CNFD_SOAK_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		play(seed)
		return
	}
	var next atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for changed.Load() < changedReplies && !t.Failed() {
				play(next.Add(1))
			}
		})
	}
	all.Wait()
	// scripts/soak.sh takes this line into docs/testing.md.
	t.Logf("figure: %d changed replies in %d rounds, seeds 1 to %d; %d rounds were proven all the same, all of them right",
		changed.Load(), rounds.Load(), next.Load(), proven.Load())
	if proven.Load() == 0 || proven.Load() == rounds.Load() {
		t.Error("the changes all hit, or none did: nothing is shown")
	}
}

// haunted is the real verifier on the real resolver with the attacker on every wire. All that he does follows from the
// seed, the round and the question.
type haunted struct {
	w       *wood
	seed    uint64
	r       *resolver.Resolver
	v       *verifier.Verifier
	clock   atomic.Int64 // seconds after now
	round   int
	proven  int64
	changed atomic.Int64
	chance  float64    // that a reply of a victim is changed
	victim  netip.Addr // the zero Addr: every server
	mu      sync.Mutex // guards times
	times   map[string]int
}

func (w *wood) newHaunted(tb testing.TB, seed uint64) *haunted {
	h := &haunted{w: w, seed: seed, times: map[string]int{}}
	anchors, err := dnssec.ParseAnchors([]string{w.anchor})
	if err != nil {
		tb.Fatal(err)
	}
	clock := func() time.Time { return now.Add(time.Duration(h.clock.Load()) * time.Second) }
	h.r, err = resolver.New(resolver.Config{
		Now:     clock,
		Hints:   []resolver.Hint{{Name: "ns.", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
		Anchors: &anchors, NoIPv6: true, MaxBytes: 4 << 20, Exchanger: h,
	})
	if err != nil {
		tb.Fatal(err)
	}
	if h.v, err = verifier.New(verifier.Config{Source: h.r, Now: clock}); err != nil {
		tb.Fatal(err)
	}
	return h
}

func (h *haunted) close(tb testing.TB) {
	if err := h.r.Close(context.Background()); err != nil {
		tb.Error(err)
	}
}

// play forgets a part of what is known, asks one question with the attacker at work, and holds the answer to the truth;
// and now and then what the verifier makes of it.
func (h *haunted) play(t *testing.T) {
	d := h.dice("round")
	h.round++
	h.mu.Lock()
	clear(h.times)
	h.mu.Unlock()
	h.chance = []float64{0, 0.3, 0.6, 1, 1}[d.IntN(5)]
	h.victim = netip.Addr{}
	if d.IntN(8) > 0 {
		h.victim = netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + d.IntN(7))})
	}
	switch d.IntN(10) {
	case 0:
		h.r.Drop(".")
	case 1:
		h.r.Drop("example.")
	case 2:
		h.clock.Add(int64(d.IntN(400)))
	default:
		h.r.Drop([]string{"vendor.example.", "empty.example.", "alias.example.", "plain.example.", "nobody.example."}[d.IntN(5)])
	}
	u := h.w.truths[d.IntN(len(h.w.truths))]
	a := h.ask(t, u)
	switch {
	case a.Security == dnssec.Secure:
		h.proven++
		if how := u.differs(a); how != "" {
			h.fail(t, u, how)
		}
	case a.Security == dnssec.Insecure && u.security == dnssec.Secure && u.name != "plain.example.": // its parent is signed, it is not
		h.fail(t, u, "it is signed, and taken for unsigned")
	}
	if d.IntN(4) == 0 {
		h.verdict(t, d)
	}
}

// ask is one question; what else is fetched on its behalf may be changed too.
func (h *haunted) ask(t *testing.T, u truth) *dnssec.Answer {
	name, ok := dnssec.NameOf(u.name)
	if !ok {
		t.Fatal(u.name)
	}
	a, _, err := h.r.Lookup(context.Background(), dnssec.Question{Name: name, Type: u.rrtype})
	if err != nil {
		h.fail(t, u, err.Error())
		return &dnssec.Answer{}
	}
	return a
}

// verdict is the same of the whole house: another's key is confirmed nowhere, and the published one is not refuted.
func (h *haunted) verdict(t *testing.T, d *rand.Rand) {
	domain := []string{"vendor.example", "empty.example", "alias.example", "plain.example", "nobody.example"}[d.IntN(5)]
	k, never := h.w.stranger, verifier.Confirmed
	if d.IntN(2) == 0 {
		k, never = h.w.vendor, verifier.Refuted
		if domain != "vendor.example" && domain != "alias.example" {
			never = verifier.Confirmed
		}
	}
	v, err := h.v.Verify(context.Background(), &verifier.Request{Input: verifier.InputClaims, Bytes: k.claims("https://" + domain)})
	if err != nil || v.Outcome() == never {
		h.fail(t, truth{name: domain}, fmt.Sprintf("%s %v", v.AppendJSON(nil, ""), err))
	}
}

func (h *haunted) fail(t *testing.T, u truth, how string) {
	t.Errorf("CNFD_SOAK_SEED=%d, round %d, %s %s: %s", h.seed, h.round, u.name, dns.TypeToString[u.rrtype], how)
}

// dice are those of one event of this round.
func (h *haunted) dice(event string) *rand.Rand {
	sum := fnv.New64a()
	fmt.Fprint(sum, h.seed, " ", h.round, " ", event)
	return rand.New(rand.NewPCG(sum.Sum64(), h.seed))
}

// Exchange is a resolver.Exchanger.
func (h *haunted) Exchange(_ context.Context, server netip.AddrPort, _ string, q *dns.Msg) (*dns.Msg, error) {
	wire, err := h.w.reply(server.Addr(), q.Question[0])
	if err != nil {
		return nil, err
	}
	event := server.Addr().String() + q.Question[0].Name + dns.TypeToString[q.Question[0].Qtype]
	h.mu.Lock()
	h.times[event]++
	n := h.times[event]
	h.mu.Unlock()
	if d := h.dice(fmt.Sprint(event, n)); (!h.victim.IsValid() || h.victim == server.Addr()) && d.Float64() < h.chance {
		h.changed.Add(1)
		if wire, err = h.w.spoil(d, wire); err != nil {
			return nil, err
		}
	}
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, err
	}
	m.Id, m.Response, m.Question = q.Id, true, q.Question
	return m, nil
}
