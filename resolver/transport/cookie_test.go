package transport

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// baker is a server that gives cookies; recipe changes its replies.
type baker struct {
	mu     sync.Mutex
	saw    []string // cookies, in hex
	recipe func(network, cookie string, r *dns.Msg)
}

func (b *baker) answer(network string, q []byte) []byte {
	m := new(dns.Msg)
	m.Unpack(q)
	cookie, _ := cookieIn(m)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saw = append(b.saw, cookie)
	return reply(q, func(r *dns.Msg) {
		if r.SetEdns0(1232, true); cookie != "" {
			give(cookie[:16] + fresh)(r)
		}
		if b.recipe != nil {
			b.recipe(network, cookie, r)
		}
	})
}

func (b *baker) bake(recipe func(network, cookie string, r *dns.Msg)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saw, b.recipe = nil, recipe
}

func (b *baker) last() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.saw) == 0 {
		return "none was asked"
	}
	return b.saw[len(b.saw)-1]
}

const fresh = "0011223344556677" // a server cookie

// give puts cookies into a reply in place of those that it has.
func give(cookies ...string) func(*dns.Msg) {
	return func(r *dns.Msg) {
		opt := r.IsEdns0()
		opt.Option = nil
		for _, c := range cookies {
			opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c})
		}
	}
}

// TestCookies: a server that has shown a cookie is asked with it, and its replies
// are believed with the right one only.
func TestCookies(t *testing.T) {
	b := &baker{}
	at := both(t, b.answer)
	over := func(network string, f func(string, *dns.Msg)) func(string, string, *dns.Msg) {
		return func(n, cookie string, r *dns.Msg) {
			if n == network {
				f(cookie, r)
			}
		}
	}
	const no = "no cookie"
	for _, c := range []struct {
		claim  string
		recipe func(string, string, *dns.Msg)
		udp    string // "", "near miss" or "again"
		then   string // the server cookie that is sent then, or none
	}{
		{"as it was", nil, "", fresh},
		{"a new cookie", over("udp", func(c string, r *dns.Msg) { give(c[:16] + "8899aabbccddeeff")(r) }), "", "8899aabbccddeeff"},
		{"a cookie of 32 octets", over("udp", func(c string, r *dns.Msg) { give(c[:16] + strings.Repeat("01", 32))(r) }), "", strings.Repeat("01", 32)},
		{"two cookies, the first right", over("udp", func(c string, r *dns.Msg) { give(c[:16]+"77777777aaaaaaaa", "00"+c[2:16]+fresh)(r) }), "", "77777777aaaaaaaa"},
		{"two cookies, the first wrong", over("udp", func(c string, r *dns.Msg) { give("0000000000000000"+fresh, c[:16]+fresh)(r) }), "near miss", fresh},
		{"another client cookie", over("udp", func(c string, r *dns.Msg) { give("0000000000000000" + fresh)(r) }), "near miss", fresh},
		{"no cookie where one was shown", over("udp", func(c string, r *dns.Msg) { give()(r) }), "near miss", fresh},
		{"no EDNS where a cookie was shown", over("udp", func(c string, r *dns.Msg) { r.Extra = nil }), "near miss", fresh},
		{"an error without a cookie", over("udp", func(c string, r *dns.Msg) { r.Rcode = dns.RcodeFormatError; give()(r) }), "near miss", fresh},
		{"our cookie alone", over("udp", func(c string, r *dns.Msg) { give(c[:16])(r) }), "near miss", fresh},
		{"a server cookie of 7 octets", over("udp", func(c string, r *dns.Msg) { give(c[:16] + fresh[2:])(r) }), "near miss", fresh},
		{"a server cookie of 33 octets", over("udp", func(c string, r *dns.Msg) { give(c[:16] + strings.Repeat("01", 33))(r) }), "near miss", fresh},
		{"an empty cookie", over("udp", func(c string, r *dns.Msg) { give("")(r) }), "near miss", fresh},
		{"BADCOOKIE with a new one", over("udp", func(c string, r *dns.Msg) { give(c[:16] + "8899aabbccddeeff")(r); r.Rcode = dns.RcodeBadCookie }), "again", "8899aabbccddeeff"},
		{"BADCOOKIE with another client cookie", over("udp", func(c string, r *dns.Msg) { give("0000000000000000" + fresh)(r); r.Rcode = dns.RcodeBadCookie }), "near miss", fresh},
		{"no cookies any more, said over TCP", func(_, _ string, r *dns.Msg) { give()(r) }, "near miss", no},
	} {
		t.Run(c.claim, func(t *testing.T) {
			n := new(Net)
			b.bake(nil)
			if m, err := exchange(t, n, at, "udp", query()); err != nil || len(m.Answer) != 1 || len(b.last()) != 16 {
				t.Fatalf("%v %v, sent %s", m, err, b.last())
			}
			b.bake(c.recipe)
			m, err := exchange(t, n, at, "udp", query())
			client := b.last()[:16]
			if b.last() != client+fresh {
				t.Errorf("sent %s", b.last())
			}
			var miss *NearMissError
			var again *AskAgainError
			got := ""
			switch {
			case errors.As(err, &miss):
				got = "near miss"
			case errors.As(err, &again) && again.Network == "udp":
				got = "again"
			case err != nil:
				t.Fatal(err)
			}
			if got != c.udp || (m == nil) != (err != nil) || n.Stats().NearMisses != map[bool]int64{true: 1}[got == "near miss"] {
				t.Errorf("%q %v %+v, want %q", got, m, n.Stats(), c.udp)
			}
			if got == "near miss" {
				if m, err := exchange(t, n, at, "tcp", query()); err != nil || len(m.Answer) != 1 {
					t.Errorf("over TCP: %v %v", m, err)
				}
			}
			b.bake(nil)
			if m, err := exchange(t, n, at, "udp", query()); err != nil || len(m.Answer) != 1 {
				t.Errorf("then: %v %v", m, err)
			}
			if sent := b.last(); sent != client+c.then && !(c.then == no && sent == client) {
				t.Errorf("then sent %s, want %s", sent, c.then)
			}
		})
	}
}

