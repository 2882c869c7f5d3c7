package publish

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
)

// scene is a zone, the place where it is written, and the servers that serve it, each
// with its own lag. It is for one synctest bubble.
type scene struct {
	*place
	mu         sync.Mutex // guards what Lookup and LookupEach change
	servers    []*server
	security   dnssec.Security // of all answers
	apex       string
	alias      string // a CNAME that the world sees at every name
	wildcard   []Record
	negative   time.Duration
	events     []Event
	before     func(a *dnssec.Answer) // changes an answer of Lookup before it is given
	each       func(*dnssec.Each)     // changes what LookupEach gives before it is summed up
	away       bool                   // forwarders are asked: no server can be
	asked      int                    // rounds of LookupEach
	skipped    bool                   // this machine has no way to any server
	signed     dnssec.Records         // beside the records of an answer
	overridden bool                   // a negative trust anchor covers the zone
	ctx        context.Context        // of a test that ends it with cancel
	cancel     context.CancelFunc
	now        func() time.Time
}

// server serves what the place held a while ago.
type server struct {
	lag    time.Duration
	stuck  bool // it serves what was there at the start
	silent bool
	// skipped: this machine has no way to it.
	skipped bool
	ttl     uint32 // that its set is signed with; 0: as the scene says
}

// place is an honest Zone: it does all of a change or nothing, sees that the set is as
// the change says, and can fail before and after having done the work.
type place struct {
	sets    map[string]Set
	history []moment
	writes  int
	// Each is called with the number of the write, counted from 0, and may be nil.
	failBefore, failAfter func(n int) error
	failRead              func(n int) error
	reads                 int
	meanwhile             func(n int)   // somebody else's work between a read and the n-th write
	mangle                func(Set) Set // what the place makes of a set
	unguarded             bool
	clock                 func() time.Time
}

type moment struct {
	at   time.Time
	name string
	set  Set
}

const owner, domain = "jwk.cnf.vendor.example.", "vendor.example"

var ours, theirs, odd = recordWith(1), recordWith(2), must("0 0 1 00ff")

func must(text string) Record {
	r, err := ParseRecord(text)
	if err != nil {
		panic(err)
	}
	return r
}

func recordWith(b byte) Record {
	return must("255 255 255 " + strings.Repeat(fmt.Sprintf("%02x", b), 32))
}

func entry(r Record) Entry {
	return Entry{Name: owner, Domain: domain, Method: "jwk", Form: "dotted", Record: r}
}

// newScene is a signed zone of two prompt servers, in which somebody else's records
// stand at owner.
func newScene(records ...Record) *scene {
	s := &scene{
		place: &place{sets: map[string]Set{}, clock: time.Now}, servers: []*server{{}, {}}, security: dnssec.Secure,
		apex: domain + ".", negative: 60 * time.Second, now: time.Now,
	}
	if len(records) > 0 {
		s.sets[owner] = Set{Name: owner, TTL: 300 * time.Second, Records: records}
	}
	for name, set := range s.sets {
		s.history = append(s.history, moment{time.Time{}, name, set})
	}
	return s
}

