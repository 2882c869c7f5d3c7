package dnssec

import (
	"math"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// anyAnswer proves every RRset of an answer to ANY; the weakest counts.
func (z *Zone) anyAnswer(msg *dns.Msg, name string, t *Terms) (Finding, bool) {
	var out Finding
	kinds := types(msg.Answer, name)
	kinds = kinds[:min(len(kinds), maxTypes)] // a server may leave out any (RFC 8482 §4.1)
	for i, rrtype := range kinds {
		f := z.positive(find(msg.Answer, name, rrtype), "", msg, t)
		if i == 0 || f.Kind == NoAnswer {
			out = f
		} else {
			out.Answer = append(out.Answer, f.Answer...)
			out.Wildcard = out.Wildcard || f.Wildcard
			out.TTL, out.Until = min(out.TTL, f.TTL), earlier(out.Until, f.Until)
			if w := Weaker(out.Security, f.Security); w != out.Security {
				out.Security, out.Trouble = f.Security, f.Trouble
				out.Unsigned, out.SignedBy = f.Unsigned, f.SignedBy
			}
		}
		if out.Security == Bogus || out.Kind == NoAnswer {
			break
		}
	}
	return out, len(kinds) > 0
}

// signaturesOnly answers a question for RRSIG records. They cannot be proven
// themselves (RFC 4035 §2.2): Insecure at best.
func (z *Zone) signaturesOnly(msg *dns.Msg, name string) (Finding, bool) {
	f := Finding{Kind: Positive, Security: Insecure, TTL: math.MaxInt64}
	if z.Security != Secure {
		f.Security, f.Trouble = z.Security, z.Trouble
	}
	for _, rr := range msg.Answer {
		if _, ok := rr.(*dns.RRSIG); ok && strings.EqualFold(rr.Header().Name, name) {
			f.Answer = append(f.Answer, rr)
			f.TTL = min(f.TTL, time.Duration(validTTL(rr.Header().Ttl))*time.Second)
		}
	}
	return f, len(f.Answer) > 0
}
