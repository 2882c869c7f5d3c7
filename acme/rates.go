package acme

import (
	"container/heap"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// hourlyAccounts bounds what one source makes the store keep for good (Boulder: 10 accounts of an address in
	// 3 h; ours are of one house, whose machines are often behind one address).
	hourlyAccounts = 100
	// hourlyIdentifiers bounds the look-ups, in anybody's zones and past the cache, that one account costs, whether its
	// orders are refused or not (Boulder: 300 orders of 100 names in 3 h, which looks names up only when a challenge is answered).
	hourlyIdentifiers = 3000
	// accountsTogether is how many accounts' worth of identifiers all accounts of one source have together, so
	// that making accounts is no way around the limit of one (Boulder: as many as an address can make, 10).
	accountsTogether = 10
	// sourcesTogether is how many sources' worth of everything an IPv6 /48 has: one site may well have all of its 65,536
	// (RFC 6177; Boulder: 500 accounts of a /48 in 3 h).
	sourcesTogether = 10
	// toldOfOne bounds the log: so many lines an hour of what one account sent amiss.
	toldOfOne = 60
	// mostDebtors bounds the memory of each rate: about 200 octets for each.
	mostDebtors = 1 << 14
)

// rates bound what anybody can ask for that costs something. They are of this process: the next one has
// counted nothing yet.
type rates struct {
	mu       sync.Mutex // guards what follows
	now      func() time.Time
	last     time.Time     // that the clock has said
	behind   time.Duration // what it was set back by, all in all
	accounts sourced       // that are made
	ordered  rate          // identifiers, of an account
	together sourced       // identifiers, of all accounts together
	told     rate          // lines of the log that say who is over a limit
	refused  rate          // lines of the log that say what of an account was refused
}

// sourced are the rates of a source, and of the /48 that it is in.
type sourced struct{ narrow, wide rate }

// newRates makes those of a Config that has its defaults.
func newRates(c *Config) *rates {
	return &rates{
		now:      c.Now,
		accounts: newSourced("new accounts", "acme.new_accounts", c.NewAccounts, 1, 1),
		ordered:  newRate("names in orders of one account", "acme.new_orders", c.NewOrders, c.MaxNames, mostDebtors),
		together: newSourced("names in orders", "acme.new_orders", c.NewOrders, accountsTogether, c.MaxNames),
		told:     newRate("", "", 1, 1, mostDebtors),
		refused:  newRate("", "", toldOfOne, toldOfOne, mostDebtors),
	}
}

func newSourced(what, key string, hourly, times, atOnce int) sourced {
	wide := times * sourcesTogether
	return sourced{
		narrow: newRate(what+" of one address", multiple(key, times), hourly*times, atOnce, mostDebtors),
		wide:   newRate(what+" of one IPv6 /48", multiple(key, wide), hourly*wide, atOnce, mostDebtors),
	}
}

// multiple names a limit that is so many times a setting.
func multiple(key string, times int) string {
	if times == 1 {
		return key
	}
	return fmt.Sprintf("%s times %d", key, times)
}

// countAccount counts an account that is about to be made; the problem says that there were too many.
func (s *Server) countAccount(c *call) *Problem {
	narrow, wide := source(c.http)
	all := &s.rates.accounts
	return s.rates.take(charge{"address", &all.narrow, narrow, 1}, charge{"network", &all.wide, wide, 1})
}

// countIdentifiers counts those that the gate is about to be asked of, or says that there were too many.
func (s *Server) countIdentifiers(c *call, n int) *Problem {
	narrow, wide := source(c.http)
	all := &s.rates.together
	return s.rates.take(charge{"account", &s.rates.ordered, c.account.ID, n}, charge{"address", &all.narrow, narrow, n}, charge{"network", &all.wide, wide, n})
}

// source is who sends a request, as the connection says and no header of it: an IPv4 address, or an IPv6 /64, which is
// as easily had, and the /48 around it. It is "", whom no rate of sources holds, for this machine itself and
// where there is no address; so is the /48 of IPv4.
func source(r *http.Request) (narrow, wide string) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "", ""
	}
	a := at.Addr().Unmap().WithZone("")
	switch {
	case a.IsLoopback():
		return "", ""
	case a.Is4():
		return a.String(), ""
	}
	return netip.PrefixFrom(a, 64).Masked().String(), netip.PrefixFrom(a, 48).Masked().String()
}

// charge is so many of what a rate is of, for who asks for them.
type charge struct {
	of   string // what who is
	rate *rate
	who  string
	n    int
}

// take counts every charge, or none: whoever is over one limit has used up nothing of another, which
// may be others' too.
func (r *rates) take(charges ...charge) *Problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.time()
	for _, c := range charges {
		if wait := c.rate.wait(c.who, c.n, now); wait > 0 {
			p := Problemf(RateLimited, "%d %s in an hour are the limit: come again later, or ask the operator of this server (%s)", c.rate.hourly, c.rate.what, c.rate.key)
			p.Retry, p.limited = wait, &limited{c.of, c.who, c.rate.key}
			return p
		}
	}
	for _, c := range charges {
		c.rate.count(c.who, c.n, now)
	}
	return nil
}

// limited is who is over which limit.
type limited struct{ of, who, limit string }

