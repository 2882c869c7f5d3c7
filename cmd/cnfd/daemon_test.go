package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"

	"github.com/miekg/dns"
)

// slowServer is a name server that answers nobody until it is released, and then
// refuses everybody. asked gets the name of each question.
func slowServer(t *testing.T) (address string, port int, asked <-chan string, release func()) {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	names, done, released := make(chan string, 100), make(chan struct{}), make(chan struct{})
	var answering sync.WaitGroup
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			var m dns.Msg
			if m.Unpack(b[:n]) != nil || len(m.Question) != 1 {
				continue
			}
			answering.Go(func() {
				<-released
				reply, _ := new(dns.Msg).SetRcode(&m, dns.RcodeRefused).Pack()
				l.WriteTo(reply, from)
			})
			select {
			case names <- m.Question[0].Name:
			default:
			}
		}
	}()
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(func() { release(); answering.Wait(); l.Close(); <-done })
	a := l.LocalAddr().(*net.UDPAddr)
	return a.IP.String(), a.Port, names, release
}

func parse(t *testing.T, format string, args ...any) *config.Config {
	t.Helper()
	c, err := config.Parse("test.yaml", fmt.Appendf(nil, format, args...), config.Default(config.User{}))
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t testing.TB, c *config.Config) *daemon {
	t.Helper()
	return startLogging(t, c, io.Discard)
}

// startLogging starts a daemon whose log is to be read.
func startLogging(t testing.TB, c *config.Config, w io.Writer) *daemon {
	t.Helper()
	l, err := newLogs(w, &c.Log)
	if err != nil {
		t.Fatal(err)
	}
	d, err := startDaemon(context.Background(), c, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		d.Close(ctx)
	})
	return d
}

func onUnix(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}

const claims = `{"claims":{"sub":"https://vendor.example","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}}`

// TestStopFinishesWhatItHasBegun stops the real process while it waits for a
// name server: the caller gets the verdict, and the process ends with 0.
func TestStopFinishesWhatItHasBegun(t *testing.T) {
	server, port, asked, release := slowServer(t)
	cmd, stderr, path := serveOn(t, server, port)
	answered := make(chan string, 1)
	go func() {
		r, err := onUnix(path).Post("http://localhost/v1/verify", "application/json", strings.NewReader(claims))
		if err != nil {
			answered <- err.Error()
			return
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		answered <- string(b)
	}()
	<-asked // the question is under way
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, stderr, "stopping")
	release()
	if got := <-answered; !strings.Contains(got, `"outcome":"unproven","reason":"unreachable"`) {
		t.Errorf("the request that was under way got %s", got)
	}
	io.Copy(io.Discard, stderr)
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket was left behind")
	}
}

// TestASecondSignalEndsAtOnce has the process wait for a name server, and does
// not let it.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	server, port, asked, _ := slowServer(t)
	cmd, stderr, path := serveOn(t, server, port)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(claims), claims)
	<-asked
	cmd.Process.Signal(syscall.SIGTERM)
	awaitLine(t, stderr, "stopping")
	// The first signal has been taken; the second may come before its handler is
	// gone, so that it is sent until the process ends.
	ended := make(chan error, 1)
	go func() { io.Copy(io.Discard, stderr); ended <- cmd.Wait() }()
	for {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
				t.Errorf("it ended by itself: %v", err)
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// serveOn runs the daemon with one root server, and waits until it listens on path.
func serveOn(t *testing.T, server string, port int) (cmd *exec.Cmd, stderr *bufio.Reader, path string) {
	t.Helper()
	dir := t.TempDir()
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "c.yaml")
	text := fmt.Sprintf(`testing: true
api: {listen: "", unix: %q}
resolver: {root_hints: [{name: a., addresses: ["%s"]}], server_port: %d, trust_anchors: [none]}
`, path, server, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stderr = startProcess(t, "serve", "--config", file)
	awaitLine(t, stderr, "listening on")
	return cmd, stderr, path
}

// startProcess runs this test's binary as cnfd (see TestMain).
func startProcess(t *testing.T, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(t.TempDir(), "cnfd"), args...)
	// testscript.Main goes by the name that it was started under.
	if err := os.Symlink(self, cmd.Path); err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, bufio.NewReader(pipe)
}

func awaitLine(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	var seen strings.Builder
	for {
		line, err := r.ReadString('\n')
		seen.WriteString(line)
		if strings.Contains(line, want) {
			return
		}
		if err != nil {
			t.Fatalf("no %q in %q: %v", want, seen.String(), err)
		}
	}
}

