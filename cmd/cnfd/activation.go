package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// given are the sockets that a service manager has opened for the daemon
// (sd_listen_fds(3)); nil where it has not.
type given struct {
	api, unix, dnsTCP net.Listener
	dnsUDP            net.PacketConn
}

// The names of sockets (FileDescriptorName=). What has another name is known by its
// kind, if there is but one place for it.
const (
	nameAPI  = "api"
	nameUnix = "unix"
	nameDNS  = "dns"
)

const firstGiven = 3 // SD_LISTEN_FDS_START

// givenSockets takes what LISTEN_FDS promises, where it is meant for this process, and
// takes the promise out of the environment, so that no child believes it.
func givenSockets() (*given, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	n, err := strconv.Atoi(count)
	if pid != strconv.Itoa(os.Getpid()) || err != nil || n <= 0 {
		return nil, nil
	}
	g := &given{}
	for i := range n {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if err := g.take(os.NewFile(uintptr(firstGiven+i), name), name); err != nil {
			g.close()
			return nil, fmt.Errorf("socket %d of LISTEN_FDS (%q): %w", i+1, name, err)
		}
	}
	return g, nil
}

// take puts one socket in its place. net's copy is used, and file closed.
func (g *given) take(file *os.File, name string) error {
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		p, err := net.FilePacketConn(file)
		if err != nil {
			return errors.New("not a socket that listens, nor one of datagrams")
		}
		if p.LocalAddr().Network() != "udp" || g.dnsUDP != nil || name == nameAPI || name == nameUnix {
			p.Close()
			return errors.New("there is no use for it: one UDP socket is, for dns")
		}
		g.dnsUDP = p
		return nil
	}
	place := &g.api
	switch {
	case l.Addr().Network() == "unix":
		place = &g.unix
	case name == nameDNS:
		place = &g.dnsTCP
	}
	if *place != nil {
		l.Close()
		return fmt.Errorf("a second one like it: %s, %s and %s are known", nameAPI, nameUnix, nameDNS)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it is the manager's
	}
	*place = l
	return nil
}

func (g *given) close() {
	for _, l := range []net.Listener{g.api, g.unix, g.dnsTCP} {
		if l != nil {
			l.Close()
		}
	}
	if g.dnsUDP != nil {
		g.dnsUDP.Close()
	}
}