// publisher works in the scene; with changes, where there are any, to its configuration.
func (s *scene) publisher(t testing.TB, changes ...func(*Config)) *Publisher {
	t.Helper()
	c := Config{Target: Target{Name: "the place", Zone: s.place}, World: s, Now: s.now, Progress: func(e Event) { s.events = append(s.events, e) }}
	for _, change := range changes {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// others are the records at owner beside ours.
func (s *scene) others() []Record { return without(s.sets[owner].Records, []Record{ours}) }

func (p *place) put(set Set) {
	p.sets[set.Name] = set
	p.history = append(p.history, moment{p.clock(), set.Name, set})
}

func (p *place) Read(ctx context.Context, name string) (Set, error) {
	p.reads++
	if p.failRead != nil {
		if err := p.failRead(p.reads - 1); err != nil {
			return Set{}, err
		}
	}
	s := p.sets[name]
	s.Name, s.Records = name, slices.Clone(s.Records)
	return s, ctx.Err()
}

func (p *place) Write(ctx context.Context, c Change) error {
	n := p.writes
	p.writes++
	if p.meanwhile != nil {
		p.meanwhile(n)
	}
	if p.failBefore != nil {
		if err := p.failBefore(n); err != nil {
			return err
		}
	}
	if have := p.sets[c.Name]; !p.unguarded && !have.Same(c.Before) {
		return &Error{Kind: Conflict, What: "set is not as it was"}
	}
	set := Set{Name: c.Name, TTL: c.After.TTL, Records: slices.Clone(c.After.Records)}
	if p.mangle != nil {
		set = p.mangle(set)
	}
	p.put(set)
	if p.failAfter != nil {
		return p.failAfter(n)
	}
	return nil
}

// as is what stood at a name at a time.
func (p *place) as(name string, at time.Time) (set Set) {
	for _, m := range p.history {
		if m.name == name && !m.at.After(at) {
			set = m.set
		}
	}
	return set
}

// LookupEach says what all servers say, and nothing where they differ or not all could
// be asked.
func (s *scene) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.away {
		return &dnssec.Each{Answer: &dnssec.Answer{}, Forwarded: true}, nil
	}
	name := q.Name.String()
	e := &dnssec.Each{Hops: []dnssec.Hop{{Name: name, Zone: s.apex}}}
	for i, v := range s.servers {
		one := dnssec.Server{Name: fmt.Sprintf("ns%d.%s.", i+1, domain), Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}
		one.Skipped = s.skipped || v.skipped
		switch {
		case one.Skipped:
		case v.silent:
			one.Trouble = dnssec.Trouble{Text: "no answer in 2.8 s"}
			e.Differ, e.Hops[0].Differ = true, true
		default:
			one.Answer = s.answer(name, s.seen(v, name))
			if v.ttl > 0 {
				one.Answer.AnswerSection = signatures(dnssec.TypeTLSA, v.ttl)
			}
			if e.Answer != nil && fmt.Sprint(e.Answer.Data) != fmt.Sprint(one.Answer.Data) {
				e.Differ, e.Hops[0].Differ = true, true
			}
			if e.Answer == nil {
				e.Answer = one.Answer
			}
		}
		e.Hops[0].Servers = append(e.Hops[0].Servers, one)
	}
	if s.each != nil {
		s.each(e)
	}
	if e.Differ || e.Answer == nil {
		e.Answer = &dnssec.Answer{Name: name, Type: dnssec.TypeTLSA, Zone: s.apex, Trouble: dnssec.Trouble{Text: "the servers do not all say the same"}}
	}
	if s.alias != "" {
		e.Hops = append(e.Hops, dnssec.Hop{Name: s.alias})
	}
	return e, nil
}

func (s *scene) seen(v *server, name string) Set {
	at := s.now().Add(-v.lag)
	if v.stuck {
		at = time.Time{}
	}
	return s.as(name, at)
}

func (s *scene) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := q.Name.String()
	a := s.answer(name, s.seen(s.servers[len(s.servers)-1], name))
	if q.Type == typeSOA {
		soa := make([]byte, 2+20)
		binary.BigEndian.PutUint32(soa[18:], uint32(s.negative/time.Second))
		a.Kind, a.Data = dnssec.Positive, [][]byte{soa}
	}
	if s.before != nil {
		s.before(a)
	}
	return a, false, ctx.Err()
}

func (s *scene) answer(name string, set Set) *dnssec.Answer {
	a := &dnssec.Answer{
		Name: name, Type: dnssec.TypeTLSA, Security: s.security, Kind: dnssec.NoData, Zone: s.apex,
		AnswerSection: s.signed, Overridden: s.overridden,
	}
	records := set.Records
	if len(records) == 0 && len(s.wildcard) > 0 {
		records, a.Wildcard = s.wildcard, true
	}
	for _, r := range records {
		a.Kind, a.Data = dnssec.Positive, append(a.Data, r.RDATA())
	}
	return a
}

// said reports whether an event of that step has that text in it.
func (s *scene) said(step Step, part string) bool {
	return slices.ContainsFunc(s.events, func(e Event) bool { return e.Step == step && strings.Contains(e.Text, part) })
}
