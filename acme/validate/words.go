package validate

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// Bounds of what others have a say in and people read: a problem document is not to
// carry a stranger's page, nor what a terminal obeys.
const (
	maxExcerpt = 64  // octets of an answer (Boulder: 128 of the body)
	maxTrouble = 400 // octets of the DNS's trouble
	maxShown   = 200 // octets of a URL, or of what TLS says
)

// excerpt is the beginning of a text in printable ASCII.
func excerpt(text string, most int) string {
	cut := text[:min(len(text), most)]
	out := strings.Map(func(c rune) rune {
		if unprintable(c) {
			return '?'
		}
		return c
	}, cut)
	if len(cut) < len(text) {
		out += "..."
	}
	return out
}

func unprintable(c rune) bool { return c < ' ' || c > '~' }

// without leaves out of what people are shown what would answer the challenge.
func (c *challenge) without(text string) string {
	return strings.NewReplacer(c.keyAuthorization, "<key authorization>", c.token, "<token>").Replace(text)
}

// why says what became of a connection, in our own words: an error of the system's
// may name this machine's address.
func why(err error) string {
	var slow net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.As(err, &slow) && slow.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route there"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection closed"
	}
	return "the connection failed"
}
