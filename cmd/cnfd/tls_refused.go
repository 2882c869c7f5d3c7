package main

import (
	"log/slog"
	"strings"
	"sync/atomic"
)

// handshakeLog is what net/http has to say where api.tls.client_ca may keep callers out: those are counted and told of.
type handshakeLog struct {
	serverLog
	kept *keptOut
}

// Write logs one message of net/http.
func (l handshakeLog) Write(line []byte) (int, error) {
	if peer, why, ok := certificateRefused(string(line)); ok {
		l.kept.note(l.log, peer, why)
	}
	return l.serverLog.Write(line)
}

// certificateRefused takes apart what net/http says of a handshake that failed by what the caller showed, or by his
// showing nothing. net/http hands on the error as words alone; those of crypto/tls about a caller's certificate are here.
func certificateRefused(line string) (peer, why string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "http: TLS handshake error from ")
	if !ok {
		return "", "", false
	}
	peer, err, _ := strings.Cut(rest, ": ")
	for _, one := range []struct{ begins, why string }{
		{"tls: client didn't provide a certificate", "none was shown"},
		{"tls: failed to verify certificate", "no authority of the file vouches for it"},
		{"tls: failed to parse client certificate", "it cannot be read"},
		{"tls: client certificate used with invalid signature algorithm", "its key was not shown to be the caller's"},
		{"tls: client certificate contains an unsupported public key", "its key is of no type that is known"},
		{"tls: invalid signature by the client certificate", "its key was not shown to be the caller's"},
	} {
		if strings.HasPrefix(err, one.begins) {
			return peer, one.why, true
		}
	}
	return "", "", false
}

// keptOut are the callers whom api.tls.client_ca kept out. The zero value is ready.
type keptOut struct {
	all atomic.Int64
	tally
}

func (k *keptOut) note(log *slog.Logger, peer, why string) {
	k.all.Add(1)
	k.tally.note(func(n int) {
		log.Warn("tls: callers refused by api.tls.client_ca", "refused", n, "last_peer", peer, "last_why", why)
	})
}
