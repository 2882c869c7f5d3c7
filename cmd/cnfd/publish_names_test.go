package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

type memory struct {
	sets  map[string]publish.Set
	fails map[string]*publish.Error
}

func (z *memory) Read(_ context.Context, n string) (publish.Set, error) {
	if e := z.fails[n]; e != nil {
		return publish.Set{}, e
	}
	s := z.sets[n]
	s.Name = n
	return s, nil
}
func (z *memory) Write(_ context.Context, c publish.Change) error {
	z.sets[c.Name] = c.After
	return nil
}

// memoryWorld serves what stuck says, or what the zone holds.
type memoryWorld struct {
	*memory
	stuck map[string]publish.Set
}

func (w *memoryWorld) answer(q dnssec.Question) *dnssec.Answer {
	n := q.Name.String()
	s, ok := w.stuck[n]
	if !ok {
		s = w.sets[n]
	}
	a := &dnssec.Answer{Name: n, Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoData, Zone: "vendor.example."}
	for _, r := range s.Records {
		a.Kind, a.Data = dnssec.Positive, append(a.Data, r.RDATA())
	}
	return a
}
func (w *memoryWorld) LookupEach(_ context.Context, q dnssec.Question) (*dnssec.Each, error) {
	a := w.answer(q)
	return &dnssec.Each{Answer: a, Hops: []dnssec.Hop{{Name: a.Name, Zone: a.Zone, Servers: []dnssec.Server{{Name: "ns1.", Answer: a}}}}}, nil
}
func (w *memoryWorld) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	return w.answer(q), false, nil
}

// twoNames is a key that stands at two names of a zone in memory.
func twoNames(t *testing.T) (*publishOptions, *memoryWorld, *publish.Publisher, []publish.Entry) {
	r1, _ := publish.ParseRecord("255 255 255 0101010101010101010101010101010101010101010101010101010101010101")
	jwk := publish.Entry{Name: "jwk.cnf.vendor.example.", Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: r1}
	cwt := publish.Entry{Name: "1.8.vendor.example.", Domain: "vendor.example", Method: "1", Form: "dotted", Record: r1}
	w := &memoryWorld{&memory{map[string]publish.Set{}, map[string]*publish.Error{}}, map[string]publish.Set{}}
	for _, e := range []publish.Entry{jwk, cwt} {
		w.sets[e.Name] = publish.Set{Name: e.Name, TTL: time.Minute, Records: []publish.Record{r1}}
	}
	p, err := publish.New(publish.Config{Target: publish.Target{Name: "z", Zone: w.memory}, World: w, Now: time.Now, Timeout: 50 * time.Millisecond, Every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	return &publishOptions{now: time.Now, teller: newTeller(&b)}, w, p, []publish.Entry{jwk, cwt}
}

// removeOnce is what the command remove does: it finds the names, and withdraws.
func removeOnce(o *publishOptions, p *publish.Publisher, all []publish.Entry) (code int, err error) {
	r, err := p.Withdraw(context.Background(), o.standing(context.Background(), p, all, all[:1]))
	e, _ := err.(*publish.Error)
	return exitOf(&r, e), err
}

func TestRemoveWhereANameCannotBeRead(t *testing.T) {
	for _, k := range []publish.Kind{publish.RateLimited, publish.ServFail, publish.Unreachable} {
		whole, _, pub, names := twoNames(t)
		if code, _ := removeOnce(whole, pub, names); code != 0 {
			t.Fatalf("where both can be read: exit code %d", code)
		}
		o, w, p, all := twoNames(t)
		w.fails[all[1].Name] = &publish.Error{Kind: k, What: "the place fails"}
		code, err := removeOnce(o, p, all)
		if code == 0 && w.sets[all[1].Name].Has(all[1].Record) {
			t.Errorf("%v: exit 0 (%v), and the key still stands at %s", k, err, all[1].Name)
		}
	}
}

func TestRemoveAgainForgetsNoName(t *testing.T) {
	o, w, p, all := twoNames(t)
	w.stuck[all[1].Name] = w.sets[all[1].Name] // its server does not take the change
	code, err := removeOnce(o, p, all)
	if code != 1 {
		t.Fatal(code, err)
	}
	code, err = removeOnce(o, p, all) // "call this again to go on waiting"
	if a := w.answer(dnssec.Question{Name: mustName(all[1].Name), Type: 52}); code == 0 && len(a.Data) > 0 {
		t.Errorf("second call: exit %d (%v), and every server still serves the key at %s", code, err, all[1].Name)
	}
}

// TestWhatCannotBeReadKeepsNothingBack: a revocation goes on where a plan of it, shown to
// a person, has a name that could not be read.
func TestWhatCannotBeReadKeepsNothingBack(t *testing.T) {
	_, w, p, all := twoNames(t)
	w.fails[all[1].Name] = &publish.Error{Kind: publish.ServFail, What: "the place fails"}
	for claim, plan := range map[string]func(*publish.Publisher, context.Context, []publish.Entry) ([]publish.Change, error){
		"remove": (*publish.Publisher).PlanWithdraw, "remove --all": (*publish.Publisher).PlanWithdrawAll,
	} {
		changes, err := plan(p, t.Context(), all)
		if len(changes) != 2 || len(changes[0].Removed()) != 1 || !goesOn(verb{removes: true}, err) || goesOn(verb{}, err) {
			t.Errorf("%s: %v, %v", claim, changes, err)
		}
	}
	w.fails[all[0].Name] = w.fails[all[1].Name]
	if _, err := p.PlanWithdraw(t.Context(), all); goesOn(verb{removes: true}, err) || goesOn(verb{removes: true}, nil) {
		t.Errorf("nothing could be read, and it goes on: %v", err)
	}
}

func mustName(s string) dnssec.Name { n, _ := dnssec.NameOf(s); return n }

func TestRotateWhereANameCannotBeRead(t *testing.T) {
	_, w, p, all := twoNames(t)
	w.fails[all[1].Name] = &publish.Error{Kind: publish.Refused, What: "query refused (REFUSED)"} // the server reloads its zone
	var b bytes.Buffer
	var o rotateOptions
	o.now, o.teller = time.Now, newTeller(&b)
	r2, _ := publish.ParseRecord("255 255 255 0202020202020202020202020202020202020202020202020202020202020202")
	next := []publish.Entry{all[0], all[1]}
	for i := range next {
		next[i].Record = r2
	}
	named, _ := publish.NewRotation("s", "a", "b", all[:1], next[:1])
	a := &asked{old: holder{"a", all[:1], all}, new: holder{"b", next[:1], next}, named: named}
	r, err := o.begun(context.Background(), p, a, publish.Rotation{}, false)
	if err == nil && len(r.Swaps) == 1 {
		t.Errorf("the rotation begins without %s, where the old key stands: %s", all[1].Name, b.String())
	}
}
