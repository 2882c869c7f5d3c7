package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS is whom a client believes over https://, and what it shows of itself: paths of PEM
// files. The zero value believes the authorities of the machine and shows nothing.
type TLS struct {
	CA   string // of the authorities that may vouch for the daemon, and nobody else
	Cert string // of the chain that a daemon with api.tls.client_ca wants to see
	Key  string // of its key
}

// Secure has the client connect as t says; it is called before the first question. The
// files are read once. The error names the file, and never what is in it; a client that
// got one is not to be used. Over anything but https:// all but the zero value is an error.
func (c *Client) Secure(t TLS) error {
	if t == (TLS{}) {
		return nil
	}
	if !strings.HasPrefix(c.base, "https://") {
		return errors.New("certificates are for https:// alone")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s: no certificate in PEM", t.CA)
		}
	}
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("a certificate and its key belong together: give both or neither")
	case t.Cert != "":
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return fmt.Errorf("certificate %s, key %s: %w", t.Cert, t.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	c.Transport.TLSClientConfig = config
	return nil
}
