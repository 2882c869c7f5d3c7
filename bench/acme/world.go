package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A world is the two servers, and what stands around them.
type world struct {
	cnfd, pebble string
	accounts     int

	dir     string
	running []*exec.Cmd
}

// issuing is the sandbox's domain that lets the record be enough.
const issuing = "issuing.example"

// startCNFD runs the sandbox and an ACME server in it, and publishes the key of every account.
func (w *world) startCNFD() (*peer, error) {
	dir, err := os.MkdirTemp("", "bench-acme-")
	if err != nil {
		return nil, err
	}
	w.dir = dir
	if err := w.start("sandbox", nil, w.cnfd, "sandbox", "--dir", dir); err != nil {
		return nil, err
	}
	owner, server := filepath.Join(dir, "cnfd.yaml"), filepath.Join(dir, "acme.yaml")
	if err := await(func() error { _, err := os.Stat(filepath.Join(dir, "cnfd.sock")); return err }); err != nil {
		return nil, fmt.Errorf("cnfd sandbox: %w", err)
	}
	if err := unlimited(server); err != nil {
		return nil, err
	}
	out, err := exec.Command(w.cnfd, "acme", "init", "--json", "--config", server).Output()
	if err != nil {
		return nil, fmt.Errorf("cnfd acme init: %w", err)
	}
	var made struct {
		Root      struct{ File string }
		Directory string `json:"acme_directory"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, err
	}
	if err := w.start("serve", nil, w.cnfd, "serve", "--config", server); err != nil {
		return nil, err
	}
	p, err := w.peer("cnfd", issuing, made.Directory, made.Root.File)
	if err != nil {
		return nil, err
	}
	for i, c := range p.clients {
		der, err := x509.MarshalPKCS8PrivateKey(c.key)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, fmt.Sprintf("account-%d.pem", i))
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			return nil, err
		}
		if out, err := exec.Command(w.cnfd, "publish", "add", "--config", owner, "--subject", "https://"+issuing, "--key", file).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cnfd publish add: %w: %s", err, out)
		}
	}
	return p, nil
}

// unlimited lets an account order any number of names an hour; the section acme is the file's last.
func unlimited(config string) error {
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("  new_orders: 0\n")
	return errors.Join(err, f.Close())
}

// startPebble runs Pebble without its waits and its made-up faults.
func (w *world) startPebble() (*peer, error) {
	key, cert, err := w.identity()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", port), "managementListenAddress": "127.0.0.1:0",
		"certificate": cert, "privateKey": key, "httpPort": 5002, "tlsPort": 5001,
	}})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(w.dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	env := []string{"PEBBLE_VA_ALWAYS_VALID=1", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=100"}
	if err := w.start("pebble", env, w.pebble, "-config", file); err != nil {
		return nil, err
	}
	return w.peer("Pebble", "vendor.example", fmt.Sprintf("https://localhost:%d/dir", port), cert)
}

// peer makes the clients of a server, and waits until it answers.
func (w *world) peer(name, domain, directory, root string) (*peer, error) {
	text, err := os.ReadFile(root)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	p := &peer{name: name, domain: domain, pid: w.running[len(w.running)-1].Process.Pid}
	for range w.accounts {
		h := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
		c, err := newClient(h, domain)
		if err != nil {
			return nil, err
		}
		if err := await(func() error { return c.discover(directory) }); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.clients = append(p.clients, c)
	}
	return p, nil
}

// start runs a program until the world ends; what it says is in a file.
func (w *world) start(name string, env []string, argv ...string) error {
	out, err := os.Create(filepath.Join(w.dir, name+".log"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		return err
	}
	w.running = append(w.running, cmd)
	return nil
}

func (w *world) close() error {
	for _, cmd := range w.running {
		cmd.Process.Signal(os.Interrupt)
	}
	for _, cmd := range w.running {
		ended := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		ended.Stop()
	}
	return os.RemoveAll(w.dir)
}

func await(ready func() error) (err error) {
	for range 500 {
		if err = ready(); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// identity makes a certificate for localhost by its own key, and returns the files.
func (w *world) identity() (key, cert string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", err
	}
	key, cert = filepath.Join(w.dir, "pebble.key"), filepath.Join(w.dir, "pebble.pem")
	var files bytes.Buffer
	pem.Encode(&files, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return key, cert, errors.Join(
		os.WriteFile(cert, files.Bytes(), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
