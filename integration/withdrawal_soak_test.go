//go:build soak

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestSoakWithdrawal removes a record whose TTL is 2 s: three and a half seconds later nobody is told that it confirms.
func TestSoakWithdrawal(t *testing.T) {
	n := newTree(t, 31)
	d := n.daemon(t, settings{})
	token := ofToken(n.token(t, "leaving.jwt"), nil)
	z := n.Zone("leaving.example.")
	record := z.Records("jwk.cnf.leaving.example.", dns.TypeTLSA)
	var last time.Duration
	const times = 10
	for range times {
		d.comesTo(t, token, confirmed)
		time.Sleep(time.Duration(last.Nanoseconds()%1000) * time.Millisecond) // at another point of its life each time
		if err := n.Remove("leaving.example.", "jwk.cnf.leaving.example.", dns.TypeTLSA); err != nil {
			t.Fatal(err)
		}
		removed := time.Now()
		for time.Since(removed) < 3500*time.Millisecond {
			asked := time.Since(removed)
			if v := d.says(t, token); v.String() == confirmed {
				last = max(last, asked)
			} else if v.String() != absent {
				t.Errorf("after %v: %s", asked, v.all())
			}
			time.Sleep(20 * time.Millisecond)
		}
		for range 10 {
			if v := d.says(t, token); v.String() != absent {
				t.Errorf("after %v: %s", time.Since(removed), v.all())
			}
		}
		if err := z.Replace(record...); err != nil {
			t.Fatal(err)
		}
		await(t, "the record to be seen again", func() error {
			if v := d.says(t, token); v.String() != confirmed {
				return fmt.Errorf("%s", v.all())
			}
			return nil
		})
	}
	t.Logf("figure: a record removed at TTL 2, %d times: last confirmed %v after, never after 3.5 s", times, last.Round(time.Millisecond))
}

// TestSoakBogus asks fifty times for each name of the sandbox that is bogus, also past the cache.
func TestSoakBogus(t *testing.T) {
	n := newTree(t, 32)
	most, names := 0, 0
	for _, z := range n.Zones() {
		if z.Want != "bogus" {
			continue
		}
		names++
		for _, options := range []bound{nil, now} {
			d := n.daemon(t, settings{})
			d.says(t, ofToken(n.token(t, "vendor.jwt"), nil)) // the root and example. are known, as they are to a daemon that runs
			body := fmt.Appendf(nil, `{"claims":{"sub":"https://%s","cnf":{"jwk":%s}}}`, strings.TrimSuffix(z.Name, "."), rfc7515Key)
			if options != nil {
				body = []byte(strings.Replace(string(body), `}}}}`, `}}},"max_age":0}`, 1))
			}
			before := n.sent()
			for range 50 {
				if v := d.says(t, body); v.String() != bogus {
					t.Fatalf("%s: %s", z.Name, v.all())
				}
			}
			sent := n.sent() - before
			if most = max(most, sent); sent > 20 {
				t.Errorf("%s: 50 repeats cost %d packets, the limit is 20", z.Name, sent)
			}
			d.process.stop()
		}
	}
	t.Logf("figure: 50 repeats of a bogus name, of %d zones, with and without max_age 0: at most %d packets sent", names, most)
	if names == 0 {
		t.Error("no zone is bogus")
	}
}

// rfc7515Key is the key of RFC 7515 appendix A.3.
const rfc7515Key = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

func (n *tree) sent() (total int) {
	for _, q := range n.Queries() {
		total += q
	}
	return total
}
