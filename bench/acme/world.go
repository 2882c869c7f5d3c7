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
	cnfd, before, pebble string
	accounts             int

	dirs    []string
	running []*exec.Cmd
}

// issuing is the sandbox's domain that lets the record be enough.
const issuing = "issuing.example"

// room makes a directory that goes with the world.
func (w *world) room() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "bench-acme-"); err == nil {
		w.dirs = append(w.dirs, dir)
	}
	return dir, err
}

// startCNFD runs the sandbox and an ACME server in it, and publishes the key of every account.
func (w *world) startCNFD(name, binary string) (*peer, error) {
	dir, err := w.room()
	if err != nil {
		return nil, err
	}
	if err := w.start(dir, "sandbox", nil, binary, "sandbox", "--dir", dir); err != nil {
		return nil, err
	}
	owner, server := filepath.Join(dir, "cnfd.yaml"), filepath.Join(dir, "acme.yaml")
	if err := await(func() error { _, err := os.Stat(filepath.Join(dir, "cnfd.sock")); return err }); err != nil {
		return nil, fmt.Errorf("cnfd sandbox: %w", err)
	}
	if err := unlimited(server); err != nil {
		return nil, err
	}
	out, err := exec.Command(binary, "acme", "init", "--json", "--config", server).Output()
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
	if err := w.start(dir, "serve", nil, binary, "serve", "--config", server); err != nil {
		return nil, err
	}
	p, err := w.peer(name, issuing, made.Directory, made.Root.File)
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
		if out, err := exec.Command(binary, "publish", "add", "--config", owner, "--subject", "https://"+issuing, "--key", file).CombinedOutput(); err != nil {
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
	dir, err := w.room()
	if err != nil {
		return nil, err
	}
	key, cert, err := identity(dir)
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
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	env := []string{"PEBBLE_VA_ALWAYS_VALID=1", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=100"}
	if err := w.start(dir, "pebble", env, w.pebble, "-config", file); err != nil {
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
func (w *world) start(dir, name string, env []string, argv ...string) error {
	out, err := os.Create(filepath.Join(dir, name+".log"))
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
	var err error
	for _, dir := range w.dirs {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
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

// identity makes a certificate for localhost by its own key, and returns the files, in a directory.
func identity(dir string) (key, cert string, err error) {
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
	key, cert = filepath.Join(dir, "pebble.key"), filepath.Join(dir, "pebble.pem")
	var files bytes.Buffer
	pem.Encode(&files, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return key, cert, errors.Join(
		os.WriteFile(cert, files.Bytes(), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
