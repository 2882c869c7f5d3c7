package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"cnfd/internal/sandbox"

	"github.com/miekg/dns"
)

// TestAgreement asks cnfd, Unbound, delv and drill about every case of the sandbox's tree. Each judges by
// itself, from the same root and the same trust anchor.
func TestAgreement(t *testing.T) {
	t.Parallel()
	lab(t)
	n, err := sandbox.Start(sandbox.Config{Port: 53, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	r := &trust{net: "127.9.0.", anchor: records(t, n.Anchor())}
	for _, hint := range n.Hints() {
		for _, addr := range hint.Addresses {
			r.hints = append(r.hints, addr.String())
		}
	}
	fetcher, d := r.startUnbound(t), r.daemon(t, othersPolicy)
	seen := map[string]bool{"jwk.cnf.alias-out.example.": true, "jwk.cnf.crowded.example.": true} // of the stories
	for _, z := range n.Zones() {
		for _, c := range z.Cases {
			seen[c.Name] = true
			t.Run(c.Name+" "+dns.TypeToString[c.Type], func(t *testing.T) {
				r.agree(t, d, fetcher, c.Name, dns.TypeToString[c.Type])
			})
		}
	}
	for name := range known {
		if !seen[name] {
			t.Errorf("the known difference about %s is of no use: nobody asked about it", name)
		}
	}
}

// opinions are what others think of a name: Unbound and delv "secure", "insecure" or "bogus", drill only whether it is secure.
type opinions struct {
	unbound, delv string
	drill         bool
}

func (o opinions) String() string {
	return fmt.Sprintf("Unbound %s, delv %s, drill secure: %t", o.unbound, o.delv, o.drill)
}

// A difference is what tools are known to think otherwise than a full validator, and why.
type difference struct {
	why  string
	make func(o *opinions)
	// refused: cnfd's DNS listener says SERVFAIL, so that who fetches through it is told nothing.
	refused bool
}

var (
	optOutIgnored = difference{"neither delv nor drill looks at the opt-out flag of the NSEC3 that covers the next closer name",
		func(o *opinions) { o.delv, o.drill = "secure", true }, false}
	iterationsUnbounded = difference{"drill has no bound on the iterations of NSEC3",
		func(o *opinions) { o.drill = true }, false}
	firstHopOnly = difference{"drill proves the first RRset of a chain of CNAMEs only",
		func(o *opinions) { o.drill = true }, false}
	dnameUnknown = difference{"drill wants a signature on the CNAME that a DNAME makes",
		func(o *opinions) { o.drill = false }, false}
	nobodyAnswers = difference{"where no server answers cnfd says indeterminate; to Unbound and delv it is a failure like any other",
		func(o *opinions) { o.unbound, o.delv = "unanswered", "bogus" }, true}
	tooManyRecords = difference{"more than 255 confirmation records are proven by cnfd and not handed out",
		func(o *opinions) { o.unbound, o.delv, o.drill = "secure", "secure", true }, true}
)

// known are the differences by name; of all other names everybody must think the same.
var known = map[string]difference{
	"jwk.cnf.missing.test.":        optOutIgnored,
	"jwk.cnf.optout.test.":         optOutIgnored,
	"absent.iterated.test.":        iterationsUnbounded,
	"jwk.cnf.open.alias.example.":  firstHopOnly,
	"jwk.cnf.stale.alias.example.": firstHopOnly,
	"jwk.cnf.alias-out.example.":   firstHopOnly,
	"jwk.cnf.dname.example.":       dnameUnknown,
	"jwk.cnf.sub.dname.example.":   dnameUnknown,
	"jwk.cnf.silent.example.":      nobodyAnswers,
	"jwk.cnf.toomany.example.":     tooManyRecords,
	"jwk.cnf.crowded.example.":     tooManyRecords,
}

// agree asks everybody about one name, and the daemon through its two other doors.
func (r *trust) agree(t *testing.T, d *daemon, fetcher netip.AddrPort, name, rtype string) (security string) {
	t.Helper()
	security = r.resolve(t, name, rtype, othersPolicy)
	want := opinions{security, security, security == "secure"}
	listens := security
	why := "no difference is known here"
	differs, ok := known[name]
	if ok {
		why = differs.why
		differs.make(&want)
	}
	if differs.refused {
		listens = "bogus"
	}
	delv, out := r.delv(t, fetcher, name, rtype)
	others := opinions{r.unbound(t, name, rtype), delv, r.drill(t, fetcher, name, rtype)}
	if others != want {
		t.Errorf("%s: cnfd says %s; %v (%s)\ndelv: %s", name, security, others, why, out)
	}
	if got := d.resolve(t, name, rtype); got != security {
		t.Errorf("%s: cnfd resolve says %s, /v1/resolve %s", name, security, got)
	}
	if got := flags(t, d.dns, name, rtype); got != listens {
		t.Errorf("%s: cnfd resolve says %s, the DNS listener %s", name, security, got)
	}
	if differs.refused {
		delv = "bogus"
	}
	if through, out := r.delv(t, d.dns, name, rtype); through != delv {
		t.Errorf("%s: delv says %s, and fetching through cnfd's DNS listener %s\n%s", name, delv, through, out)
	}
	return security
}

// othersPolicy has cnfd think of SHA-1 as the others do: that is a matter of policy, not of proof.
var othersPolicy = settings{resolver: "sha1: validate"}

// resolve returns what /v1/resolve says: "secure", "bogus", or "insecure" for that and indeterminate.
func (d *daemon) resolve(t testing.TB, name, rtype string) string {
	t.Helper()
	response, err := http.Get("http://" + d.tcp + "/v1/resolve?" + url.Values{"name": {name}, "type": {rtype}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var r struct{ Security string }
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		t.Fatal(response.Status, err)
	}
	if r.Security == "indeterminate" {
		return "insecure"
	}
	return r.Security
}

// flags returns what a stub resolver makes of an answer: AD is "secure", SERVFAIL "bogus", all else "insecure".
func flags(t testing.TB, resolver netip.AddrPort, name, rtype string) string {
	t.Helper()
	m, err := ask(resolver, name, dns.StringToType[rtype])
	switch {
	case err != nil:
		t.Fatal(err)
	case m.Rcode == dns.RcodeServerFailure:
		return "bogus"
	case m.AuthenticatedData:
		return "secure"
	}
	return "insecure"
}

// agreeInTheEnd asks about every domain as the stories left it.
func (in *internet) agreeInTheEnd(t *testing.T) {
	fetcher, d := in.startUnbound(t), in.daemon(t, othersPolicy)
	count := map[string]int{}
	for _, domain := range subjects {
		for _, name := range []string{"jwk.cnf." + domain, "1.8." + domain, "absent." + domain, "ns." + domain} {
			count[in.agree(t, d, fetcher, name, "TLSA")]++
		}
	}
	for _, security := range []string{"secure", "insecure", "bogus"} {
		if count[security] == 0 {
			t.Errorf("nothing is %s: the stories did not happen", security)
		}
	}
}
