package transport

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestQueryIsNotChanged: one query may be on its way to several servers at once. What the
// library does to its OPT record in packing is seen by the extended RCODE, which it clears.
func TestQueryIsNotChanged(t *testing.T) {
	at := udpServer(t, func(q []byte) [][]byte { return [][]byte{reply(q)} })
	n, q := new(Net), query()
	q.Extra = append([]dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"x"}}}, q.Extra...)
	opt := q.IsEdns0()
	opt.Hdr.Ttl |= 0xff << 24
	before, records := q.String(), slices.Clone(q.Extra)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := n.Exchange(ctx, at, "udp", q); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := sealed(q, 0); err != nil {
		t.Error(err)
	}
	if q.String() != before || !slices.Equal(q.Extra, records) || opt.Hdr.Ttl>>24 != 0xff {
		t.Errorf("before:\n%s\nafter:\n%s", before, q)
	}
	out, err := address(q, true, "")
	sent := new(dns.Msg)
	if err != nil || sent.Unpack(out.wire) != nil {
		t.Fatal(err)
	}
	if o := sent.IsEdns0(); len(sent.Extra) != 2 || o == nil || o.UDPSize() != 1232 || !o.Do() || o.ExtendedRcode() != 0 {
		t.Errorf("sent:\n%s", sent)
	}
}