// TestWithoutCookies: servers that know none are asked as ever, and those that do
// not bear them, without.
func TestWithoutCookies(t *testing.T) {
	for _, c := range []struct {
		claim  string
		recipe func(network, cookie string, r *dns.Msg)
		again  bool
	}{
		{"none in the reply", func(_, _ string, r *dns.Msg) { give()(r) }, false},
		{"no EDNS in the reply", func(_, _ string, r *dns.Msg) { r.Extra = nil }, false},
		{"the option echoed", func(_, c string, r *dns.Msg) { give(c)(r) }, false},
		{"FORMERR where a cookie is seen", func(_, c string, r *dns.Msg) {
			if give()(r); c != "" {
				r.Rcode = dns.RcodeFormatError
			}
		}, true},
		{"BADVERS where a cookie is seen", func(_, c string, r *dns.Msg) {
			if give()(r); c != "" {
				r.Rcode = dns.RcodeBadVers
			}
		}, true},
	} {
		for _, network := range []string{"udp", "tcp"} {
			b := &baker{recipe: c.recipe}
			at := both(t, b.answer)
			n := new(Net)
			m, err := exchange(t, n, at, network, query())
			var again *AskAgainError
			if errors.As(err, &again) != c.again || c.again && again.Network != network || !c.again && (err != nil || len(m.Answer) != 1) {
				t.Errorf("%s: %v %v", c.claim, m, err)
			}
			for range 2 {
				if m, err := exchange(t, n, at, network, query()); err != nil || m.Rcode != 0 || len(m.Answer) != 1 {
					t.Errorf("%s: then: %v %v", c.claim, m, err)
				}
			}
			if sent := b.last(); len(sent) != map[bool]int{false: 16}[c.again] {
				t.Errorf("%s: sent %s", c.claim, sent)
			}
			if n.Stats().NearMisses != 0 {
				t.Errorf("%s: %+v", c.claim, n.Stats())
			}
		}
	}
	b := &baker{}
	if _, err := exchange(t, new(Net), both(t, b.answer), "udp", new(dns.Msg).SetQuestion(name, dns.TypeTLSA)); err != nil || b.last() != "" {
		t.Errorf("a question without EDNS: %v, sent %q", err, b.last())
	}
}

// TestClientCookies: one for each server and each address of ours, changed daily.
func TestClientCookies(t *testing.T) {
	at := time.Unix(1e9, 0)
	n := &Net{Now: func() time.Time { return at }}
	a, b, c := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")
	seen := map[string]bool{}
	for _, pair := range [][2]netip.Addr{{a, b}, {b, a}, {a, c}, {c, a}, {a, a}} {
		cookie := n.clientCookie(pair[0], pair[1])
		if raw, err := hex.DecodeString(cookie); err != nil || len(raw) != clientCookieSize || seen[cookie] || n.clientCookie(pair[0], pair[1]) != cookie {
			t.Errorf("%v: %s", pair, cookie)
		}
		seen[cookie] = true
	}
	before := n.clientCookie(a, b)
	if other := new(Net).clientCookie(a, b); other == before {
		t.Error("two have one secret")
	}
	at = at.Add(secretLife + time.Second)
	if n.clientCookie(a, b) == before {
		t.Error("the secret lives on")
	}
}

