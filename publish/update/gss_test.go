package update

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func publishChange(t testing.TB, before publish.Set) publish.Change {
	t.Helper()
	return publish.Change{Name: before.Name, Before: before, After: before.With(record(t, ours), time.Minute)}
}

func TestScript(t *testing.T) {
	a, b := record(t, theirs), record(t, "0 0 0")
	for _, c := range []struct {
		claim string
		c     publish.Change
		want  string
	}{
		{"a first record", publish.Change{Name: name, After: publish.Set{Name: name}.With(b, time.Minute)}, `server 192.0.2.53 53
zone vendor.example.
prereq nxrrset jwk.cnf.vendor.example. IN CNAME
prereq nxrrset jwk.cnf.vendor.example. IN TLSA
update add jwk.cnf.vendor.example. 60 IN TLSA \# 3 000000
send
quit
`},
		{"one record in another's place", publish.Change{Name: name, Before: publish.Set{Name: name, TTL: time.Minute, Records: []publish.Record{a}}, After: publish.Set{Name: name, TTL: time.Minute, Records: []publish.Record{b}}},
			`server 192.0.2.53 53
zone vendor.example.
prereq nxrrset jwk.cnf.vendor.example. IN CNAME
prereq yxrrset jwk.cnf.vendor.example. IN TLSA \# 35 03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
update delete jwk.cnf.vendor.example. IN TLSA \# 35 03010100112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
update add jwk.cnf.vendor.example. 60 IN TLSA \# 3 000000
send
quit
`},
		{"a name that would be other words", publish.Change{Name: "a\\ b\\010update.x\\;#\\\".vendor.example.", After: publish.Set{}.With(b, time.Minute)}, `server 192.0.2.53 53
zone vendor.example.
prereq nxrrset a\032b\010update.x\059\035\034.vendor.example. IN CNAME
prereq nxrrset a\032b\010update.x\059\035\034.vendor.example. IN TLSA
update add a\032b\010update.x\059\035\034.vendor.example. 60 IN TLSA \# 3 000000
send
quit
`},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := script("192.0.2.53", "53", apex, c.c); got != c.want {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		said  string
		kind  publish.Kind
		words string
	}{
		{"update failed: NXRRSET\n", publish.Conflict, "NXRRSET"},
		{"update failed: YXRRSET\n", publish.Conflict, "YXRRSET"},
		{"update failed: REFUSED\n", publish.Refused, "REFUSED"},
		{"update failed: SERVFAIL\n", publish.ServFail, "SERVFAIL"},
		{"update failed: NOTAUTH\n", publish.NotAuth, "NOTAUTH"},
		{"update failed: NOTZONE\n", publish.WrongZone, "NOTZONE"},
		{"; TSIG error with server: tsig verify failure\nupdate failed: REFUSED\n", publish.BadKey, "tsig verify failure"},
		{"tkey query failed: GSSAPI error: Major = Unspecified GSS failure.  Minor code may provide more information, Minor = No Kerberos credentials available (default cache: FILE:/x).\n", publish.BadKey, "kinit"},
		{"tkey query failed: GSSAPI error: Minor = Clock skew too great.\n", publish.BadTime, "clock"},
		{"; Communication with 192.0.2.1#53 failed: timed out\n", publish.Unreachable, "not known"},
		{"; Communication with 192.0.2.1#53 failed: connection refused\ncould not talk to specified name server\n", publish.Unreachable, "connection refused"},
		{"\n\n incorrect section name: x\x1b[2J\n", publish.Failed, "nsupdate: incorrect section name: x [2J"},
		{"", publish.Failed, "it says nothing"},
	} {
		t.Run(c.said, func(t *testing.T) {
			var e *publish.Error
			if err := verdict(c.said, name); !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: %v", e.Kind, err)
			}
		})
	}
}

// TestNsupdateIsRunOnce holds what becomes of the program: a stand-in that writes down
// what it is given and ends as it is told. The real one is in the integration tests.
func TestNsupdateIsRunOnce(t *testing.T) {
	t.Setenv("CNFD_PUBLISH_CREDENTIALS", "a secret")
	for _, c := range []struct {
		claim, does string
		kind        publish.Kind
		words       string
	}{
		{"it does its work", "exit 0", 0, ""},
		{"it is refused", "echo 'update failed: REFUSED' >&2; exit 2", publish.Refused, "REFUSED"},
		{"it says more than anybody reads", "head -c 100000 /dev/zero; exit 1", publish.Failed, "nsupdate"},
		{"it does not end", "exec sleep 60", publish.Unreachable, "did not end within 1s"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			dir := t.TempDir()
			program := filepath.Join(dir, "nsupdate")
			if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" >>"+dir+"/run; env | grep ^CNFD_ >>"+dir+"/run\ncat >>"+dir+"/stdin\n"+c.does+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			s := newServer(t)
			s.keys = nil
			z := s.target(t, func(cfg *Config) {
				cfg.Key, cfg.GSS, cfg.Nsupdate, cfg.Timeout = Key{}, true, program, time.Second
				cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := s.dial(ctx, network, address)
					return addressed{conn}, err
				}
			})
			rest := s.all()
			err := z.Write(t.Context(), publishChange(t, read(t, z, name)))
			var e *publish.Error
			if (err == nil) != (c.words == "") || err != nil && (!errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words)) {
				t.Errorf("%v", err)
			}
			runs, _ := os.ReadFile(filepath.Join(dir, "run"))
			stdin, _ := os.ReadFile(filepath.Join(dir, "stdin"))
			if string(runs) != "-g -v -t 2\n" || !strings.HasPrefix(string(stdin), "server 192.0.2.53 53\nzone vendor.example.\n") {
				t.Errorf("run with %q, given\n%s", runs, stdin)
			}
			if s.all() != rest || s.updates() != 0 {
				t.Error("something else wrote")
			}
		})
	}
	t.Run("it is not there", func(t *testing.T) {
		s := newServer(t)
		s.keys = nil
		z := s.target(t, func(cfg *Config) {
			cfg.Key, cfg.GSS, cfg.Nsupdate = Key{}, true, "no-such-program"
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := s.dial(ctx, network, address)
				return addressed{conn}, err
			}
		})
		var e *publish.Error
		if err := z.Write(t.Context(), publishChange(t, read(t, z, name))); !errors.As(err, &e) || e.Kind != publish.Unsupported || !strings.Contains(err.Error(), "bind9-dnsutils") {
			t.Errorf("%v", err)
		}
	})
}

// addressed is a pipe that says where it leads.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 53), Port: 53} }
