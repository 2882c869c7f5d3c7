package validate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/acme"
)

// street is a network in memory: who listens at which address and port. Elsewhere a
// dialler waits until it has enough, as behind a firewall that swallows everything,
// but where the connection is refused.
type street struct {
	serve   map[string]func(net.Conn)
	refused map[string]bool
	dialled []string
	open    sync.WaitGroup
}

func (s *street) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	s.dialled = append(s.dialled, address)
	if s.refused[address] {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	serve := s.serve[address]
	if serve == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	s.open.Go(func() {
		defer theirs.Close()
		serve(theirs)
	})
	return polite{ours}, nil
}

// says reads a request's beginning and answers with octets, each after a pause.
func says(text string, pause time.Duration) func(net.Conn) {
	return func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		trickle(conn, text, pause)
	}
}

func trickle(conn net.Conn, text string, pause time.Duration) {
	for i := range len(text) {
		time.Sleep(pause)
		if _, err := conn.Write([]byte(text[i : i+1])); err != nil {
			return
		}
	}
	conn.Read(make([]byte, 1)) // until they hang up
}

// polite ends what was read when we hang up, as if it had been all.
type polite struct{ net.Conn }

func (p polite) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if errors.Is(err, io.ErrClosedPipe) {
		err = io.EOF
	}
	return n, err
}

const (
	four, six = "1.2.3.4:80", "[2a00::1]:80"
	good      = "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n" + keyAuth
)

// bubble gives f a name with both kinds of address, whose server answers well at both,
// once that has been seen.
func bubble(t *testing.T, f func(t *testing.T, n *names, s *street, v *Validator)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNames(t)
		n.put(vendor, "A", "1.2.3.4", "1.2.3.5")
		n.put(vendor, "AAAA", "2a00::1", "2a00::2")
		n.put(challengeName, "TXT", digest(keyAuth))
		s := &street{refused: map[string]bool{}, serve: map[string]func(net.Conn){four: says(good, 0), six: says(good, 0)}}
		defer s.open.Wait()
		v := validator(t, Config{Source: n, Dialer: s})
		passes(t, v, acme.MethodHTTP, identifier)
		if fmt.Sprint(s.dialled) != "["+six+"]" {
			t.Fatalf("dialled %q", s.dialled)
		}
		s.dialled = nil
		f(t, n, s, v)
	})
}

func TestIPv4WhereNobodyIsAtTheIPv6Address(t *testing.T) {
	for claim, flip := range map[string]func(*street){
		"refused":   func(s *street) { s.refused[six] = true },
		"swallowed": func(s *street) { delete(s.serve, six) },
	} {
		t.Run(claim, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *names, s *street, v *Validator) {
				flip(s)
				passes(t, v, acme.MethodHTTP, identifier)
				if fmt.Sprint(s.dialled) != "["+six+" "+four+"]" {
					t.Errorf("dialled %q", s.dialled)
				}
				s.dialled, s.refused[four] = nil, true
				want{acme.Connection, true, four + ": connection refused"}.holds(t, v.Validate(t.Context(), acme.MethodHTTP, identifier, token, keyAuth))
				if len(s.dialled) != maxDials {
					t.Errorf("dialled %q", s.dialled)
				}
			})
		})
	}
}

// TestAnAnswerIsNoReasonToTryIPv4: what was heard at the first address counts.
func TestAnAnswerIsNoReasonToTryIPv4(t *testing.T) {
	bubble(t, func(t *testing.T, n *names, s *street, v *Validator) {
		s.serve[six] = says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0)
		want{acme.IncorrectResponse, false, six}.holds(t, v.Validate(t.Context(), acme.MethodHTTP, identifier, token, keyAuth))
		if len(s.dialled) != 1 {
			t.Errorf("dialled %q", s.dialled)
		}
	})
}

func TestAFamilyThatIsOff(t *testing.T) {
	bubble(t, func(t *testing.T, n *names, s *street, _ *Validator) {
		for _, c := range []struct {
			config      Config
			dials       string
			unreachable acme.Identifier
		}{
			{Config{NoIPv6: true}, four, acme.Identifier{Type: acme.TypeIP, Value: "2a00::1"}},
			{Config{NoIPv4: true}, six, acme.Identifier{Type: acme.TypeIP, Value: "1.2.3.4"}},
		} {
			s.dialled, n.asked = nil, nil
			c.config.Source, c.config.Dialer = n, s
			v := validator(t, c.config)
			passes(t, v, acme.MethodHTTP, identifier)
			if fmt.Sprint(s.dialled) != "["+c.dials+"]" || len(n.asked) != 1 {
				t.Errorf("dialled %q, asked %q", s.dialled, n.asked)
			}
			want{acme.Connection, false, "of a family"}.holds(t, v.Validate(t.Context(), acme.MethodHTTP, c.unreachable, token, keyAuth))
		}
	})
}

