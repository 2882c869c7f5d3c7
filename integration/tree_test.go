package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/sandbox"
)

// A tree is the sandbox's internet on port 53 of loopback addresses: servers that can be made to do anything.
type tree struct {
	trust
	*sandbox.Internet
	mute []net.PacketConn // sockets of servers that never answer
}

// newTree starts the sandbox on addresses 127.number.0.x.
func newTree(t testing.TB, number int) *tree {
	t.Helper()
	lab(t)
	n := &tree{trust: trust{net: network(t, number)}}
	var err error
	n.Internet, err = sandbox.Start(sandbox.Config{Port: 53, Now: time.Now, Host: n.host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		for _, m := range n.mute {
			m.Close()
		}
	})
	n.anchor = records(t, n.Anchor())
	for _, hint := range n.Hints() {
		for _, addr := range hint.Addresses {
			n.hints = append(n.hints, addr.String())
		}
	}
	return n
}

// host is the address of the i-th of the sandbox's servers, which are fewer than a hundred.
func (n *tree) host(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprint(n.net, i+1)) }

// delegate makes zone, below example., one without DS and with one server at addr.
func (n *tree) delegate(t testing.TB, zone, addr string) {
	t.Helper()
	for _, line := range []string{zone + " 300 IN NS ns." + zone, "ns." + zone + " 300 IN A " + addr} {
		if err := n.Replace("example.", line); err != nil {
			t.Fatal(err)
		}
	}
}

// hang delegates a zone to a server that hears every question and never answers; it returns its address.
func (n *tree) hang(t testing.TB, zone string) string {
	t.Helper()
	addr := fmt.Sprint(n.net, 100+len(n.mute))
	conn, err := net.ListenPacket("udp", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	n.mute = append(n.mute, conn)
	n.delegate(t, zone, addr)
	return addr
}

// token returns the text of one of the sandbox's samples.
func (n *tree) token(t testing.TB, name string) string {
	t.Helper()
	samples, err := n.Samples()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(samples, func(s sandbox.Sample) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no sample %s", name)
	}
	return samples[i].Text()
}

// ofToken and ofSubject are requests: a sample's token, and a subject with somebody's key.
func ofToken(token string, options bound) []byte {
	question := bound{"token": token}
	for name, value := range options {
		question[name] = value
	}
	body, _ := json.Marshal(question)
	return body
}

// subjectsKey is the thumbprint of the key of ofSubject.
const subjectsKey = "80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"

func ofSubject(subject string) []byte {
	return fmt.Appendf(nil, `{"claims":{"sub":%q,"cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}}`, "https://"+subject)
}

// judge asks the daemon through a client of the caller's; it ends no test, so that it may be called from anywhere.
func (d *daemon) judge(client *http.Client, to string, body []byte) (v verdict, err error) {
	response, err := client.Post(to+"/v1/verify", "application/json", bytes.NewReader(body))
	if err != nil {
		return v, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status + " " + string(text))
	}
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	return v, err
}

// says asks once.
func (d *daemon) says(t testing.TB, body []byte) verdict {
	t.Helper()
	v, err := d.judge(d.local(), "http://cnfd", body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// comesTo asks until the verdict is so, and fails the test at once where it is confirmed or absent meanwhile without being
// the one that is awaited: trouble must turn into neither.
func (d *daemon) comesTo(t testing.TB, body []byte, want string) verdict {
	t.Helper()
	var v verdict
	await(t, "the verdict", func() error {
		if v = d.says(t, body); v.String() == want {
			return nil
		}
		if v.Outcome != "unproven" && !strings.HasPrefix(want, "refuted") {
			t.Fatalf("%s on the way to %s: %s", v, want, v.all())
		}
		return fmt.Errorf("%s, want %s", v.all(), want)
	})
	return v
}

// stays asks again and again, past what is cached.
func (d *daemon) stays(t testing.TB, token, want string) {
	t.Helper()
	for range 8 {
		if v := d.says(t, ofToken(token, now)); v.String() != want {
			t.Fatalf("%s, want %s: %s", v, want, v.all())
		}
	}
}

// probe returns the status and the words of a path such as /readyz.
func (d *daemon) probe(t testing.TB, path string) (int, string) {
	t.Helper()
	response, err := d.local().Get("http://cnfd" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// logged counts words in what the daemon has said.
func (d *daemon) logged(t testing.TB, words string) int {
	t.Helper()
	text, err := os.ReadFile(d.process.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), words)
}

func (d *daemon) pid() int { return d.process.cmd.Process.Pid }

// proc is the daemon's directory in /proc, which knows it by the pid that it has outside of this run's namespace.
func (d *daemon) proc(t testing.TB) string {
	t.Helper()
	ours, _ := os.Readlink("/proc/self/ns/pid")
	all, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range all {
		text, _ := os.ReadFile(path)
		_, pids, _ := strings.Cut(string(text), "NSpid:")
		pids, _, _ = strings.Cut(pids, "\n")
		dir := filepath.Dir(path)
		if f := strings.Fields(pids); len(f) == 0 || f[len(f)-1] != fmt.Sprint(d.pid()) {
			continue
		}
		if theirs, _ := os.Readlink(filepath.Join(dir, "ns", "pid")); theirs == ours {
			return dir
		}
	}
	t.Fatal("the daemon is not in /proc")
	return ""
}
