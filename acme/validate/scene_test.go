package validate

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"cnfd/acme"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

const (
	vendor     = "vendor.example"
	token      = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
	thumb      = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
	keyAuth    = token + "." + thumb
	otherAuth  = token + ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	otherToken = "DGyRejmCefe7v4NfDGDKfA"
)

// TestMain sets proxies that nobody is at, before anything has read the environment:
// whatever is asked for goes by none.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		os.Setenv(name, "http://127.0.0.1:1")
	}
	m.Run()
}

var identifier = acme.Identifier{Type: acme.TypeDNS, Value: vendor}

// names is a DNS in memory. It answers the names that it was given, says of every
// other that it does not exist, and to who is content with what is cached, or with keys
// that are, that nothing does. It can fail before having looked and after.
type names struct {
	t       testing.TB
	mu      sync.Mutex
	answers map[string][]*dnssec.Answer // by name and type; the last is given for ever
	asked   []string
	before  error // returned without looking
	after   error // returned when all is done
	hang    bool  // answers when the caller has gone
}

func newNames(t testing.TB) *names { return &names{t: t, answers: map[string][]*dnssec.Answer{}} }

func (n *names) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if n.hang {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if n.before != nil {
		return nil, false, n.before
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	key := q.Name.String() + " " + dns.TypeToString[q.Type]
	n.asked = append(n.asked, key)
	if !q.Bounded || q.MaxAge != 0 || !q.At.IsZero() || q.ChainAge != acme.ChainAge {
		return &dnssec.Answer{Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName}, true, n.after
	}
	of := n.answers[key]
	if len(of) == 0 {
		return &dnssec.Answer{Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName, Zone: "example."}, false, n.after
	}
	if len(of) > 1 {
		n.answers[key] = of[1:]
	}
	return of[0], false, n.after
}

// answer makes the answer that a record set is, out of RDATA in text; none of them is no data.
func answer(t testing.TB, name, rrtype string, data ...string) *dnssec.Answer {
	t.Helper()
	a := &dnssec.Answer{Name: name + ".", Type: dns.StringToType[rrtype], Security: dnssec.Secure, Kind: dnssec.NoData, Zone: "example."}
	var rrs []dns.RR
	for _, d := range data {
		rr, err := dns.NewRR(name + ". 300 IN " + rrtype + " " + d)
		if err != nil {
			t.Fatal(err)
		}
		rrs, a.Kind = append(rrs, rr), dnssec.Positive
	}
	a.AnswerSection = dnssec.PackRecords(rrs)
	a.Data = a.AnswerSection.RDATA(a.Type)
	if len(a.Data) != len(data) {
		t.Fatalf("%s %s: %d records of %d", name, rrtype, len(a.Data), len(data))
	}
	return a
}

// put makes a record set be there instead of what was.
func (n *names) put(name, rrtype string, data ...string) {
	n.t.Helper()
	n.set(answer(n.t, name, rrtype, data...))
}

// set makes answers be given one after the other.
func (n *names) set(all ...*dnssec.Answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[all[0].Name+" "+dns.TypeToString[all[0].Type]] = all
}

// flip changes the answer that is there.
func (n *names) flip(name, rrtype string, change func(*dnssec.Answer)) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	of := n.answers[name+". "+rrtype]
	if len(of) != 1 {
		n.t.Fatalf("%s %s is not there", name, rrtype)
	}
	a := *of[0]
	change(&a)
	of[0] = &a
}

// want is a problem.
type want struct {
	kind    acme.Kind
	passing bool
	says    string
}

// holds reports whether a problem is the one that is wanted, and whether it keeps
// to itself what it must.
func (w want) holds(t *testing.T, p *acme.Problem) {
	t.Helper()
	switch {
	case p == nil:
		t.Fatalf("the challenge is passed, want %s: %s", w.kind, w.says)
	case p.Kind != w.kind, p.Passing != w.passing, !strings.Contains(p.Detail, w.says):
		t.Errorf("%v (passing: %t)\nwant %s (passing: %t): …%s…", p, p.Passing, w.kind, w.passing, w.says)
	}
	for _, secret := range []string{token, thumb} {
		if strings.Contains(p.Detail, secret) {
			t.Errorf("the detail repeats the token or the thumbprint: %s", p.Detail)
		}
	}
	if strings.ContainsFunc(p.Detail, unprintable) {
		t.Errorf("the detail is not in printable ASCII: %q", p.Detail)
	}
	if p.Status == 0 || p.Identifier != nil {
		t.Errorf("status %d, identifier %v", p.Status, p.Identifier)
	}
}

func passes(t *testing.T, v *Validator, method string, i acme.Identifier) {
	t.Helper()
	if p := v.Validate(t.Context(), method, i, token, keyAuth); p != nil {
		t.Fatalf("before anything is changed: %v", p)
	}
}

func validator(t testing.TB, c Config) *Validator {
	t.Helper()
	v, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

// watched is a net.Dialer that remembers whom it has called.
type watched struct {
	mu   sync.Mutex
	seen []string
}

func (w *watched) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.seen = append(w.seen, address)
	w.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, address)
}

func portOf(t testing.TB, a net.Addr) uint16 {
	t.Helper()
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no TCP address", a)
	}
	return uint16(tcp.Port)
}
