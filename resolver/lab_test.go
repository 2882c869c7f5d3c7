package resolver

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// site is one zone of a lab.
type site struct {
	name    string
	at      []string // addresses of its servers; ns1, ns2, … inside the zone
	records string   // zone-file lines, names relative
	policy  *zone.Policy
	bare    bool     // unsigned
	ns      []string // names of its servers instead, which lie elsewhere
	ds      func([]dns.RR) []dns.RR
}

// lab is a small Internet in memory: authoritative servers that answer
// honestly until they are told otherwise. It is an Exchanger. Run it in a
// synctest bubble: an exchange takes 10 ms, silence takes as long as one waits.
type lab struct {
	zones  map[string]*zone.Zone
	on     map[netip.Addr]map[string]*zone.Zone
	anchor string

	mu     sync.Mutex // guards what follows
	tamper map[netip.Addr]func(network string, q, r *dns.Msg) *dns.Msg
	sent   []string // "192.0.2.1 udp name. TYPE"
}

const (
	rootAt    = "192.0.2.1"
	exampleAt = "192.0.2.2"
	testAt    = "192.0.2.3"
	vendorAt  = "192.0.2.4"
	vendor2At = "192.0.2.5"
	otherAt   = "192.0.2.6"
	evilAt    = "192.0.2.66"

	key   = "80D55420A698198F17CDA95C1955872A78EB2657C785F61FD19C5A1C971964EB"
	owner = "jwk.cnf.vendor.example."
)

// tree is the lab that most tests walk: a root, two top-level domains and a
// zone on two servers, with more where a test brings it.
func tree(more ...site) []site {
	return append([]site{
		{name: ".", at: []string{rootAt}},
		{name: "example.", at: []string{exampleAt}},
		{name: "test.", at: []string{testAt}, policy: &zone.Policy{Denial: zone.NSEC3}},
		{name: "vendor.example.", at: []string{vendorAt, vendor2At}, records: `
jwk.cnf 300 TLSA 255 255 255 ` + key + `
www     300 TXT "no key"
a       300 CNAME jwk.cnf
out     300 CNAME jwk.cnf.vendor.test.
*.wild  300 TLSA 255 255 255 ` + key + `
`},
		{name: "vendor.test.", at: []string{otherAt}, records: "jwk.cnf 200 TLSA 255 255 255 " + key + "\n"},
	}, more...)
}

func newLab(tb testing.TB, sites ...site) *lab {
	tb.Helper()
	l := &lab{zones: map[string]*zone.Zone{}, on: map[netip.Addr]map[string]*zone.Zone{}, tamper: map[netip.Addr]func(string, *dns.Msg, *dns.Msg) *dns.Msg{}}
	below := map[string][]dns.RR{}
	slices.SortFunc(sites, func(a, b site) int { return dnssec.Labels(b.name) - dnssec.Labels(a.name) })
	for _, s := range sites {
		z := l.add(tb, s, below[s.name])
		if s.name == "." {
			l.anchor = z.DS(dns.SHA256)[0].String()
			continue
		}
		up := "."
		for _, p := range sites {
			if p.name != s.name && dnssec.IsSubdomain(s.name, p.name) && len(p.name) > len(up) {
				up = p.name
			}
		}
		for i, n := range s.servers() {
			below[up] = append(below[up], parse(tb, up, s.name+" 3600 NS "+n)...)
			if dnssec.IsSubdomain(n, s.name) {
				below[up] = append(below[up], parse(tb, up, n+" 3600 A "+s.at[i])...)
			}
		}
		ds := z.DS(dns.SHA256)
		if s.ds != nil {
			ds = s.ds(ds)
		}
		below[up] = append(below[up], ds...)
	}
	return l
}

func (s site) servers() []string {
	if s.ns != nil {
		return s.ns
	}
	var out []string
	for i := range s.at {
		out = append(out, fmt.Sprintf("ns%d.%s", i+1, strings.TrimPrefix(s.name, ".")))
	}
	return out
}

func (l *lab) add(tb testing.TB, s site, below []dns.RR) *zone.Zone {
	tb.Helper()
	text := fmt.Sprintf("@ 3600 SOA %s host. 1 7200 3600 1209600 300\n", s.servers()[0])
	for i, n := range s.servers() {
		text += "@ 3600 NS " + n + "\n"
		if s.ns == nil {
			text += n + " 3600 A " + s.at[i] + "\n"
		}
	}
	p := zone.Policy{}
	if s.policy != nil {
		p = *s.policy
	}
	if !s.bare && p.Keys == nil {
		seed := sha256.Sum256([]byte(s.name)) // the same keys in every process: fuzzers compare
		k, err := zone.NewKey(dns.ED25519, 257, ed25519.NewKeyFromSeed(seed[:]))
		if err != nil {
			tb.Fatal(err)
		}
		p.Keys = []*zone.Key{k}
	}
	z, err := zone.New(s.name, p, append(parse(tb, s.name, text+s.records), below...))
	if err != nil {
		tb.Fatal(err)
	}
	l.zones[s.name] = z
	for _, at := range s.at {
		a := netip.MustParseAddr(at)
		if l.on[a] == nil {
			l.on[a] = map[string]*zone.Zone{}
		}
		l.on[a][s.name] = z
	}
	return z
}

