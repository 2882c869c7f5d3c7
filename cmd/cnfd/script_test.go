package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/sandbox"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cnfd": main})
}

// TestScripts runs testdata/script/*.txtar over the real binary. Beside
// testscript's own commands they have those of scriptCommands; $WORK/sandbox
// holds a configuration and credentials for a signed Internet on loopback,
// which is the script's own: what one publishes, another must not see.
func TestScripts(t *testing.T) {
	cmds := maps.Clone(scriptCommands)
	maps.Copy(cmds, acmeScriptCommands)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_RUNTIME_DIR", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", e.WorkDir)
			dir := filepath.Join(e.WorkDir, "sandbox")
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			net, wallet, err := sandboxFiles(dir)
			if err != nil {
				return err
			}
			e.Defer(func() { net.Close() })
			e.Values[internetValue], e.Values[walletValue], e.Values[acmeBoxValue] = net, wallet, &acmeBox{}
			return nil
		},
		Cmds: cmds,
	})
}

// internetValue and walletValue are the keys of what Setup gives to a script's commands.
const internetValue, walletValue = "internet", "wallet"

// sandboxFiles starts a signed Internet and writes what scripts need of it.
func sandboxFiles(dir string) (*sandbox.Internet, *sandbox.Wallet, error) {
	net, err := sandbox.Start(sandbox.Config{Now: time.Now})
	if err != nil {
		return nil, nil, err
	}
	wallet, err := net.Wallet()
	if err == nil {
		err = errors.Join(sandboxCredentials(net, wallet, dir), sandboxRecords(net), sandboxConfigs(net, dir))
	}
	if err != nil {
		net.Close()
		return nil, nil, err
	}
	return net, wallet, nil
}

