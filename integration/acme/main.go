// Command acme is two ACME clients as their libraries' users write them: by acmez, which is Caddy's, and by
// golang.org/x/crypto/acme. The integration tests run it. It is a module of its own, so that the libraries
// are no dependencies of cnfd.
//
//	acme acmez   obtain -directory https://localhost:14000/dir -account account.pem -key key.pem -out chain.pem a.example b.example
//	acme xcrypto obtain -directory https://localhost:14000/dir -account account.pem -key key.pem -out chain.pem 192.0.2.1
//	acme xcrypto revoke -directory https://localhost:14000/dir -account account.pem -cert chain.pem
//
// Whose certificates it trusts is said by SSL_CERT_FILE. An account that the key does not have yet is made.
package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// An order is what the command line says.
type order struct {
	directory, out, cert string
	account, key         crypto.Signer
	names                []string // of hosts, and addresses
	answers
}

// addresses are the names that are addresses (RFC 8738).
func (o *order) addresses() (all []net.IP) {
	for _, name := range o.names {
		if ip := net.ParseIP(name); ip != nil {
			all = append(all, ip)
		}
	}
	return all
}

// hosts are the others.
func (o *order) hosts() (all []string) {
	for _, name := range o.names {
		if net.ParseIP(name) == nil {
			all = append(all, name)
		}
	}
	return all
}

// answers is how challenges are answered: of which type, and with what.
type answers struct {
	challenge string // "none": not at all
	webroot   string // where http-01's files go
	hook      string // for dns-01: run with present or cleanup, the record's name, its text
	listen    string // for tls-alpn-01
}

// A library obtains and revokes; each file beside this one has one.
type library interface {
	register(ctx context.Context, o *order) error
	obtain(ctx context.Context, o *order) (chain []byte, err error)
	revoke(ctx context.Context, o *order, leaf *x509.Certificate) error
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: acme acmez|xcrypto obtain|revoke FLAGS NAMES")
	}
	libraries := map[string]library{"acmez": &acmezClient{}, "xcrypto": &xcryptoClient{}}
	l := libraries[args[0]]
	if l == nil {
		return fmt.Errorf("%s: no such library", args[0])
	}
	o, err := parse(args[2:])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.register(ctx, o); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	switch args[1] {
	case "obtain":
		chain, err := l.obtain(ctx, o)
		if err != nil {
			return err
		}
		return os.WriteFile(o.out, chain, 0o600)
	case "revoke":
		leaf, err := leafOf(o.cert)
		if err != nil {
			return err
		}
		return l.revoke(ctx, o, leaf)
	}
	return fmt.Errorf("%s: no such verb", args[1])
}

func parse(args []string) (*order, error) {
	o := &order{}
	var account, key string
	flags := flag.NewFlagSet("acme", flag.ContinueOnError)
	flags.StringVar(&o.directory, "directory", "", "URL")
	flags.StringVar(&account, "account", "", "PEM file of the account's key")
	flags.StringVar(&key, "key", "", "PEM file of the certificate's key")
	flags.StringVar(&o.out, "out", "", "file for the chain")
	flags.StringVar(&o.cert, "cert", "", "PEM file of the certificate to revoke")
	flags.StringVar(&o.challenge, "challenge", "none", "none, http-01, dns-01 or tls-alpn-01")
	flags.StringVar(&o.webroot, "webroot", "", "directory that is served at /.well-known/acme-challenge/")
	flags.StringVar(&o.hook, "hook", "", "program that sets TXT records")
	flags.StringVar(&o.listen, "listen", "", "address for tls-alpn-01")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.names = flags.Args()
	var err error
	if o.account, err = signer(account); err == nil && key != "" {
		o.key, err = signer(key)
	}
	return o, err
}

func signer(file string) (crypto.Signer, error) {
	block, err := block(file)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key.(crypto.Signer), nil
}

func leafOf(file string) (*x509.Certificate, error) {
	block, err := block(file)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(block.Bytes)
}

func block(file string) (*pem.Block, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, fmt.Errorf("%s: no PEM", file)
	}
	return b, nil
}

// file puts an http-01 answer where the web server finds it, and returns what takes it away.
func (a *answers) file(token, keyAuthorization string) (undo func(), err error) {
	path := filepath.Join(a.webroot, token)
	return func() { os.Remove(path) }, os.WriteFile(path, []byte(keyAuthorization), 0o644)
}

// txt has the hook set a TXT record, and returns what removes it.
func (a *answers) txt(name, text string) (undo func(), err error) {
	out, err := exec.Command(a.hook, "present", name, text).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", a.hook, err, out)
	}
	return func() { exec.Command(a.hook, "cleanup", name, text).Run() }, err
}

// alpn serves tls-alpn-01's certificate of a name until the program ends, that of an address at its reverse name (RFC 8738 §6).
func (a *answers) alpn(name string, c *tls.Certificate) error {
	if address, err := netip.ParseAddr(name); err == nil {
		name = reverse(address)
	}
	_, running := alpn.LoadOrStore("", true)
	alpn.Store(name, c)
	if running {
		return nil
	}
	l, err := tls.Listen("tcp", a.listen, &tls.Config{NextProtos: []string{"acme-tls/1"}, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, ok := alpn.Load(hello.ServerName)
		if !ok {
			return nil, fmt.Errorf("%s: not asked about", hello.ServerName)
		}
		return c.(*tls.Certificate), nil
	}})
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				conn.(*tls.Conn).Handshake()
				conn.Close()
			}()
		}
	}()
	return nil
}

// reverse is an address's name in in-addr.arpa or ip6.arpa (RFC 1035 §3.5, RFC 3596 §2.5), without the final dot.
func reverse(address netip.Addr) string {
	name, format := "in-addr.arpa", func(b byte) string { return fmt.Sprintf("%d.", b) }
	if address.Is6() {
		name, format = "ip6.arpa", func(b byte) string { return fmt.Sprintf("%x.%x.", b&15, b>>4) }
	}
	for _, b := range address.AsSlice() {
		name = format(b) + name
	}
	return name
}

// alpn has the certificates for tls-alpn-01, by name, and true at "" once they are served.
var alpn sync.Map
