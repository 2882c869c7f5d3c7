package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"cnfd/internal/strict"
	"cnfd/verifier"
)

// MaxBody bounds a request's body, in octets.
const MaxBody = 64 << 10

// readVerify fills c.request from the whole of r: type, body, query, headers.
func (h *handler) readVerify(c *call, r *http.Request) *problem {
	m, p := mediaOf(r.Header)
	if p != nil {
		return p
	}
	if c.body, p = readBody(c.body, r); p != nil {
		return p
	}
	q := &c.request
	c.saidTime = false
	switch m {
	case mediaJSON:
		p = c.readEnvelope(c.body)
	case mediaJWT:
		q.Input, q.Bytes = verifier.InputJWT, trimmed(c.body)
	case mediaSDJWT:
		q.Input, q.Bytes = verifier.InputSDJWT, trimmed(c.body)
	case mediaCWT:
		q.Input, q.Bytes = verifier.InputCWT, c.body
	}
	if p != nil {
		return p
	}
	if len(q.Bytes) == 0 {
		return &problem{malformed, "the body is empty: it must hold the credential"}
	}
	if p = readQuery(q, r.URL.RawQuery, c.saidTime); p != nil {
		return p
	}
	readCacheControl(q, r.Header["Cache-Control"])
	return nil
}

// readBody reads all of the body into buf, at most MaxBody octets.
func readBody(buf []byte, r *http.Request) ([]byte, *problem) {
	buf = buf[:0]
	if len(r.Header["Content-Encoding"]) > 0 {
		return buf, &problem{unsupportedMediaType, "Content-Encoding is not read here: send the body as it is"}
	}
	if r.ContentLength > MaxBody {
		return buf, bodyTooLarge()
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):min(cap(buf), MaxBody+1)])
		buf = buf[:len(buf)+n]
		if len(buf) > MaxBody {
			return buf[:0], bodyTooLarge()
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, bodyBroken(err)
		}
	}
}

func bodyTooLarge() *problem {
	return &problem{tooLarge, fmt.Sprintf("the body may have %d octets", MaxBody)}
}

func bodyBroken(err error) *problem {
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return &problem{tooLarge, fmt.Sprintf("the body may have %d octets", long.Limit)}
	}
	var n net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		return &problem{timeout, "the body did not arrive in time: send it faster"}
	}
	return &problem{malformed, "the body could not be read to its end"}
}

// trimmed is a text body without the line end that files have.
func trimmed(text []byte) []byte {
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isSpace(b byte) bool { return b == '\n' || b == '\r' || b == ' ' || b == '\t' }

const (
	memberToken = iota
	memberClaims
	memberMaxAge
	memberTime
	memberCheck
	memberAud
	memberNonce
	memberDPoP
	memberClientCert
)

var envelope = strict.NewNames("token", "claims", "max_age", "time", "check", "aud", "nonce", "dpop", "client_cert")

// readEnvelope reads {"token": …} or {"claims": …} and the options beside it.
// The claims are passed on as they stand; the verifier reads them as strictly.
func (c *call) readEnvelope(body []byte) *problem {
	var s strict.Scanner
	s.Reset(body, "")
	q := &c.request
	var p *problem
	inputs := 0
	o := s.Object(envelope)
	for member, ok := o.Next(); ok && p == nil; member, ok = o.Next() {
		switch member {
		case memberToken:
			inputs++
			c.text = s.Text().AppendTo(c.text[:0])
			q.Input, q.Bytes = verifier.InputToken, c.text
			if s.Err() == nil && len(c.text) == 0 {
				return &problem{malformed, "token: empty: it must hold the credential"}
			}
		case memberClaims:
			inputs++
			if s.Peek() != '{' {
				return envelopeProblem(s.Err(), "claims: not an object")
			}
			q.Input, q.Bytes = verifier.InputClaims, s.Span() // the verifier judges them
		case memberMaxAge:
			n := s.Number()
			age, fits := n.Floor()
			above, _ := n.Ceil()
			if s.Err() == nil && (!fits || age != above || age < 0) {
				return &problem{malformed, "max_age: want whole seconds, 0 or more"}
			}
			bound(q, age)
		case memberTime:
			q.SkipTime = !s.Bool() && s.Err() == nil
			c.saidTime = true
		case memberCheck:
			p = readChecks(&s, q)
		case memberAud:
			q.Audience, p = said(&s, "aud")
		case memberNonce:
			q.Nonce, p = said(&s, "nonce")
		case memberDPoP:
			p = readDPoP(&s, &q.DPoP)
		case memberClientCert:
			q.ClientCert = string(s.Text().Bytes())
		default:
			p = &problem{malformed, "a member that is not read here: token or claims, max_age, time, check, aud, nonce, dpop and client_cert are"}
		}
	}
	if p != nil {
		return p
	}
	if err := s.Close(); err != nil {
		return envelopeProblem(err, "")
	}
	if inputs != 1 {
		return &problem{malformed, "want exactly one of token and claims"}
	}
	return nil
}

func envelopeProblem(err error, otherwise string) *problem {
	if err == nil {
		return &problem{malformed, otherwise}
	}
	detail := err.Error()
	var e *strict.Error
	if errors.As(err, &e) {
		// The envelope has no name of its own: "token: given twice", but "body: not an object".
		where := strings.TrimPrefix(e.Where, ".")
		if where == "" {
			where = "body"
		}
		detail = where + ": " + e.What
	}
	if !utf8.ValidString(detail) {
		detail = "not JSON"
	}
	return &problem{malformed, detail}
}