func TestOnlyListedUsersGetThrough(t *testing.T) {
	for _, tt := range []struct {
		claim string
		uid   int
		let   bool
	}{
		{"the own user, listed", os.Getuid(), true},
		{"the own user, not listed", os.Getuid() + 1, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			start(t, parse(t, `api: {listen: "", unix: %q, allow_uids: [%d]}`, path, tt.uid))
			r, err := onUnix(path).Get("http://localhost/healthz")
			if (err == nil) != tt.let {
				t.Errorf("let through: %v (%v)", err == nil, err)
			}
			if err == nil {
				r.Body.Close()
			}
		})
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	pool := makeCertificate(t, cert, key)
	d := start(t, parse(t, `api: {listen: "127.0.0.1:0", unix: "", tls: {cert: %s, key: %s}}`, cert, key))
	address := d.Addresses().API
	if !strings.HasPrefix(address, "https://") {
		t.Fatalf("address %q", address)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	r, err := client.Get(address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 200 || r.TLS.Version < tls.VersionTLS12 {
		t.Errorf("status %d, TLS %x", r.StatusCode, r.TLS.Version)
	}
	old := &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: tls.VersionTLS11}
	if c, err := tls.Dial("tcp", strings.TrimPrefix(address, "https://"), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 was let in")
	}
	// cnfd verify believes no certificate that this machine does not know, and says that it is that.
	var out, errs bytes.Buffer
	claims := `{"sub":"https://vendor.example","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}`
	if code := run([]string{"verify", "--server", address, "-"}, strings.NewReader(claims), &out, &errs); code != exitError || !strings.Contains(errs.String(), "its certificate does not hold here") {
		t.Errorf("verify: exit code %d: %s%s", code, out.String(), errs.String())
	}
}

func makeCertificate(t *testing.T, cert, key string) *x509.CertPool {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	c, _ := x509.ParseCertificate(der)
	pool.AddCert(c)
	return pool
}

// TestDNSAlone is what tools that only ask DNS configure.
func TestDNSAlone(t *testing.T) {
	d := start(t, parse(t, `api: {listen: "", unix: ""}
dns: {listen: "127.0.0.1:0"}
resolver: {trust_anchors: [none], stubs: [{zone: corp.example, addresses: ["192.0.2.1"]}]}`))
	a := d.Addresses()
	if a.API != "" || a.Unix != "" || a.DNS == "" || a.String() != "dns:"+a.DNS {
		t.Fatalf("addresses %+v", a)
	}
	// A version query is refused, which shows who listens, on UDP and on TCP.
	for _, network := range []string{"udp", "tcp"} {
		m := new(dns.Msg)
		m.SetQuestion("version.bind.", dns.TypeTXT)
		m.Question[0].Qclass = dns.ClassCHAOS
		c := dns.Client{Net: network}
		if r, _, err := c.Exchange(m, a.DNS); err != nil || r.Rcode == dns.RcodeSuccess {
			t.Errorf("%s: %v, %v", network, r, err)
		}
	}
}

func TestNotReadyWhileTheRootIsNotReached(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	// Nobody listens on the discard port of loopback.
	start(t, parse(t, "testing: true\napi: {listen: \"\", unix: %q}\nresolver: {root_hints: [{name: a., addresses: [127.0.0.1]}], server_port: 9}", path))
	for target, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
		r, err := onUnix(path).Get("http://localhost" + target)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, r.StatusCode, want)
		}
	}
}

func TestClockFollowsItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "offset")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	near := func(k *clock, want time.Duration) bool {
		d := time.Until(k.Now()) - want
		return d > -time.Hour && d < time.Hour
	}
	if k, err := newClock(&config.Resolver{ClockOffsetFile: file}, quiet()); err == nil {
		k.Close()
		t.Error("a file that is not there was taken for no offset")
	}
	write("+864000\n")
	k, err := newClock(&config.Resolver{ClockOffsetFile: file}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if !near(k, 240*time.Hour) {
		t.Errorf("now is %v", k.Now())
	}
	for _, text := range []string{"", "soon", "99999999999999999999"} {
		if write(text); k.read(file) == nil || !near(k, 240*time.Hour) {
			t.Errorf("%q: now is %v", text, k.Now())
		}
	}
	write("-864000")
	for end := time.Now().Add(20 * time.Second); !near(k, -240*time.Hour); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the file is not read again")
		}
	}
	then, err := newClock(&config.Resolver{ValidationTime: "2020-01-01T00:00:00Z"}, quiet())
	if err != nil || then.Now().Year() != 2020 {
		t.Errorf("%v, %v", then.Now(), err)
	}
	then.Close()
}

// TestLimitsOfTheServer holds the limits as they are set; waiting for them
// would be a test of net/http.
func TestLimitsOfTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	d := start(t, parse(t, `api: {listen: "", unix: %q}`, path))
	s := d.http
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout != 10*time.Second || s.WriteTimeout <= 17*time.Second || s.IdleTimeout <= 0 {
		t.Errorf("header %v, request %v, answer %v, idle %v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
	}
	request, _ := http.NewRequest("GET", "http://localhost/healthz", nil)
	request.Header.Set("X", strings.Repeat("a", 64<<10))
	r, err := onUnix(path).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %d", r.StatusCode)
	}
}

func TestWhatStrangersDoToTLSIsNotWorthALine(t *testing.T) {
	var out strings.Builder
	l := serverLog{slog.New(slog.NewTextHandler(&out, nil))}
	fmt.Fprint(l, "http: TLS handshake error from 192.0.2.1:1: EOF\n")
	if out.Len() > 0 {
		t.Errorf("logged %s", out.String())
	}
	fmt.Fprint(l, "http: Accept error: too many open files; retrying in 5ms\n")
	if !strings.Contains(out.String(), "level=WARN") || !strings.Contains(out.String(), "too many open files") {
		t.Errorf("logged %s", out.String())
	}
}
