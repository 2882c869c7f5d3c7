package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// A daemon is `cnfd serve`, told of nothing but what an internet's trust says.
type daemon struct {
	tcp, unix string // address, path
	dns       netip.AddrPort
	process   *process
}

// daemons counts, so that each has a port and a directory of its own.
var daemons atomic.Int32

// settings are what a configuration says beside the internet's root and anchor: lines of its resolver
// section, and whole sections. An anchor of its own takes the place of the internet's; an empty one is none at all.
type settings struct {
	resolver, sections string
	anchor             []dns.RR
	env                string  // "NAME=value" of the daemon's environment
	unixOnly           bool    // no socket of the network
	unixGroup          string  // whose the unix socket is; "": the daemon's own
	after              *daemon // that was before on the same state_dir
}

// daemon starts cnfd on in and waits until it is healthy.
func (r *trust) daemon(t testing.TB, s settings) *daemon {
	t.Helper()
	binary := cnfd(t)
	n := daemons.Add(1)
	dir := filepath.Join(work, fmt.Sprintf("cnfd-%d", n))
	d := &daemon{
		tcp:  fmt.Sprintf("127.0.0.1:%d", 8000+n),
		unix: filepath.Join(dir, "sock"),
		dns:  netip.MustParseAddrPort(fmt.Sprintf("127.0.0.2:%d", 8000+n)),
	}
	listen := fmt.Sprintf("\napi: {listen: %q, unix: %q}\ndns: {listen: %q}\n", d.tcp, d.unix, d.dns)
	if s.unixOnly {
		listen = fmt.Sprintf("\napi: {listen: \"\", unix: %q, unix_group: %q}\n", d.unix, s.unixGroup)
	}
	s.sections += listen
	argv := []string{binary, "serve", "--config", r.configure(t, dir, s)}
	if s.env != "" {
		argv = append([]string{"env", s.env}, argv...)
	}
	d.process = start(t, filepath.Join(dir, "log"), argv...)
	d.awaitHealth(t)
	return d
}

func (d *daemon) awaitHealth(t testing.TB) {
	t.Helper()
	await(t, "cnfd serve", func() error {
		select {
		case <-d.process.done:
			t.Fatal("cnfd serve ended")
		default:
		}
		response, err := d.local().Get("http://cnfd/healthz")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("/healthz: %s", response.Status)
		}
		return nil
	})
}

// configure writes a configuration into dir and returns its path.
func (r *trust) configure(t testing.TB, dir string, s settings) string {
	t.Helper()
	if s.anchor == nil {
		s.anchor = r.anchor
	}
	state := filepath.Join(dir, "state")
	if s.after != nil {
		state = filepath.Join(filepath.Dir(s.after.unix), "state")
	}
	var b strings.Builder
	fmt.Fprintf(&b, `%s
state_dir: %q
resolver:
  ipv6: false
  allow_local_servers: true
  root_hints: [{name: ns., addresses: [%s]}]
  %s
  trust_anchors:
`, s.sections, state, strings.Join(r.hints, ", "), s.resolver)
	if len(s.anchor) == 0 {
		b.WriteString("    - none\n")
	}
	for _, rr := range s.anchor {
		fmt.Fprintf(&b, "    - '%s'\n", rr)
	}
	path := filepath.Join(dir, "cnfd.yaml")
	write(t, path, b.String())
	return path
}

// A verdict is what the tests read of one.
type verdict struct {
	Outcome, Reason, Subject, Domain, Method string
	Thumbprint                               struct{ Hash, Hex string }
	Record                                   struct {
		Name   string
		Usable int
	}
	DNS struct {
		Security string
		EDE      struct {
			Code int
			Text string
		}
	}
	Testing bool
}

func (v verdict) String() string { return v.Outcome + " " + v.Reason }

func (v verdict) all() string {
	text, _ := json.Marshal(v)
	return string(text)
}

// A bound is a request's own options, by the names that the JSON body and the query share.
type bound map[string]any

// now asks for data no older than the question.
var now = bound{"max_age": 0}

// media are the types under which a token may be sent alone.
var media = map[string]string{"jwt": "application/jwt", "sd-jwt": "application/dc+sd-jwt"}

// verify asks for a verdict in JSON over TCP, and again over the unix socket: with the token alone as the body where
// it has a text form of its own. Both must say the same.
func (d *daemon) verify(t testing.TB, k token, options bound) verdict {
	t.Helper()
	question := map[string]any{"token": k.Token}
	query := url.Values{}
	for name, value := range options {
		question[name] = value
		query.Set(name, fmt.Sprint(value))
	}
	body, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	v := post(t, http.DefaultClient, "http://"+d.tcp+"/v1/verify", "application/json", body)
	if alone := media[k.Format]; alone != "" {
		body = []byte(k.Token)
		w := post(t, d.local(), "http://cnfd/v1/verify?"+query.Encode(), alone, body)
		agree(t, v, w)
	} else {
		agree(t, v, post(t, d.local(), "http://cnfd/v1/verify", "application/json", body))
	}
	return v
}

func agree(t testing.TB, tcp, unix verdict) {
	t.Helper()
	if tcp.String() != unix.String() {
		t.Errorf("over TCP %v, over the unix socket %v", tcp, unix)
	}
}

// local speaks HTTP over the daemon's unix socket.
func (d *daemon) local() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.unix)
		},
	}}
}

func post(t testing.TB, client *http.Client, to, mediaType string, body []byte) (v verdict) {
	t.Helper()
	response, err := client.Post(to, mediaType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
