package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// TestSlowSendersAreShownOut: on every socket, who does not send the rest of the
// headers, the rest of the body, or another request has the connection closed, and all
// that it held is free again. Others are answered meanwhile.
func TestSlowSendersAreShownOut(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	pool := makeCertificate(t, cert, key)
	for _, secured := range []bool{false, true} {
		o := operate(t, func(c *config.Config) {
			c.Limits.ReadTimeout, c.Limits.IdleTimeout = time.Second, time.Second
			if secured {
				c.API.TLS.Cert, c.API.TLS.Key = cert, key
			}
		})
		_, address, _ := strings.Cut(o.Addresses().API, "://")
		open := map[string]func() (net.Conn, error){
			"tcp":  func() (net.Conn, error) { return net.Dial("tcp", address) },
			"unix": func() (net.Conn, error) { return net.Dial("unix", o.c.API.Unix) },
		}
		if secured {
			delete(open, "unix")
			open["tcp"] = func() (net.Conn, error) {
				return tls.Dial("tcp", address, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			}
		}
		token := o.token(t, "vendor.jwt")
		whole := fmt.Sprintf("POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/jwt\r\nContent-Length: %d\r\n\r\n%s", len(token), token)
		type slow struct {
			conn       net.Conn
			what, says string
		}
		var all []slow
		for network, dial := range open {
			for _, tt := range []struct{ what, sends, says string }{
				{"headers", whole[:60], ""},
				{"a body", whole[:len(whole)-10], "HTTP/1.1 408 "},
				{"another request", whole, "HTTP/1.1 200 "},
				{"anything at all", "", ""},
			} {
				conn, err := dial()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(30 * time.Second))
				io.WriteString(conn, tt.sends)
				all = append(all, slow{conn, network + ": " + tt.what, tt.says})
			}
		}
		if b, _ := o.ask(t, token, ""); b.Outcome != "confirmed" {
			t.Errorf("another is not answered: %+v", b)
		}
		for _, s := range all {
			said, err := io.ReadAll(s.conn)
			if err != nil || !strings.HasPrefix(string(said), s.says) || s.says == "" && strings.HasPrefix(string(said), "HTTP/1.1 200") {
				t.Errorf("%s: %v, want %q: %q", s.what, err, s.says, said)
			}
		}
		for deadline := time.Now().Add(30 * time.Second); o.atDoors(func(d *door) int64 { return d.inside.Load() }) > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("somebody is inside still")
			}
		}
	}
}
