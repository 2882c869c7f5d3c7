package main

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cnfd/verifier"
)

// TestAClosedConnection: which error says that the server has closed it is a matter of who was first; what to do
// about it is one sentence, by what is asked.
func TestAClosedConnection(t *testing.T) {
	for server, want := range map[string]string{
		"unix:/run/cnfd/cnfd.sock":  "closed without an answer: api.allow_uids may keep this user out",
		"https://cnfd.example:8255": "closed without an answer: api.tls.client_ca may want to see a certificate of one of its authorities: --tls-cert and --tls-key show one",
		"http://127.0.0.1:8255":     "closed without an answer: if it speaks TLS, ask it at https://",
	} {
		said := func(err error) string {
			return failed(server, &url.Error{Op: "Post", URL: server, Err: err}).Error()
		}
		for _, err := range []error{
			io.EOF,
			io.ErrUnexpectedEOF,
			&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
			&net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)},
			fmt.Errorf("http: transport connection broken: %w", syscall.EPIPE),
			errors.New("http2: client conn could not be established"),
			errors.New("http2: client connection lost"),
			errors.New("http: server closed idle connection"),
		} {
			if got := said(err); got != "--server "+server+": "+want {
				t.Errorf("%v: %s", err, got)
			}
		}
		refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		if got := said(refused); !strings.Contains(got, "is cnfd serve running there?") || strings.Contains(got, "closed") {
			t.Errorf("nobody is there: %s", got)
		}
	}
}

// TestTheWrongDoor: a caller who asks a socket that does not want him in this way is told which way it may be.
func TestTheWrongDoor(t *testing.T) {
	q := verifier.Request{Input: verifier.InputToken, Bytes: []byte("t")}
	says := func(o serverOptions, want string) {
		t.Helper()
		if _, err := o.verify(t.Context(), &q, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", o.url, err, want)
		}
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"outcome":"confirmed","reason":"record_matches"}`)
	})
	open := httptest.NewTLSServer(answer)
	defer open.Close()
	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	makeCertificate(t, cert, key) // the caller's
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: open.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	guarded := httptest.NewUnstartedServer(answer)
	guarded.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	guarded.StartTLS()
	defer guarded.Close()
	plain := strings.Replace(open.URL, "https:", "http:", 1)
	says(serverOptions{url: plain}, "if it speaks TLS, ask it at https://")

	bare, err := tls.Listen("tcp", "127.0.0.1:0", guarded.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	go turnAway(bare)
	says(serverOptions{url: "http://" + bare.Addr().String()}, "if it speaks TLS, ask it at https://")

	shown := serverOptions{url: guarded.URL}
	shown.tls.CA, shown.tls.Cert, shown.tls.Key = ca, cert, key
	if _, err := shown.verify(t.Context(), &q, io.Discard); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	for range 20 { // which error comes first differs
		bared := serverOptions{url: guarded.URL}
		bared.tls.CA = ca
		says(bared, "--tls-cert and --tls-key show one")
	}

	path := filepath.Join(dir, "s")
	keptOut, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer keptOut.Close()
	go turnAway(keptOut)
	for range 20 {
		says(serverOptions{url: "unix:" + path}, "api.allow_uids may keep this user out")
	}
}

// turnAway closes every connection, once a TLS handshake is over, or has failed.
func turnAway(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if secure, ok := c.(*tls.Conn); ok {
			_ = secure.Handshake()
		}
		c.Close()
	}
}