// TestSecretChanges: a cookie that was given for another client cookie is not
// sent, and a reply without one is not believed all the same.
func TestSecretChanges(t *testing.T) {
	var mu sync.Mutex
	now := time.Unix(1e9, 0)
	n := &Net{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}
	b := &baker{}
	at := both(t, b.answer)
	if _, err := exchange(t, n, at, "udp", query()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(secretLife + time.Second)
	mu.Unlock()
	b.bake(func(network, c string, r *dns.Msg) { give()(r) })
	var miss *NearMissError
	if m, err := exchange(t, n, at, "udp", query()); !errors.As(err, &miss) {
		t.Errorf("%v %v", m, err)
	}
	if len(b.last()) != 16 {
		t.Errorf("sent %s", b.last())
	}
}

// TestCookiesOfOthers: BIND and Knot give cookies (RFC 9018), take them back, and
// want them where they are told to.
func TestCookiesOfOthers(t *testing.T) {
	for _, c := range []struct{ program, debian, conf string }{
		{"named", "bind9", `options { directory %[1]q; pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no;
 listen-on port %[2]d { 127.0.0.1; }; listen-on-v6 { none; }; require-server-cookie yes; };
controls { };
zone "vendor.example" { type primary; file "zone"; };
`},
		{"knotd", "knot", `server:
  rundir: %[1]q
  listen: 127.0.0.1@%[2]d
database:
  storage: %[1]q
mod-cookies:
  - id: c
    badcookie-slip: 1
template:
  - id: default
    global-module: mod-cookies/c
    storage: %[1]q
zone:
  - domain: vendor.example
    file: zone
`},
	} {
		t.Run(c.program, func(t *testing.T) {
			at := foreign(t, c.program, c.debian, c.conf)
			n := new(Net)
			_, err := exchange(t, n, at, "udp", query())
			var again *AskAgainError
			if !errors.As(err, &again) || again.Network != "udp" {
				t.Fatalf("without a server cookie: %v", err)
			}
			for range 3 {
				m, err := exchange(t, n, at, "udp", query())
				if err != nil || len(m.Answer) != 1 || m.Answer[0].Header().Name != name {
					t.Fatalf("%v %v", m, err)
				}
				if cookie, ok := cookieIn(m); !ok || len(cookie) != 2*(8+16) {
					t.Errorf("cookie %q", cookie)
				}
			}
			n.peers.change(at, func(p *peer) { p.cookie = "01000000" + p.cookie[8:16] + "0000000000000000" })
			if m, err := exchange(t, n, at, "udp", query()); !errors.As(err, &again) || again.Network != "udp" {
				t.Errorf("with a cookie that is none of its: %v %v", m, err)
			}
			if m, err := exchange(t, n, at, "udp", query()); err != nil || len(m.Answer) != 1 {
				t.Errorf("with the one it gave then: %v %v", m, err)
			}
			if m, err := exchange(t, new(Net), at, "tcp", query()); err != nil || len(m.Answer) != 1 {
				t.Errorf("over TCP: %v %v", m, err)
			}
		})
	}
}

// foreign starts a name server of somebody else with a zone of one record.
func foreign(t *testing.T, program, debian, conf string) netip.AddrPort {
	t.Helper()
	octets, err := os.ReadFile(testneeds.Binary(t, program, debian))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	zone := "$TTL 300\n@ SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\njwk.cnf TLSA 255 255 255 AA\n"
	// A profile of AppArmor goes by the program's path: the same octets run from another.
	for file, text := range map[string]string{"conf": fmt.Sprintf(conf, dir, at.Port()), "zone": zone, program: string(octets)} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-g", "-n", "1", "-c", "conf"}
	if program == "knotd" {
		args = []string{"-c", "conf"}
	}
	var said bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, filepath.Join(dir, program), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		m, err := new(Net).Exchange(ctx, at, "tcp", query())
		cancel()
		if err == nil && len(m.Answer) == 1 {
			return at
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", program)
	return at
}
