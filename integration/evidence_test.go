package integration

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// evidence is what the tests read of a line of evidence.
type evidence struct {
	Msg, ID, Reason string
	Facts           []struct {
		Chain   []struct{ Records []string }
		Servers []struct {
			Server, Address   string
			Serial            uint32
			Answer, Authority []string
		}
		Delegations []struct{ Zone, Above string }
	}
}

// evidence is the last line of it in the daemon's log.
func (d *daemon) evidence(t testing.TB) (last evidence) {
	t.Helper()
	text, err := os.ReadFile(d.process.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var one evidence
		if json.Unmarshal([]byte(line), &one) == nil && one.Msg == "evidence" {
			last = one
		}
	}
	return last
}

// TestTheEvidenceOfServersThatDiffer: of a precheck that finds BIND and Knot of two minds the log has what each has
// given, record by record, and every signature in it holds by the keys beside it.
func TestTheEvidenceOfServersThatDiffer(t *testing.T) {
	t.Parallel()
	n := newPair(t, 93, knotSecondary)
	d := n.daemon(t, settings{sections: "log: {format: json, evidence: all}"})
	for _, c := range []struct {
		want     string
		withdraw bool
		records  map[string]bool // by server
	}{
		{alike, false, map[string]bool{n.leaf.addr: true, n.second.addr: true}},
		{differ, true, map[string]bool{n.leaf.addr: false, n.second.addr: true}},
	} {
		if c.withdraw {
			n.leaf.edit(t, n.zone, []dns.RR{n.record(t)}, nil)
		}
		d.finds(t, c.want)
		e := d.evidence(t)
		if e.ID == "" || !strings.HasSuffix(c.want, " "+e.Reason) || len(e.Facts) != 1 || len(e.Facts[0].Servers) != 2 {
			t.Fatalf("%s: %+v", c.want, e)
		}
		f := e.Facts[0]
		var keys []dns.RR
		for _, step := range f.Chain {
			keys = append(keys, records(t, step.Records...)...)
		}
		if len(f.Delegations) == 0 || f.Delegations[0].Zone != pairDomain || f.Delegations[0].Above != "." {
			t.Errorf("%s: delegations: %+v", c.want, f.Delegations)
		}
		for _, s := range f.Servers {
			all := append(records(t, s.Answer...), records(t, s.Authority...)...)
			record := false
			for _, rr := range all {
				record = record || rr.Header().Rrtype == dns.TypeTLSA
			}
			if want, known := c.records[s.Address]; !known || record != want || (s.Serial != 0) != c.withdraw {
				t.Errorf("%s: %+v", c.want, s)
			}
			if held := holding(t, all, keys); held == 0 {
				t.Errorf("%s: %s: nothing is proven by %q", c.want, s.Server, all)
			}
		}
	}
}

// holding counts the signatures among records, each of which must hold by one of the keys.
func holding(t testing.TB, all, keys []dns.RR) (held int) {
	t.Helper()
	for _, rr := range all {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		var set []dns.RR
		for _, one := range all {
			if one.Header().Name == sig.Hdr.Name && one.Header().Rrtype == sig.TypeCovered {
				set = append(set, one)
			}
		}
		before := held
		for _, one := range keys {
			key, ok := one.(*dns.DNSKEY)
			if ok && key.KeyTag() == sig.KeyTag && key.Hdr.Name == sig.SignerName && sig.Verify(key, set) == nil {
				held++
				break
			}
		}
		if held == before {
			t.Errorf("a signature that does not hold: %v", sig)
		}
	}
	return held
}
