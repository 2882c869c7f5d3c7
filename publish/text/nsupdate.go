package text

import (
	"bytes"
	"fmt"
	"time"
)

// writeNSUpdate prints a script. There is no empty line in it: that would send what
// stands before it, without its conditions perhaps.
func writeNSUpdate(b *bytes.Buffer, o Options, sets []set, zone name) {
	b.WriteString("; For nsupdate -v -k KEYFILE, whose exit code is 0 only where every message was taken.\n")
	if !o.BeforeKnown {
		b.WriteString("; What stands at these names was not looked at: it stays, but a set that is there takes the TTL of what is added.\n")
	}
	if o.Server.Addr().IsValid() {
		fmt.Fprintf(b, "server %s", o.Server.Addr())
		if port := o.Server.Port(); port != 0 {
			fmt.Fprintf(b, " %d", port)
		}
		b.WriteByte('\n')
	}
	var message []set
	for _, s := range sets {
		switch {
		case s.None():
			fmt.Fprintf(b, "; %s: nothing to do\n", s.owner)
		case zone == nil:
			writeMessage(b, o, []set{s})
		default:
			message = append(message, s)
		}
	}
	if len(message) > 0 {
		fmt.Fprintf(b, "zone %s\n", zone)
		writeMessage(b, o, message)
	}
}

// writeMessage prints one message: the server does all of it or nothing (RFC 2136 §3.7).
func writeMessage(b *bytes.Buffer, o Options, sets []set) {
	for _, s := range sets {
		// Beside a CNAME an addition is dropped without a word (RFC 2136 §3.4.2.2).
		fmt.Fprintf(b, "prereq nxrrset %s IN CNAME\n", s.owner)
		if !o.BeforeKnown {
			continue
		}
		if len(s.Before.Records) == 0 {
			fmt.Fprintf(b, "prereq nxrrset %s IN TLSA\n", s.owner)
		}
		for _, r := range s.Before.Records {
			fmt.Fprintf(b, "prereq yxrrset %s IN TLSA %s\n", s.owner, rdata(r))
		}
	}
	for _, s := range sets {
		// Each by its data: without, others' records would go too (RFC 2136 §2.5.2).
		for _, r := range s.Removed() {
			fmt.Fprintf(b, "update delete %s IN TLSA %s\n", s.owner, rdata(r))
		}
		for _, r := range s.Added() {
			fmt.Fprintf(b, "update add %s %d IN TLSA %s\n", s.owner, s.After.TTL/time.Second, rdata(r))
		}
	}
	b.WriteString("send\n")
}
