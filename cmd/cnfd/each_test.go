package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
)

// rolls are the name servers of a zone, which wait until they are told to go on.
type rolls struct {
	begun, release chan struct{}
	said           *dnssec.Each
}

func (r *rolls) LookupEach(ctx context.Context, _ dnssec.Question) (*dnssec.Each, error) {
	if r.begun != nil {
		r.begun <- struct{}{}
		<-r.release
	}
	return r.said, ctx.Err()
}

// TestAPrecheckTakesAPlace: prechecks and questions that are looked up have the same places, and
// what is cached needs none.
func TestAPrecheckTakesAPlace(t *testing.T) {
	answer := &dnssec.Answer{Security: dnssec.Secure}
	each := &rolls{begun: make(chan struct{}), release: make(chan struct{}), said: &dnssec.Each{Answer: answer}}
	s := &slowly{answer: answer}
	g := gateOf(s, 1, 0, time.Now)
	g.each = each
	done := make(chan error, 1)
	go func() {
		_, err := g.LookupEach(context.Background(), dnssec.Question{})
		done <- err
	}()
	<-each.begun
	var busy *api.Busy
	if _, err := g.LookupEach(context.Background(), dnssec.Question{}); !errors.As(err, &busy) || busy.Caller {
		t.Errorf("a second precheck: %v", err)
	}
	if _, _, err := g.Lookup(context.Background(), dnssec.Question{}); !errors.As(err, &busy) || busy.Caller {
		t.Errorf("a question that has to be looked up: %v", err)
	}
	s.cached = answer
	if _, cached, err := g.Lookup(context.Background(), dnssec.Question{}); err != nil || !cached {
		t.Errorf("what is cached: %v %v", cached, err)
	}
	s.cached = nil
	close(each.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, _, err := g.Lookup(context.Background(), dnssec.Question{}); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	if under, judged := g.misses.Load(), g.judged[dnssec.Secure].Load(); under != 0 || judged != 2 || g.turned[turnedByAll].Load() != 2 {
		t.Errorf("%d under way, %d judged, %d turned away", under, judged, g.turned[turnedByAll].Load())
	}
}

// TestNoRoomForAPrecheck: where the resolver asks as many zones as it may, the caller is told to come again.
func TestNoRoomForAPrecheck(t *testing.T) {
	a := &dnssec.Answer{Trouble: dnssec.Trouble{Unreachable: true, Text: "203.0.113.1: time is up"}}
	g := gateOf(&slowly{}, 1, 0, time.Now)
	g.each = &rolls{said: &dnssec.Each{Answer: a}}
	if e, err := g.LookupEach(context.Background(), dnssec.Question{}); err != nil || e.Answer != a {
		t.Fatal(e, err)
	}
	a.Trouble.Text = "no room for the question: 16 others ask every server of a zone"
	var busy *api.Busy
	if _, err := g.LookupEach(context.Background(), dnssec.Question{}); !errors.As(err, &busy) || busy.Caller {
		t.Error(err)
	}
}

// TestPrechecksHaveTheCallersRate: a precheck is one of the questions that a caller may ask in a second.
func TestPrechecksHaveTheCallersRate(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := gateOf(&slowly{answer: &dnssec.Answer{}}, 9, 2, func() time.Time { return now })
	g.each = &rolls{said: &dnssec.Each{Answer: &dnssec.Answer{}}}
	mine := context.WithValue(context.Background(), peerKey{}, &peer{known: true, uid: 7})
	if _, _, err := g.Lookup(mine, dnssec.Question{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.LookupEach(mine, dnssec.Question{}); err != nil {
		t.Fatal(err)
	}
	var busy *api.Busy
	if _, err := g.LookupEach(mine, dnssec.Question{}); !errors.As(err, &busy) || !busy.Caller || busy.After != 500*time.Millisecond {
		t.Errorf("one too many: %v", err)
	}
	if _, err := g.LookupEach(context.WithValue(mine, peerKey{}, &peer{known: true, uid: 8}), dnssec.Question{}); err != nil {
		t.Errorf("another caller: %v", err)
	}
	now = now.Add(busy.After)
	if _, err := g.LookupEach(mine, dnssec.Question{}); err != nil {
		t.Errorf("once it is time again: %v", err)
	}
}

// precheck has the daemon ask the name servers of a domain for the sandbox holder's key.
func (o *operated) precheck(t testing.TB, domain string) (b brief, r *http.Response) {
	t.Helper()
	body := fmt.Sprintf(`{"subject":"https://%s","cnf":{"jwk":%s}}`, domain, holderKey(t, []byte(o.token(t, "vendor.jwt"))))
	r, err := onUnix(o.c.API.Unix).Post("http://localhost/v1/precheck", "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return b, &http.Response{}
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		t.Error(err)
	}
	return b, r
}

// TestAPrecheckTooMany: over a limit a precheck gets 429 or 503 with Retry-After, and what is cached is answered
// all the same; without the limit it gets its verdict.
func TestAPrecheckTooMany(t *testing.T) {
	o := operate(t, nil)
	token := o.token(t, "vendor.jwt")
	fine := func(when string) {
		t.Helper()
		if b, r := o.precheck(t, "vendor.example"); b.Outcome != "confirmed" {
			t.Fatal(when, r.Status, b)
		}
	}
	refused := func(b brief, r *http.Response, status int, kind string) bool {
		return r.StatusCode == status && b.Type == "urn:cnfd:problem:"+kind && r.Header.Get("Retry-After") == "1" && b.ID != ""
	}
	fine("before there is a limit")
	o.engine.source.most.Store(0)
	if b, r := o.precheck(t, "vendor.example"); !refused(b, r, 503, "overloaded") {
		t.Errorf("without room: %s %+v %v", r.Status, b, r.Header)
	}
	if b, r := o.ask(t, token, ""); b.Outcome != "confirmed" {
		t.Error("what is cached:", r.Status, b)
	}
	o.again(t)
	fine("with room again")

	o.c.Limits.PeerMisses = 1
	o.again(t)
	var asking sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for range 8 { // all at once: a second passes far too slowly for so many
		asking.Go(func() {
			b, r := o.precheck(t, "vendor.example")
			mu.Lock()
			defer mu.Unlock()
			answers[b.Outcome]++
			if r.StatusCode != 200 && !refused(b, r, 429, "too-many-requests") {
				t.Errorf("too often: %s %+v %v", r.Status, b, r.Header)
			}
		})
	}
	asking.Wait()
	if answers["confirmed"] == 0 || answers[""] == 0 {
		t.Errorf("of 8 at once, by outcome: %v", answers)
	}
	if b, r := o.ask(t, token, ""); b.Outcome != "confirmed" {
		t.Error("what is cached:", r.Status, b)
	}
	for _, limit := range []string{"caller", "misses"} {
		if _, n, _ := strings.Cut(o.page(t), "cnfd_turned_away_total{limit=\""+limit+"\"} "); strings.HasPrefix(n, "0\n") || n == "" {
			t.Errorf("%s: not counted", limit)
		}
	}
	o.c.Limits.PeerMisses = 0
	o.again(t)
	fine("without the limit")
}

// TestTheEvidenceOfAPrecheck: what each server gave, record by record, under the id of the answer, with a
// chain that proves it; where one of them has no record, its signed denial.
func TestTheEvidenceOfAPrecheck(t *testing.T) {
	o := operate(t, func(c *config.Config) { c.Log.Evidence = "all" })
	for _, c := range []struct {
		domain, reason string
		records        int // servers that give one
	}{
		{"vendor.example", "record_matches", 1}, {"lagging.example", "servers_differ", 1},
	} {
		b, _ := o.precheck(t, c.domain)
		if b.Reason != c.reason {
			t.Fatalf("%s: %+v", c.domain, b)
		}
		told := o.log.of(t, "evidence")
		line := told[len(told)-1]
		facts := line["facts"].([]any)
		if line["id"] != b.ID || line["reason"] != c.reason || len(facts) != 1 {
			t.Fatalf("%s: %v", c.domain, line)
		}
		f := facts[0].(map[string]any)
		above := f["delegations"].([]any)
		for _, one := range above {
			d := one.(map[string]any)
			if d["zone"] != c.domain+"." || d["above"] != "example." || d["server"] == "" || d["address"] == "" || len(d["ns"].([]any)) == 0 || !strings.Contains(fmt.Sprint(d["ds"]), " 13 2 ") {
				t.Errorf("%s: %v", c.domain, d)
			}
		}
		said := f["servers"].([]any)
		gave, denied := 0, 0
		for _, one := range said {
			s := one.(map[string]any)
			records, denial := fmt.Sprint(s["answer"]), fmt.Sprint(s["authority"])
			if s["asked"] != "jwk.cnf."+c.domain+"." || s["server"] == "" || s["address"] == "" || s["security"] != "secure" {
				t.Errorf("%s: %v", c.domain, s)
			}
			if _, there := s["serial"]; there != (c.reason == "servers_differ") {
				t.Errorf("%s: serial: %v", c.domain, s["serial"])
			}
			switch {
			case strings.Contains(records, " IN TLSA 255 255 255 "):
				gave++
				provesItself(t, map[string]any{"answer": s["answer"], "chain": f["chain"]})
			case strings.Contains(denial, " IN RRSIG NSEC"):
				denied++
			}
		}
		if len(above) == 0 || len(said) == 0 || gave < c.records || gave+denied != len(said) || (denied > 0) != (c.reason == "servers_differ") {
			t.Errorf("%s: of %d servers %d gave a record, %d denied it: %v", c.domain, len(said), gave, denied, said)
		}
	}
	// What was looked up has no servers, and off there is nothing.
	o.ask(t, o.token(t, "vendor.jwt"), "?max_age=0")
	told := o.log.of(t, "evidence")
	if _, there := told[len(told)-1]["facts"].([]any)[0].(map[string]any)["servers"]; there || len(told) != 3 {
		t.Errorf("%d lines, servers of a look-up: %v", len(told), there)
	}
	o.c.Log.Evidence = "off"
	o.again(t)
	if o.precheck(t, "lagging.example"); len(o.log.of(t, "evidence")) != 3 {
		t.Error("off, and told all the same")
	}
}
