package text

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"cnfd/publish"
)

// line is one record under its name.
type line struct {
	owner  name
	ttl    time.Duration
	record publish.Record
}

// zone is the line as RFC 6698 §2.2 has it.
func (l line) zone() string {
	return fmt.Sprintf("%s %d IN TLSA %s", l.owner, l.ttl/time.Second, rdata(l.record))
}

// generic is the line for software that does not know the type (RFC 3597 §5).
func (l line) generic() string {
	return fmt.Sprintf("%s %d IN TYPE52 %s", l.owner, l.ttl/time.Second, unknown(l.record))
}

// rdata is a record's data as RFC 6698 §2.2 has it. That form cannot say that there
// is no association data, which others may have published.
func rdata(r publish.Record) string {
	if _, _, _, association := r.Fields(); len(association) == 0 {
		return unknown(r)
	}
	return r.String()
}

func unknown(r publish.Record) string {
	octets := r.RDATA()
	return fmt.Sprintf(`\# %d %s`, len(octets), strings.ToUpper(hex.EncodeToString(octets)))
}

func writeZone(b *bytes.Buffer, o Options, sets []set, print func(line) string) {
	b.WriteString("; For the zone's file: put these lines in, take out those that are to be removed, raise the serial of its SOA record.\n")
	if !o.BeforeKnown {
		b.WriteString("; What stands at these names was not looked at: it stays, and where there is any, its TTL is the set's (RFC 2181 section 5.2).\n")
	}
	for _, s := range sets {
		if s.None() {
			fmt.Fprintf(b, "; %s: nothing to do\n", s.owner)
		}
		for _, r := range s.Removed() {
			fmt.Fprintf(b, "; remove: %s\n", print(line{s.owner, s.Before.TTL, r}))
		}
		for _, r := range s.Added() {
			fmt.Fprintln(b, print(line{s.owner, s.After.TTL, r}))
		}
	}
}
