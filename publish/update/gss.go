package update

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

const (
	maxSaid  = 16 << 10        // octets that are kept of what nsupdate says
	lastWait = 2 * time.Second // for its output, when it has been ended
)

// handOn gives a change to `nsupdate -g`. It takes the ticket from the Kerberos cache
// (KRB5CCNAME), and proves the server's reply. It is run once.
func (z *primary) handOn(ctx context.Context, s *session, apex string, c publish.Change) error {
	host, port, err := net.SplitHostPort(s.conn.RemoteAddr().String())
	if err != nil {
		return s.at(&publish.Error{What: "the server's address is not one that nsupdate takes", Err: err})
	}
	bounded, cancel := context.WithTimeout(ctx, z.cfg.Timeout)
	defer cancel()
	cmd := exec.CommandContext(bounded, z.cfg.Nsupdate, "-g", "-v", "-t", fmt.Sprint(int(z.cfg.Timeout/time.Second)+1))
	said := &capped{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = strings.NewReader(script(host, port, apex, c)), said, said, lastWait
	cmd.Env = append(slices.DeleteFunc(os.Environ(), ownVariable), "LC_ALL=C") // its words are read
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = &publish.Error{Kind: publish.Stopped, What: "stopped while nsupdate was at work", Do: mayBeDone, Err: ctx.Err(), Maybe: true}
	case bounded.Err() != nil:
		err = &publish.Error{Kind: publish.Unreachable, What: fmt.Sprintf("nsupdate did not end within %v", z.cfg.Timeout), Do: mayBeDone, Maybe: true}
	case errors.As(err, &exit):
		err = verdict(said.text.String(), c.Name)
	case err != nil:
		err = &publish.Error{Kind: publish.Unsupported, What: "nsupdate could not be run: " + err.Error(), Do: "install it (Debian: bind9-dnsutils), or give a TSIG key", Err: err}
	}
	return s.at(err)
}

// ownVariable reports whether a variable of the environment is this program's: it may
// hold a secret, and is nobody else's business.
func ownVariable(v string) bool { return strings.HasPrefix(v, "CNFD_") }

// script is a change as nsupdate reads it. Names and data are written so that no octet
// of them can be taken for another word or another line.
func script(host, port, apex string, c publish.Change) string {
	var b strings.Builder
	name := plain(c.Name)
	fmt.Fprintf(&b, "server %s %s\nzone %s\n", host, port, plain(apex))
	fmt.Fprintf(&b, "prereq nxrrset %s IN CNAME\n", name)
	if len(c.Before.Records) == 0 {
		fmt.Fprintf(&b, "prereq nxrrset %s IN TLSA\n", name)
	}
	for _, r := range c.Before.Records {
		fmt.Fprintf(&b, "prereq yxrrset %s IN TLSA %s\n", name, generic(r))
	}
	taken, added := steps(c)
	for _, r := range taken {
		fmt.Fprintf(&b, "update delete %s IN TLSA %s\n", name, generic(r))
	}
	for _, r := range added {
		fmt.Fprintf(&b, "update add %s %d IN TLSA %s\n", name, c.After.TTL/time.Second, generic(r))
	}
	b.WriteString("send\nquit\n")
	return b.String()
}

// generic is a record's data in the form of RFC 3597 §5: its octets and nothing else.
func generic(r publish.Record) string {
	return fmt.Sprintf(`\# %d %s`, len(r.RDATA()), hex.EncodeToString(r.RDATA()))
}

// plain writes every octet of a name that is not of a host name as \DDD (RFC 1035 §5.1).
func plain(name string) string {
	var wire [255]byte
	n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
	if err != nil || n == 1 {
		return "."
	}
	var b strings.Builder
	for off := 0; wire[off] != 0; off += 1 + int(wire[off]) {
		for _, c := range wire[off+1 : off+1+int(wire[off])] {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, `\%03d`, c)
			}
		}
		b.WriteByte('.')
	}
	return b.String()
}

var (
	updateFailed = regexp.MustCompile(`update failed: ([A-Z]+)`)
	unsaid       = regexp.MustCompile(`(?i)timed out|connection refused|host unreachable|network unreachable|end of file|could not talk to|could not reach`)
	noTicket     = regexp.MustCompile(`(?i)GSSAPI error|GSS-TSIG|TKEY|TSIG error`)
	clocks       = regexp.MustCompile(`(?i)clock skew|BADTIME`)
)

// verdict reads what nsupdate says when it has not done its work.
func verdict(said, name string) error {
	first := firstLine(said)
	if found := updateFailed.FindStringSubmatch(said); found != nil && !strings.Contains(said, "TSIG error") {
		if rcode, ok := dns.StringToRcode[found[1]]; ok && rcode != dns.RcodeSuccess {
			return refusal(rcode, "update of "+name)
		}
	}
	switch {
	case clocks.MatchString(said):
		return &publish.Error{Kind: publish.BadTime, What: "nsupdate: " + first, Do: "set this machine's clock, or the server's, or the KDC's"}
	case unsaid.MatchString(said):
		return &publish.Error{Kind: publish.Unreachable, What: "nsupdate: " + first, Do: mayBeDone, Maybe: true}
	case noTicket.MatchString(said):
		return &publish.Error{Kind: publish.BadKey, What: "nsupdate: " + first, Do: "see with klist whether there is a ticket, and get one with kinit; the server must have the key of DNS/ and the name in the zone's SOA (BIND: tkey-gssapi-keytab)"}
	}
	return &publish.Error{What: "nsupdate: " + first}
}

// firstLine is the first line of what a program says that has words in it, cut short
// and without what a terminal would act upon.
func firstLine(said string) string {
	for line := range strings.Lines(said) {
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r > 0x7e {
				return ' '
			}
			return r
		}, line)
		if line = strings.TrimSpace(line); line != "" {
			return line[:min(len(line), 300)]
		}
	}
	return "it says nothing"
}

// capped keeps the beginning of what is written to it.
type capped struct{ text bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	c.text.Write(p[:min(len(p), maxSaid-c.text.Len())])
	return len(p), nil
}
