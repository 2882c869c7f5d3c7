package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"cnfd/metrics"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// upstream is the network as the resolver uses it, which counts what is sent there and
// what comes of it. Of forwarders over tls and https, which have connections of their own,
// it is told.
type upstream struct {
	*transport.Net
	sent   [len(networkWords)]atomic.Int64 // by network
	failed [len(networkWords)][troubleKinds]atomic.Int64
}

// trouble is how an exchange with a server fails.
type trouble uint8

const (
	troubleTimeout trouble = iota
	troubleForged          // a reply that nearly matched
	troubleAgain           // the server wants to be asked otherwise: a cookie, the case
	troubleMalformed
	troubleRcode       // FORMERR, SERVFAIL, NOTIMP, REFUSED
	troubleCertificate // it does not hold for the forwarder's name
	troubleNetwork
	troubleKinds
)

var troubleWords = [troubleKinds]string{"timeout", "mismatch", "ask_again", "malformed", "rcode", "certificate", "network"}

var networkWords = [...]string{"udp", "tcp", "tls", "https"}

// Exchange counts one exchange.
func (u *upstream) Exchange(ctx context.Context, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	m, err := u.Net.Exchange(ctx, server, network, query)
	u.count(ctx, network, m, err)
	return m, err
}

// ExchangeWithin counts one exchange.
func (u *upstream) ExchangeWithin(ctx context.Context, wait time.Duration, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	m, err := u.Net.ExchangeWithin(ctx, wait, server, network, query)
	u.count(ctx, network, m, err)
	return m, err
}

func (u *upstream) count(ctx context.Context, network string, m *dns.Msg, err error) {
	n := slices.Index(networkWords[:], network)
	if n < 0 {
		return // there is no other
	}
	u.sent[n].Add(1)
	if ctx.Err() == context.Canceled {
		return // nobody waits for it any more: the server has not failed
	}
	if kind, bad := troubleOf(m, err); bad {
		u.failed[n][kind].Add(1)
	}
}

func troubleOf(m *dns.Msg, err error) (trouble, bool) {
	var near *transport.NearMissError
	var again *transport.AskAgainError
	var malformed *transport.MalformedError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &near):
		return troubleForged, true
	case errors.As(err, &again):
		return troubleAgain, true
	case errors.As(err, &malformed):
		return troubleMalformed, true
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return troubleTimeout, true
	case errors.As(err, &untrusted):
		return troubleCertificate, true
	case err != nil:
		return troubleNetwork, true
	case m != nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeServerFailure || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeRefused):
		return troubleRcode, true
	}
	return 0, false
}

// families are the counts as metrics.
func (u *upstream) families() []metrics.Family {
	return []metrics.Family{
		{Name: "cnfd_upstream_queries_total", Help: "Messages sent to name servers and forwarders, by network.", Kind: metrics.Counter, Read: func() (all []metrics.Sample) {
			for n, word := range networkWords {
				all = append(all, metrics.Sample{Labels: []string{"network", word}, Value: float64(u.sent[n].Load())})
			}
			return all
		}},
		{Name: "cnfd_upstream_errors_total", Help: "Exchanges with name servers and forwarders that came to nothing, by network and kind.", Kind: metrics.Counter, Read: func() (all []metrics.Sample) {
			for n, network := range networkWords {
				for kind, word := range troubleWords {
					all = append(all, metrics.Sample{Labels: []string{"network", network, "kind", word}, Value: float64(u.failed[n][kind].Load())})
				}
			}
			return all
		}},
	}
}
