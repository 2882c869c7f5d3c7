package main

import (
	"errors"
	"net/http"
)

// closeAfter has the connection closed after the answer wherever the request could have been taken for another one by who
// passed it on, so that octets behind it are never taken for a request: what comes in chunks may have had a
// Content-Length as well, and what is HTTP/1.0 a Transfer-Encoding (RFC 9112 §6.1 demands it of
// both). net/http forgets either before anybody can see it.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0) {
		w.Header()["Connection"] = closing
	}
}

var closing = []string{"close"}

// CloseWrite ends what is said to the guest: net/http does so before it closes a connection with something unread in it,
// which would be reset, and the answer lost.
func (g *guest) CloseWrite() error {
	if c, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
