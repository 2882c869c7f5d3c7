package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/acme/store"
	"cnfd/cmd/cnfd/internal/config"

	"github.com/spf13/cobra"
)

func newACMEInit() *cobra.Command {
	var o acmeInitOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a CA: a root, an intermediate and the store",
		Long: `Make a CA in acme.directory: a root and its revocation list, an intermediate that issues, the keys of both, and an
empty store. A CA that is there is never touched. The root's key is needed for cnfd acme rotate and for cnfd acme revoke
--issuer alone: keep it elsewhere afterwards. Its list is good for a year: cnfd acme rotate --list-only makes the next.

Where acme.url or --url says how the server is reached, the intermediate names the place of the root's list there.`,
		Example: `  cnfd acme init
  cnfd acme init --name "Vendor" --key-type p384 --url https://ca.vendor.example:8256 --config cnfd.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			setup, err := o.setup()
			if err != nil {
				return err
			}
			return o.at(func(d *desk) error { return o.init(cmd, d, setup) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "the `NAME` of the CA, which its certificates show (default: cnfd)")
	f.StringVar(&o.keyType, "key-type", "", "the `TYPE` of its keys: p256, p384, rsa, ed25519 (default: p256)")
	f.StringVar(&o.url, "url", "", "the `URL` that clients will reach the server by (default: acme.url; for what is printed, https://localhost:8256)")
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

type acmeInitOptions struct {
	acmeOptions
	name, keyType, url string
}

// setup is what the flags say of the certificates that are to be made.
func (o *acmeInitOptions) setup() (ca.Setup, error) {
	types := []acme.KeyType{"", acme.P256, acme.P384, acme.RSA, acme.Ed25519}
	if !slices.Contains(types, acme.KeyType(o.keyType)) {
		return ca.Setup{}, errors.New("--key-type: want p256, p384, rsa or ed25519")
	}
	return ca.Setup{Name: o.name, Type: acme.KeyType(o.keyType)}, nil
}

func (o *acmeInitOptions) init(cmd *cobra.Command, d *desk, setup ca.Setup) error {
	if err := mayMake(d.dir); err != nil {
		return err
	}
	if o.url == "" {
		o.url = d.config.ACME.URL
	} else if err := config.ServerURL(o.url, d.config.Testing); err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	url := o.url
	setup.URL = listedAt(&d.config.ACME, url)
	if url == "" {
		url = "https://localhost:8256"
	}
	if err := d.make(setup); err != nil {
		return err
	}
	var err error
	doc := initDoc{Directory: d.dir, ACMEDirectory: url + "/directory", url: url}
	if doc.Root, err = madeIn(d.dir, rootFile); err != nil {
		return err
	}
	if doc.Intermediate, _, err = newestIntermediate(d); err != nil {
		return err
	}
	if doc.RootList, err = newestRootList(d.dir); err != nil {
		return err
	}
	doc.Root.ID = doc.RootList.ID
	doc.placed = setup.URL != ""
	if o.json {
		return printJSON(cmd.OutOrStdout(), &doc)
	}
	doc.print(cmd.OutOrStdout(), d)
	return nil
}

// listedAt is where the root's list will be had, as certificates of the CA are told; "": nobody has said.
func listedAt(a *config.ACME, url string) string {
	if url == "" {
		return ""
	}
	at := *a
	at.URL = url
	return publicURL(&at)
}

// make makes a CA and its store: both, or where anything fails nothing.
func (d *desk) make(setup ca.Setup) error {
	path := filepath.Join(d.dir, storeFile)
	there := func(name string) bool {
		_, err := os.Lstat(filepath.Join(d.dir, name))
		return err == nil
	}
	intermediates, _ := filepath.Glob(filepath.Join(d.dir, "intermediate-*.pem"))
	switch issues := len(intermediates) > 0; {
	case there(storeFile) && !issues:
		return fmt.Errorf("%s: %s is there, and no CA that issues: where an init was cut short and nothing was ever issued, remove what is in that directory and run it again; else restore a backup into another directory", d.dir, storeFile)
	case there(rootFile) && issues && !there(storeFile):
		return lostStore(d.dir)
	case there(rootFile) && issues:
		return d.isThere(rootFile)
	case there(storeFile):
		return d.isThere(storeFile)
	}
	_, err := os.Lstat(d.dir)
	isNew := errors.Is(err, fs.ErrNotExist)
	tried := false
	setup.Now, setup.Also = d.now(), func() error {
		tried = true
		s, err := store.Open(path)
		if err != nil {
			return err
		}
		return s.Close()
	}
	if err := ca.Init(d.dir, setup); err != nil {
		if tried { // there was none before
			for _, end := range []string{"", "-wal", "-shm", "-journal"} {
				os.Remove(path + end)
			}
		}
		if isNew {
			os.Remove(d.dir) // where it is empty
		}
		return err
	}
	return nil
}

func (d *desk) isThere(what string) error {
	return fmt.Errorf("%s: a CA is there already (%s), and stays: cnfd acme rotate%s renews its intermediate", d.dir, what, d.with)
}

// rootFile is the root's name in the CA's directory.
const rootFile = "root.pem"

// initDoc is what was made, as --json prints it.
type initDoc struct {
	Directory     string       `json:"directory"`
	Root          madeDoc      `json:"root"`
	RootList      *rootListDoc `json:"root_list"`
	Intermediate  madeDoc      `json:"intermediate"`
	ACMEDirectory string       `json:"acme_directory"` // what clients are given

	url    string
	placed bool // the intermediate names where the root's list is
}

// madeDoc is a certificate of the CA's own.
type madeDoc struct {
	ID          string `json:"id"` // its list is served as /crl/<id>.crl
	File        string `json:"file"`
	Subject     string `json:"subject"`
	NotAfter    string `json:"not_after"`
	Fingerprint string `json:"sha256"` // of the certificate, in upper-case hex with colons
}

// madeIn reads back what is there now, all but the id.
func madeIn(dir, name string) (madeDoc, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return madeDoc{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return madeDoc{}, fmt.Errorf("%s: no certificate", path)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return madeDoc{}, fmt.Errorf("%s: %w", path, err)
	}
	return madeDoc{"", path, c.Subject.String(), utc(c.NotAfter), fingerprint(c.Raw)}, nil
}

// newestIntermediate is the one that issues; former are the ids of those of before, newest first.
func newestIntermediate(d *desk) (newest madeDoc, former []string, err error) {
	c, err := ca.Open(ca.Config{Dir: d.dir, URL: anyURL, Now: d.now})
	if err != nil {
		return madeDoc{}, nil, err
	}
	ids := c.Issuers()
	der, _ := c.IssuerDER(ids[0])
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return madeDoc{}, nil, err
	}
	all, err := filepath.Glob(filepath.Join(d.dir, "intermediate-*.pem"))
	for _, file := range all {
		if one, err := madeIn(d.dir, filepath.Base(file)); err == nil && one.Fingerprint == fingerprint(der) {
			one.ID = ids[0]
			return one, ids[1:], nil
		}
	}
	return madeDoc{ids[0], d.dir, cert.Subject.String(), utc(cert.NotAfter), fingerprint(der)}, ids[1:], err
}

// fingerprint is a certificate's SHA-256 as openssl x509 -fingerprint -sha256 prints it.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

func (i *initDoc) print(w io.Writer, d *desk) {
	fmt.Fprintf(w, "made a CA in %s\n", shown(i.Directory))
	for _, one := range []struct {
		what string
		is   madeDoc
	}{{"root", i.Root}, {"intermediate", i.Intermediate}} {
		fmt.Fprintf(w, "  %-13s %s, until %s\n", one.what, shown(one.is.Subject), one.is.NotAfter)
	}
	fmt.Fprintf(w, "  %-13s SHA-256 %s\n", "fingerprint", i.Root.Fingerprint)
	fmt.Fprintf(w, "  %-13s %s, until %s\n", "root's list", shown(i.RootList.File), i.RootList.NextUpdate)
	fmt.Fprintf(w, "  %-13s /crl/%s.crl (the root's), /crl/%s.crl (the intermediate's); all in one file: /crl/all.pem\n", "lists served", i.Root.ID, i.Intermediate.ID)
	if !i.placed {
		fmt.Fprintf(w, "  The intermediate names no place of that list, since neither acme.url nor --url says how the server is reached.\n")
	}
	fmt.Fprintf(w, `
What comes next:
  Have %s trusted where these certificates are checked, and by ACME clients;
  compare the fingerprint of the root wherever it is installed.
`, shown(i.Root.File))
	if d.config.ACME.Listen == "" {
		fmt.Fprintf(w, "  Put into the configuration of cnfd serve:\n    acme: {listen: \"127.0.0.1:8256\", url: %q}\n", i.url)
	}
	fmt.Fprintf(w, "  Start, or restart, cnfd serve%s, and give clients %s\n", d.with, shown(i.ACMEDirectory))
	fmt.Fprintf(w, "  Move root.key to a safe place: only cnfd acme rotate%s needs it, before the root's list ends too.\n", d.with)
}