// sandboxCredentials writes the tokens, and the keys that belong to them.
func sandboxCredentials(net *sandbox.Internet, wallet *sandbox.Wallet, dir string) error {
	samples, err := net.Samples()
	if err != nil {
		return err
	}
	name, algorithm, secret := net.TSIG()
	files := map[string][]byte{
		issuerFile: net.IssuerKeys(), accessFile: wallet.AccessToken, boundFile: wallet.BoundToken,
		clientFile: wallet.Certificate, "other.pem": wallet.OtherCertificate,
		keyFile: fmt.Appendf(nil, "key %q { algorithm %s; secret %q; };\n", name, algorithm, secret),
	}
	for _, s := range samples {
		files[s.Name] = s.Token
		if s.Name == "vendor.jwt" {
			if files["holder.jwk"], err = confirmedKey(s.Token); err != nil {
				return err
			}
		}
	}
	for name, octets := range files {
		if err := os.WriteFile(filepath.Join(dir, name), octets, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// sandboxRecords puts records where scripts want some.
func sandboxRecords(net *sandbox.Internet) error {
	// The key that decryption.txtar's tokens hold, encrypted.
	for _, line := range []string{
		"jwe.cnf.vendor.example. 300 IN TLSA 255 255 255 fe2137e9f08bfdcc9910ecf6f0d571c425700e2cf45afe8aadb1620f3b6533a0",
		"2.8.vendor.example. 300 IN TLSA 255 255 255 239d79af9bba2174235463093c227a308e95c5f1d83e23025058045b7020cb86",
	} {
		if err := net.Replace("vendor.example.", line); err != nil {
			return err
		}
	}
	// Records of others, which publish_add.txtar puts its own beside and takes it from.
	const others = "jwk.cnf.others.vendor.test. 300 IN TLSA "
	return net.Replace("vendor.test.", others+"3 1 1 c0ffee", others+"255 255 255 00c0ffee", others+"2 0 1 "+strings.Repeat("ab", 32))
}

// sandboxConfigs writes configurations for the signed Internet, one of them
// for somebody who trusts another root.
func sandboxConfigs(net *sandbox.Internet, dir string) error {
	hint := net.Hints()[0]
	const stranger = ". IN DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000"
	publishes := fmt.Sprintf("publish: {to: rfc2136, credentials: %q, wait: 1m}\n", filepath.Join(dir, keyFile))
	for file, anchor := range map[string]string{"resolver.yaml": net.Anchor(), "untrusted.yaml": stranger, "publish.yaml": net.Anchor()} {
		text := fmt.Sprintf(`testing: true
resolver:
  root_hints: [{name: %s, addresses: ["%s"]}]
  trust_anchors: ['%s']
  server_port: %d
  allow_local_servers: true
  ipv6: false
`, hint.Name, hint.Addresses[0], anchor, net.Port())
		if file == "publish.yaml" {
			text += publishes
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// scriptWallet is the wallet of a script's own Internet.
func scriptWallet(ts *testscript.TestScript) *sandbox.Wallet {
	return ts.Value(walletValue).(*sandbox.Wallet)
}

var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	// awaits-record ZONE NAME: until a zone holds a TLSA record there.
	"awaits-record": func(ts *testscript.TestScript, neg bool, args []string) {
		internet := ts.Value(internetValue).(*sandbox.Internet)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if len(internet.Zone(args[0]).Records(args[1], dns.TypeTLSA)) > 0 {
				return
			}
		}
		ts.Fatalf("no record at %s", args[1])
	},
	// prove FILE TOKEN METHOD URL: a DPoP proof for a request with that token.
	"prove": func(ts *testscript.TestScript, neg bool, args []string) {
		proof, err := scriptWallet(ts).Prove(args[2], args[3], []byte(ts.ReadFile(args[1])))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(proof, '\n'), 0o600))
	},
	// present FILE AUDIENCE NONCE: an SD-JWT with its holder's key binding.
	"present": func(ts *testscript.TestScript, neg bool, args []string) {
		presented, err := scriptWallet(ts).Present(args[1], args[2])
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(presented, '\n'), 0o600))
	},
	// exits CODE command…: the exit code, not only whether it failed.
	"exits": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 {
			ts.Fatalf("usage: exits CODE command [args...]")
		}
		err := ts.Exec(args[1], args[2:]...)
		code := 0
		var status *exec.ExitError
		if errors.As(err, &status) {
			code = status.ExitCode()
		} else if err != nil {
			ts.Fatalf("%v", err)
		}
		if want, _ := strconv.Atoi(args[0]); code != want {
			ts.Fatalf("exit code %d, want %s", code, args[0])
		}
	},
	// lines FILE COUNT: how many lines a file or stdout or stderr has.
	"lines": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: lines FILE COUNT")
		}
		if got, want := strings.Count(ts.ReadFile(args[0]), "\n"), args[1]; strconv.Itoa(got) != want {
			ts.Fatalf("%s has %d lines, want %s", args[0], got, want)
		}
	},
	// env-file VAR FILE: puts what a file holds, but for its last line end, into a variable.
	"env-file": func(ts *testscript.TestScript, neg bool, args []string) {
		ts.Setenv(args[0], strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
	},
	// awaits-text FILE TEXT: until a file holds the text.
	"awaits-text": func(ts *testscript.TestScript, neg bool, args []string) {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if octets, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(octets), args[1]) {
				return
			}
		}
		ts.Fatalf("%s never held %q", args[0], args[1])
	},
	// unhex FILE OUT: the octets that a file holds in hexadecimal.
	"unhex": func(ts *testscript.TestScript, neg bool, args []string) {
		octets, err := hex.DecodeString(strings.TrimSpace(ts.ReadFile(args[0])))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), octets, 0o600))
	},
	// flip FILE OUT: another letter in the middle of the last part of a compact token.
	"flip": func(ts *testscript.TestScript, neg bool, args []string) {
		token := []byte(strings.TrimSpace(ts.ReadFile(args[0])))
		at := (strings.LastIndexAny(string(token), ".~") + len(token)) / 2
		token[at] = map[bool]byte{true: 'B', false: 'A'}[token[at] == 'A']
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), token, 0o600))
	},
	// await PATH: until something listens on the unix socket.
	"await": func(ts *testscript.TestScript, neg bool, args []string) {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if c, err := net.Dial("unix", ts.MkAbs(args[0])); err == nil {
				c.Close()
				return
			}
		}
		ts.Fatalf("nobody listens on %s", args[0])
	},
	// socket PATH [stale]: a listening unix socket, or one that nobody listens on any more.
	"socket": func(ts *testscript.TestScript, neg bool, args []string) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unix"})
		ts.Check(err)
		if len(args) > 1 {
			l.SetUnlinkOnClose(false)
			ts.Check(l.Close())
			return
		}
		ts.Defer(func() { l.Close() })
	},
	// busy VAR: takes a TCP port and puts its address in VAR.
	"busy": func(ts *testscript.TestScript, neg bool, args []string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Defer(func() { l.Close() })
		ts.Setenv(args[0], l.Addr().String())
	},
	// server VAR STATUS BODY: an HTTP server that says the same to everybody.
	"server": func(ts *testscript.TestScript, neg bool, args []string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		status, _ := strconv.Atoi(args[1])
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://"+l.Addr().String()+"/")
			w.WriteHeader(status)
			w.Write([]byte(args[2]))
		})}
		var served sync.WaitGroup
		served.Go(func() { s.Serve(l) })
		ts.Defer(func() { s.Close(); served.Wait() })
		ts.Setenv(args[0], "http://"+l.Addr().String())
	},
}