func parse(tb testing.TB, origin, text string) []dns.RR {
	tb.Helper()
	var out []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), origin, origin)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		out = append(out, rr)
	}
	if err := p.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

// Exchange answers as the server at that address would.
func (l *lab) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	l.mu.Lock()
	l.sent = append(l.sent, fmt.Sprintf("%s %s %s %s", server.Addr(), network, q.Question[0].Name, dns.Type(q.Question[0].Qtype)))
	tamper := l.tamper[server.Addr()]
	l.mu.Unlock()
	zones := l.on[server.Addr()]
	if zones == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r := serve(zones, q)
	if tamper != nil {
		if r = tamper(network, q, r); r == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	size := dns.MaxMsgSize
	if network == "udp" {
		size = dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
	}
	r.Compress = true
	if r.Len() > size {
		r.Truncated, r.Answer, r.Ns, r.Extra = true, nil, nil, nil
	}
	wire, err := r.Pack()
	if err != nil {
		return nil, err
	}
	out := new(dns.Msg)
	return out, out.Unpack(wire)
}

// serve is what an honest server with these zones says.
func serve(zones map[string]*zone.Zone, q *dns.Msg) *dns.Msg {
	r := new(dns.Msg).SetReply(q)
	name, rrtype := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	var best *zone.Zone
	for apex, z := range zones {
		held := dnssec.IsSubdomain(name, apex) && (best == nil || len(apex) > len(best.Apex()))
		if held && rrtype == dns.TypeDS && apex == name && name != "." {
			held = !slices.ContainsFunc([]string{dnssec.Parent(name), dnssec.Parent(dnssec.Parent(name))}, func(up string) bool {
				return zones[up] != nil && zones[up].Delegates(name)
			})
		}
		if held {
			best = z
		}
	}
	if best == nil {
		r.Rcode = dns.RcodeRefused
		return r
	}
	o := q.IsEdns0()
	if o != nil {
		r.SetEdns0(1232, o.Do())
	}
	a := best.Answer(q.Question[0].Name, rrtype, o != nil && o.Do(), time.Now())
	r.Rcode, r.Authoritative = a.Rcode, a.Authoritative
	r.Answer, r.Ns, r.Extra = a.Answer, a.Authority, append(a.Additional, r.Extra...)
	return r
}

// lie makes servers say something else; nil makes them honest, a reply of nil
// silent.
func (l *lab) lie(f func(network string, q, r *dns.Msg) *dns.Msg, at ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range at {
		l.tamper[netip.MustParseAddr(a)] = f
	}
}

func silent(string, *dns.Msg, *dns.Msg) *dns.Msg { return nil }

// count is the number of messages sent since the last call, and forgets them.
func (l *lab) count() int { return len(l.log()) }

func (l *lab) log() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.sent
	l.sent = nil
	return out
}

// asked reports whether a server was sent anything since the last count.
func (l *lab) asked(at string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.sent, func(s string) bool { return strings.HasPrefix(s, at+" ") })
}

// resolver makes a resolver of the lab.
func (l *lab) resolver(tb testing.TB, edit ...func(*Config)) *Resolver {
	tb.Helper()
	anchors, err := dnssec.ParseAnchors([]string{l.anchor})
	if err != nil {
		tb.Fatal(err)
	}
	c := Config{
		Now: time.Now, Hints: []Hint{{"ns1.", []netip.Addr{netip.MustParseAddr(rootAt)}}},
		Anchors: &anchors, Exchanger: l, MaxBytes: 4 << 20,
	}
	for _, e := range edit {
		e(&c)
	}
	r, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	r.chance = func(int) bool { return false }
	return r
}

func ask(tb testing.TB, r *Resolver, name string, rrtype uint16) *dnssec.Answer {
	tb.Helper()
	a, _ := lookup(tb, r, dnssec.Question{Type: rrtype}, name)
	return a
}

func lookup(tb testing.TB, r *Resolver, q dnssec.Question, name string) (*dnssec.Answer, bool) {
	tb.Helper()
	var ok bool
	if q.Name, ok = dnssec.NameOf(name); !ok {
		tb.Fatalf("%q is no name", name)
	}
	a, cached, err := r.Lookup(tb.Context(), q)
	if err != nil {
		tb.Fatal(err)
	}
	return a, cached
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
