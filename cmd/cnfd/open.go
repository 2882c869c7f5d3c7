package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"cnfd/cmd/cnfd/internal/config"
)

// sockets are open and not yet served; nil where the configuration has none.
type sockets struct {
	tcp, unix net.Listener
	tls       *tls.Config
	dnsUDP    net.PacketConn
	dnsTCP    net.Listener
	acme      net.Listener
	acmePlain net.Listener
}

// open opens the sockets that were not given, so that every one of them is ours
// before any is served.
func (d *daemon) open(c *config.Config, g *given) (s sockets, err error) {
	files, err := tlsFilesOf(c)
	if err != nil {
		return s, err
	}
	if files.pair != nil {
		d.showTLS(files)
		s.tls = d.tlsConfig()
	}
	if err := d.openAPI(c, g, &s); err != nil {
		return s, err
	}
	if err := d.openDNS(c, g, &s); err != nil {
		return s, err
	}
	if err := d.openACME(c, &s); err != nil {
		return s, err
	}
	if d.addresses == (addresses{}) {
		return s, errors.New("nothing to serve: api.listen, api.unix, dns.listen and acme.listen are all off")
	}
	return s, nil
}

func (d *daemon) openACME(c *config.Config, s *sockets) error {
	scheme, _, _ := strings.Cut(c.ACME.URL, "://")
	for _, o := range []struct {
		key, address, scheme string
		socket               *net.Listener
		told                 *string
	}{
		{"acme.listen", c.ACME.Listen, scheme, &s.acme, &d.addresses.ACME},
		{"acme.listen_plain", c.ACME.ListenPlain, "http", &s.acmePlain, &d.addresses.ACMEPlain},
	} {
		if o.address == "" {
			continue
		}
		tcp, err := listenTCP(o.key, o.address)
		if err != nil {
			return err
		}
		d.closers = append(d.closers, func() { tcp.Close() })
		*o.socket, *o.told = d.door(tcp, c, o.scheme == "https"), o.scheme+"://"+tcp.Addr().String()
	}
	return nil
}

func (d *daemon) openAPI(c *config.Config, g *given, s *sockets) error {
	tcp, unix := g.api, g.unix
	var err error
	if tcp == nil && c.API.Listen != "" {
		if tcp, err = listenTCP("api.listen", c.API.Listen); err != nil {
			return err
		}
	}
	if tcp != nil {
		d.closers = append(d.closers, func() { tcp.Close() })
		if a, ok := tcp.Addr().(*net.TCPAddr); g.api != nil && (!ok || !a.IP.IsLoopback()) && s.tls == nil && !c.API.AllowPlain {
			return fmt.Errorf("other machines reach the socket at %s that was given: give api.tls a cert and a key, or say api.allow_plain: true", tcp.Addr())
		}
		s.tcp = d.door(tcp, c, s.tls != nil)
		d.addresses.API = "http://" + tcp.Addr().String()
		if s.tls != nil {
			s.tcp = &callerListener{s.tcp, &d.live.callers}
			d.addresses.API = "https://" + tcp.Addr().String()
		}
	}
	if unix == nil && c.API.Unix != "" {
		if unix, err = listenUnix(&c.API); err != nil {
			return err
		}
	}
	if unix != nil {
		d.closers = append(d.closers, func() { unix.Close() })
		s.unix = unix
		if err = uidsIn(c); err != nil {
			return err
		}
		if l, ok := unix.(*net.UnixListener); ok {
			s.unix = &uidListener{UnixListener: l, allowed: d.allowedUIDs, log: d.log.Logger}
		}
		s.unix = d.door(s.unix, c, false)
		d.addresses.Unix = unix.Addr().String()
	}
	return nil
}

func (d *daemon) openDNS(c *config.Config, g *given, s *sockets) (err error) {
	s.dnsUDP, s.dnsTCP = g.dnsUDP, g.dnsTCP
	switch {
	case (g.dnsUDP == nil) != (g.dnsTCP == nil):
		return errors.New("dns: a UDP and a TCP socket are wanted, and one of them was given")
	case g.dnsUDP == nil && c.DNS.Listen != "":
		if s.dnsUDP, s.dnsTCP, err = listenDNS(c.DNS.Listen); err != nil {
			return err
		}
	}
	if s.dnsUDP != nil {
		udp, tcp := s.dnsUDP, s.dnsTCP
		d.closers = append(d.closers, func() { udp.Close(); tcp.Close() })
		d.addresses.DNS = udp.LocalAddr().String()
	}
	return nil
}
