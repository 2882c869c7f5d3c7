package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// figures are the samples of an upstream that are not 0.
func (u *upstream) figures() string {
	var all []string
	for _, f := range u.families() {
		for _, s := range f.Read() {
			if s.Value != 0 {
				all = append(all, fmt.Sprint(strings.TrimPrefix(f.Name, "cnfd_upstream_"), " ", strings.Join(s.Labels, " "), " ", s.Value))
			}
		}
	}
	return strings.Join(all, "; ")
}

func TestUpstreamCounts(t *testing.T) {
	at := netip.MustParseAddrPort("192.0.2.1:853")
	reply := func(rcode int) *dns.Msg { return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: rcode}} }
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		claim   string
		ctx     context.Context
		network string
		m       *dns.Msg
		err     error
		want    string
	}{
		{"an answer over UDP", t.Context(), "udp", reply(dns.RcodeSuccess), nil, "queries_total network udp 1"},
		{"over TCP", t.Context(), "tcp", reply(dns.RcodeSuccess), nil, "queries_total network tcp 1"},
		{"over TLS", t.Context(), "tls", reply(dns.RcodeSuccess), nil, "queries_total network tls 1"},
		{"over HTTPS", t.Context(), "https", reply(dns.RcodeSuccess), nil, "queries_total network https 1"},
		{"no such name is an answer", t.Context(), "tls", reply(dns.RcodeNameError), nil, "queries_total network tls 1"},
		{"SERVFAIL is none", t.Context(), "tls", reply(dns.RcodeServerFailure), nil, "queries_total network tls 1; errors_total network tls kind rcode 1"},
		{"a certificate of another", t.Context(), "https", nil, fmt.Errorf("connecting: %w", &tls.CertificateVerificationError{Err: errors.New("x")}), "queries_total network https 1; errors_total network https kind certificate 1"},
		{"nobody there", t.Context(), "tls", nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errors.New("refused"))}, "queries_total network tls 1; errors_total network tls kind network 1"},
		{"silence", t.Context(), "https", nil, fmt.Errorf("connecting: %w", context.DeadlineExceeded), "queries_total network https 1; errors_total network https kind timeout 1"},
		{"a forgery", t.Context(), "udp", nil, &transport.NearMissError{Server: at}, "queries_total network udp 1; errors_total network udp kind mismatch 1"},
		{"a cookie is wanted", t.Context(), "udp", nil, &transport.AskAgainError{Server: at}, "queries_total network udp 1; errors_total network udp kind ask_again 1"},
		{"a record is left out", t.Context(), "tcp", reply(dns.RcodeSuccess), &transport.MalformedError{}, "queries_total network tcp 1; errors_total network tcp kind malformed 1"},
		{"nobody waits any more", over, "tls", nil, context.Canceled, "queries_total network tls 1"},
		{"a network that is none", t.Context(), "quic", nil, nil, ""},
	} {
		u := &upstream{}
		u.count(tt.ctx, tt.network, tt.m, tt.err)
		if got := u.figures(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.claim, got, tt.want)
		}
	}
}
