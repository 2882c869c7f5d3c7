package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestSlowClients has clients send an octet now and then, or nothing, or read nothing, at every listener. The daemon is rid of
// each by itself, and others have their answers meanwhile.
func TestSlowClients(t *testing.T) { // beside no other: it takes all the processors there are
	for i, secured := range []bool{false, true} {
		t.Run(map[bool]string{false: "in plain", true: "over TLS"}[secured], func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, 73+i, secured, "limits: {idle_timeout: 5s}\ncache: {max_bytes: 32MiB}")
			_, stop := s.meanwhile(t)
			end := make(chan struct{})
			var slow, deaf sync.WaitGroup
			defer deaf.Wait()
			defer close(end)
			const many = 40
			clients := 0
			for at, behaviours := range s.slow() {
				for claim, behave := range behaviours {
					clients += many
					for range many {
						slow.Go(func() {
							if err := behave(); err != nil {
								t.Errorf("%s: %s: %v", at, claim, err)
							}
						})
					}
				}
			}
			for at, behaviours := range s.deaf() {
				for claim, behave := range behaviours {
					for range many / 5 { // each keeps a processor busy until its buffers are full
						clients++
						deaf.Go(func() {
							if err := behave(end); err != nil {
								t.Errorf("%s: %s: %v", at, claim, err)
							}
						})
					}
				}
			}
			slow.Wait()
			t.Logf("figure: %s: %d slow clients, others asked all there is %d times meanwhile", name(t), clients, stop())
			s.lifted(t, 96<<20) // the deaf hold on to what is no connection of the daemon's any more
		})
	}
}

// slow are the behaviours of slow clients, by listener. Each ends when the daemon has closed the connection.
func (s *siege) slow() map[string]map[string]func() error {
	token := s.good
	half := posted(fmt.Sprintf("Content-Length: %d\r\n", len(token)), token[:len(token)/2])
	batch := batched("Transfer-Encoding: chunked\r\n", "")
	out := map[string]map[string]func() error{"dns": {
		"nothing":               dripping(s.dialDNS, "", "", ""),
		"a length, and no more": dripping(s.dialDNS, "\x00\x1c", "", ""),
		"octets of a question":  dripping(s.dialDNS, "\x02\x00", "a", ""),
	}}
	for _, o := range s.doors {
		out[o.name] = map[string]func() error{
			"nothing":                   dripping(o.dial, "", "", ""),
			"a header, and no more":     dripping(o.dial, alive, "", ""),
			"octets of a header":        dripping(o.dial, alive+"X: ", "a", ""),
			"fields of a header":        dripping(o.dial, alive, "X: a\r\n", ""),
			"octets of a request line":  dripping(o.dial, "GET /", "a", ""),
			"empty lines":               dripping(o.dial, "", "\r\n", ""),
			"a body, and no more":       dripping(o.dial, half, "", "HTTP/1.1 408 "),
			"octets of a body":          dripping(o.dial, posted("Content-Length: 60000\r\n", ""), "a", "HTTP/1.1 408 "),
			"chunks of a body":          dripping(o.dial, posted("Transfer-Encoding: chunked\r\n", ""), "1\r\na\r\n", "HTTP/1.1 408 "),
			"extensions of a chunk":     dripping(o.dial, posted("Transfer-Encoding: chunked\r\n", "1;"), "a", "HTTP/1.1 408 "),
			"a request, and nothing":    dripping(o.dial, alive+"\r\n", "", "HTTP/1.1 200 "),
			"a request, and half a one": dripping(o.dial, alive+"\r\n"+alive, "", "HTTP/1.1 200 "),
			"a batch, and no item":      dripping(o.dial, batch, "", "HTTP/1.1 200 "),
			"octets of a batch":         dripping(o.dial, batch, "1\r\n \r\n", "HTTP/1.1 200 "),
		}
	}
	if s.doors[0].name == "tls" {
		out["tls"]["a handshake, and no more"] = dripping(s.dialRaw, "\x16\x03\x01\x02\x00\x01", "", "")
		out["tls"]["octets of a handshake"] = dripping(s.dialRaw, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "a", "")
	}
	return out
}

// deaf are the behaviours of clients that read nothing of what they ask for.
func (s *siege) deaf() map[string]map[string]func(end chan struct{}) error {
	out := map[string]map[string]func(chan struct{}) error{"dns": {"an answer": deaf(s.dialDNS, "", question())}}
	for _, o := range s.doors {
		item := string(ofToken(s.good, nil)) + "\n"
		out[o.name] = map[string]func(chan struct{}) error{
			"a document":         deaf(o.dial, "", "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"),
			"a verdict":          deaf(o.dial, "", posted(fmt.Sprintf("Content-Length: %d\r\n", len(s.good)), s.good)),
			"answers of a batch": deaf(o.dial, batched("Transfer-Encoding: chunked\r\n", ""), fmt.Sprintf("%x\r\n%s\r\n", len(item), item)),
		}
	}
	return out
}

func (s *siege) dialDNS() (net.Conn, error) { return net.Dial("tcp", s.dns.String()) }
func (s *siege) dialRaw() (net.Conn, error) { return net.Dial("tcp", s.tcp) }

// question is one for the DNS, as it is sent over TCP.
func question() string {
	q, _ := new(dns.Msg).SetQuestion("jwk.cnf.vendor.example.", dns.TypeTLSA).SetEdns0(4096, true).Pack()
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(q)))) + string(q)
}

// dials bounds the handshakes that are under way.
var dials = make(chan struct{}, 16)

// slowly is the pause between two drops: shorter than any of the daemon's patience.
const slowly = 200 * time.Millisecond

// dripping sends what it begins with and then a drop at a time, or nothing more, until the daemon closes the connection. What
// the daemon says begins with these words.
func dripping(dial func() (net.Conn, error), begins, drop, says string) func() error {
	return func() error {
		dials <- struct{}{}
		conn, err := dial()
		<-dials
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * patience))
		if _, err := io.WriteString(conn, begins); err != nil {
			return err
		}
		ended := make(chan struct{})
		defer close(ended)
		if drop != "" {
			go func() {
				for {
					select {
					case <-ended:
						return
					case <-time.After(slowly):
					}
					if _, err := io.WriteString(conn, drop); err != nil {
						return
					}
				}
			}()
		}
		said, err := io.ReadAll(conn)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("the connection is left open")
		}
		if !strings.HasPrefix(string(said), says) || says == "" && strings.HasPrefix(string(said), "HTTP/1.1 200") {
			return fmt.Errorf("%q, want %q", said, says)
		}
		return nil
	}
}

// deaf sends the same again and again, reads nothing of what is answered, and holds on once nothing is taken of it any more.
func deaf(dial func() (net.Conn, error), begins, again string) func(chan struct{}) error {
	return func(end chan struct{}) error {
		conn, err := dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		if c, ok := conn.(*net.TCPConn); ok {
			c.SetReadBuffer(4 << 10)
		}
		many := strings.Repeat(again, 16)
		_, err = io.WriteString(conn, begins)
		for err == nil {
			conn.SetWriteDeadline(time.Now().Add(10 * time.Second)) // with nothing taken for that long
			_, err = io.WriteString(conn, many)
		}
		<-end
		return nil
	}
}