// TestTimeIsUp: whatever a server or a name server is slow with, a challenge ends after Config.Timeout.
func TestTimeIsUp(t *testing.T) {
	silent := func(conn net.Conn) { conn.Read(make([]byte, 4096)); conn.Read(make([]byte, 1)) }
	slow := func(what string) want { return want{acme.Connection, true, what} }
	for _, tc := range []struct {
		claim, method string
		flip          func(*names, *street)
		want          want
	}{
		{"a server that says nothing", acme.MethodHTTP, func(n *names, s *street) { s.serve[six] = silent }, slow("no answer in time")},
		{"a header octet by octet", acme.MethodHTTP, func(n *names, s *street) { s.serve[six] = says(good, time.Second) }, slow("no answer in time")},
		{"a body octet by octet", acme.MethodHTTP, func(n *names, s *street) {
			s.serve[six] = func(conn net.Conn) {
				conn.Read(make([]byte, 4096))
				conn.Write([]byte(good[:len(good)-len(keyAuth)]))
				trickle(conn, keyAuth, time.Second)
			}
		}, slow("no answer in time")},
		{"a key authorization, and then a body that does not end", acme.MethodHTTP, func(n *names, s *street) {
			s.serve[six] = says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+keyAuth, 0)
		}, slow("no answer in time")},
		{"half an answer, whose end is where they hang up", acme.MethodHTTP, func(n *names, s *street) {
			s.serve[six] = says("HTTP/1.0 200 OK\r\n\r\n"+keyAuth[:50], 0)
		}, slow("no answer in time")},
		{"redirects that each take a while", acme.MethodHTTP, func(n *names, s *street) {
			s.serve[six] = says("HTTP/1.1 302 Found\r\nLocation: /.well-known/\r\nContent-Length: 0\r\n\r\n", 20*time.Millisecond)
		}, slow("no answer in time")},
		{"TLS that says nothing", acme.MethodTLSALPN, func(n *names, s *street) { s.serve["[2a00::1]:443"] = silent }, slow("no TLS handshake: no answer in time")},
		{"name servers that say nothing, of an address", acme.MethodHTTP, func(n *names, s *street) { n.hang = true }, want{acme.DNS, true, "no answer in time"}},
		{"name servers that say nothing, of a TXT record", acme.MethodDNS, func(n *names, s *street) { n.hang = true }, want{acme.DNS, true, "no answer in time"}},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *names, s *street, v *Validator) {
				tc.flip(n, s)
				begun := time.Now()
				tc.want.holds(t, v.Validate(t.Context(), tc.method, identifier, token, keyAuth))
				if took := time.Since(begun); took != DefaultTimeout {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// TestTheEndOfTheContext: whatever it is that is going on, the problem is a passing Connection one.
func TestTheEndOfTheContext(t *testing.T) {
	silent := func(conn net.Conn) { conn.Read(make([]byte, 4096)); conn.Read(make([]byte, 1)) }
	for _, method := range []string{acme.MethodHTTP, acme.MethodDNS, acme.MethodTLSALPN} {
		for claim, flip := range map[string]func(*names, *street){
			"while a name server is awaited": func(n *names, s *street) { n.hang = true },
			"while a server is awaited":      func(n *names, s *street) { s.serve[six], s.serve["[2a00::1]:443"] = silent, silent },
			"while a connection is awaited":  func(n *names, s *street) { clear(s.serve) },
		} {
			t.Run(method+" "+claim, func(t *testing.T) {
				bubble(t, func(t *testing.T, n *names, s *street, v *Validator) {
					if flip(n, s); method == acme.MethodDNS {
						n.hang = true
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					begun := time.Now()
					want{acme.Connection, true, "broken off"}.holds(t, v.Validate(ctx, method, identifier, token, keyAuth))
					if took := time.Since(begun); took != time.Second {
						t.Errorf("took %s", took)
					}
				})
			})
		}
	}
}

// TestWhatIsHeardInTime: the end of the context makes nothing passing that was decided before.
func TestWhatIsHeardInTime(t *testing.T) {
	bubble(t, func(t *testing.T, n *names, s *street, v *Validator) {
		ctx, cancel := context.WithCancel(t.Context())
		s.serve[six] = func(conn net.Conn) {
			says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0)(conn)
			cancel()
		}
		want{acme.IncorrectResponse, false, "404"}.holds(t, v.Validate(ctx, acme.MethodHTTP, identifier, token, keyAuth))
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("the context has not ended")
		}
	})
}
