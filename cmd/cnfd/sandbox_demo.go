package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cnfd/internal/sandbox"

	"github.com/miekg/dns"
)

// demo tells the story of the sandbox: what is published is confirmed, what is
// not is refuted or left unproven, and a record that is withdrawn stops
// confirming within its TTL. The error says what was not as it should be.
func (p *playground) demo(ctx context.Context, w io.Writer) error {
	at := p.daemon.Addresses()
	fmt.Fprintf(w, "A signed Internet on loopback: %d zones below its own root, %s\n", len(p.internet.Zones()), p.internet.Anchor())
	fmt.Fprintf(w, "A daemon in front of it: %s, unix:%s\n\n", at.API, at.Unix)
	fmt.Fprintln(w, "Credentials, and whether their subjects' domains vouch for their keys:")
	var wrong int
	for i, s := range p.samples {
		server := at.API
		if i%2 == 1 {
			server = "unix:" + at.Unix
		}
		v, err := p.verify(ctx, server, s)
		if err != nil {
			return err
		}
		mark := ""
		if v.Outcome != s.Outcome || v.Reason != s.Reason {
			wrong++
			mark = fmt.Sprintf("   EXPECTED %s: %s", s.Outcome, s.Reason)
		}
		fmt.Fprintf(w, "  %-13s %-28s %-9s %-15s %s%s\n", s.Name, s.Subject, v.Outcome, v.Reason, s.Why, mark)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d verdicts are not as expected", wrong, len(p.samples))
	}
	fmt.Fprintln(w, "\nChecks of the token itself, where the caller asks for them:")
	if err := p.demoChecks(ctx, w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nA key is withdrawn: the record is deleted by a dynamic update (RFC 2136).")
	if err := p.withdraw(ctx, w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nAll as expected.")
	return nil
}

// verify asks the daemon about a sample, as cnfd verify --server does.
func (p *playground) verify(ctx context.Context, server string, s sandbox.Sample) (*verdict, error) {
	q := questionOf(s.Token)
	doc, err := askServer(ctx, server, &q, io.Discard)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return readVerdict(doc)
}

// Withdrawal: the record and its name, and how long after its TTL it may confirm.
const (
	leavingZone = "leaving.example."
	leavingName = "jwk.cnf." + leavingZone
	withdrawal  = 1500 * time.Millisecond
)

// withdraw deletes the record of leaving.jwt and watches the verdict turn.
func (p *playground) withdraw(ctx context.Context, w io.Writer) error {
	var leaving sandbox.Sample
	for _, s := range p.samples {
		if s.Name == "leaving.jwt" {
			leaving = s
		}
	}
	now := p.daemon.clock.Now
	began := now()
	ttl := time.Duration(p.internet.Zone(leavingZone).Records(leavingName, dns.TypeTLSA)[0].Header().Ttl) * time.Second
	say := func(format string, args ...any) {
		fmt.Fprintf(w, "  %4.1f s  %s\n", now().Sub(began).Seconds(), fmt.Sprintf(format, args...))
	}
	last := ""
	look := func() (*verdict, error) {
		v, err := p.verify(ctx, p.daemon.Addresses().API, leaving)
		if err == nil && last != v.Outcome+v.Reason {
			last = v.Outcome + v.Reason
			say("%s: %s: %s", leaving.Name, v.Outcome, v.Reason)
		}
		return v, err
	}
	if v, err := look(); err != nil || v.Outcome != "confirmed" {
		return errors.Join(errors.New("the record that is to be withdrawn does not confirm beforehand"), err)
	}
	if err := p.deleteRecord(ctx); err != nil {
		return err
	}
	say("%s TLSA is deleted; its TTL is %s", leavingName, ttl)
	for deadline := now().Add(ttl + withdrawal); ; {
		asked := now() // a question that was asked in time may be answered late
		v, err := look()
		switch {
		case err != nil:
			return err
		case v.Reason == "record_absent":
			return nil
		case v.Outcome != "confirmed":
			return fmt.Errorf("after the withdrawal the verdict is %s: %s, want refuted: record_absent", v.Outcome, v.Reason)
		case asked.After(deadline):
			return fmt.Errorf("the record still confirms %s after it was deleted", ttl+withdrawal)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// deleteRecord is what the domain's owner does with nsupdate.
func (p *playground) deleteRecord(ctx context.Context) error {
	name, _, secret := p.internet.TSIG()
	m := new(dns.Msg).SetUpdate(leavingZone)
	m.RemoveRRset([]dns.RR{&dns.TLSA{Hdr: dns.RR_Header{Name: leavingName, Rrtype: dns.TypeTLSA}}})
	m.SetTsig(name, sandbox.KeyAlgorithm, 300, p.daemon.clock.Now().Unix())
	client := dns.Client{Net: "tcp", TsigSecret: map[string]string{name: secret}}
	server := fmt.Sprintf("%s:%d", p.server(leavingZone), p.internet.Port())
	r, _, err := client.ExchangeContext(ctx, m, server)
	if err != nil {
		return fmt.Errorf("update of %s: %w", leavingZone, err)
	}
	if r.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update of %s: %s", leavingZone, dns.RcodeToString[r.Rcode])
	}
	return nil
}