// tellLimited logs who is over a limit: one line an hour of each limit and each of them, while so many can be remembered.
func (s *Server) tellLimited(c *call, p *Problem) {
	if p.Kind != RateLimited {
		return
	}
	l := p.limited
	if l == nil && c.account == nil {
		return // nobody's
	}
	if l == nil {
		l = &limited{"account", c.account.ID, "what an account has open"}
	}
	if !s.rates.tells(&s.rates.told, l.limit+" "+l.who) {
		return
	}
	more := []any{"limit", l.limit, l.of, l.who}
	if c.account != nil && l.of != "account" {
		more = append(more, "account", c.account.ID)
	}
	s.Log.Warn("acme: over a limit: refused for now, and not told of again within the hour", more...)
}

// tellRefused logs what is wrong with an account's request itself, which its client may not show to anybody. What gate and
// validator, limits and faults of the server come to is told where it is found.
func (s *Server) tellRefused(c *call, path string, p *Problem) {
	switch p.Kind {
	case Unauthorized, CAA, DNS, Compound, Connection, TLS, IncorrectResponse, RateLimited, ServerInternal:
		return
	}
	if c.account == nil || !s.rates.tells(&s.rates.refused, c.account.ID) {
		return
	}
	more := []any{"path", path, "account", c.account.ID, "kind", string(p.Kind)}
	if s.LogDetails {
		more = append(more, "detail", p.Detail)
	}
	s.Log.Info("acme: request refused", more...)
}

// tells reports whether the log is to have a line of somebody now, and counts that.
func (r *rates) tells(lines *rate, who string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.time()
	if lines.wait(who, 1, now) > 0 {
		return false
	}
	lines.count(who, 1, now)
	return true
}

// time never goes back. Where the clock is set back it stands still for that moment: nobody is held to debts of a time that is
// yet to come, and none is forgotten.
func (r *rates) time() time.Time {
	at := r.now()
	r.behind += max(0, r.last.Sub(at))
	r.last = at
	return at.Add(r.behind)
}

// rate is how much of something each of many may have: an hour's worth at once, and then as the hour goes
// by (the generic cell rate algorithm, ITU-T I.371).
//
// It remembers so many of them and no more. One more takes the place of the one that is paid up first, and takes over
// what that one owes (Metwally and others, Efficient Computation of Frequent and Top-k Elements in Data
// Streams, 2005: Space-Saving). So nobody ever has more than the rate by being forgotten, from however many sources
// he comes; and newcomers are held to more than is theirs only while everybody who is remembered owes something.
type rate struct {
	what, key string        // for people: what there are too many of, and its setting
	hourly    int           // below 1: any number
	each      time.Duration // that one is paid in
	atOnce    time.Duration // that what is owed is paid in at the most
	most      int
	known     map[string]*debtor
	debtors   debtors
}

// newRate makes a rate that lets at least so many through at once, where nothing is owed.
func newRate(what, key string, hourly, atOnce, most int) rate {
	r := rate{what: what, key: key, hourly: hourly, most: most, known: map[string]*debtor{}}
	if hourly > 0 {
		r.each = time.Hour / time.Duration(hourly)
		r.atOnce = r.each * time.Duration(max(hourly, atOnce))
	}
	return r
}

// wait is how long who must wait before it may have n more; 0 where it need not.
func (r *rate) wait(who string, n int, now time.Time) time.Duration {
	if r.hourly < 1 || who == "" {
		return 0
	}
	return max(0, r.paid(who, now).Add(r.each*time.Duration(n)).Sub(now)-r.atOnce)
}

// count has who owe n more.
func (r *rate) count(who string, n int, now time.Time) {
	if r.hourly < 1 || who == "" {
		return
	}
	until, d := r.paid(who, now).Add(r.each*time.Duration(n)), r.known[who]
	switch {
	case d != nil:
	case len(r.debtors) < r.most:
		d = &debtor{until: until}
		heap.Push(&r.debtors, d)
	default:
		d = r.debtors[0]
		delete(r.known, d.who)
	}
	d.who, d.until, r.known[who] = who, until, d
	heap.Fix(&r.debtors, d.at)
}

// paid is when who has paid for all it has had, now at the earliest.
func (r *rate) paid(who string, now time.Time) time.Time {
	d := r.known[who]
	if d == nil && len(r.debtors) >= r.most {
		d = r.debtors[0]
	}
	if d == nil || d.until.Before(now) {
		return now
	}
	return d.until
}

// debtor is one that a rate remembers.
type debtor struct {
	who   string
	until time.Time // when all is paid
	at    int       // its place among the debtors
}

// debtors is a heap: the first is the one that is paid up first.
type debtors []*debtor

// Len is that of heap.Interface, as are the others.
func (d debtors) Len() int           { return len(d) }
func (d debtors) Less(i, j int) bool { return d[i].until.Before(d[j].until) }
func (d debtors) Swap(i, j int)      { d[i], d[j] = d[j], d[i]; d[i].at, d[j].at = i, j }

// Push appends a debtor.
func (d *debtors) Push(x any) {
	one := x.(*debtor)
	one.at = len(*d)
	*d = append(*d, one)
}

// Pop is not used: whoever is remembered is so until another takes his place.
func (d *debtors) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
