package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"os"
	accounts "os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// listenUnix opens the API's unix socket. A socket file that is already there is
// replaced only once it is known that nobody listens on it.
func listenUnix(c *config.API) (net.Listener, error) {
	path := c.Unix
	uid, gid, err := ownerOf(c)
	if err != nil {
		return nil, err
	}
	if err := makeRoom(path); err != nil {
		return nil, err
	}
	// The mode must hold from the first moment: between a bind and a chmod
	// somebody else could connect.
	old := syscall.Umask(int(0o777 &^ c.UnixMode))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("api.unix: %s: %w", path, reason(err))
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Lchown(path, uid, gid); err != nil {
			l.Close()
			return nil, fmt.Errorf("api.unix_owner, api.unix_group: %s: %w", path, reason(err))
		}
	}
	return l, nil
}

// ownerOf looks up who is to own the socket; -1 stays as it is.
func ownerOf(c *config.API) (uid, gid int, err error) {
	uid, gid = -1, -1
	if name := c.UnixOwner; name != "" {
		number := name
		if u, err := accounts.Lookup(name); err == nil {
			number = u.Uid
		}
		if uid, err = accountNumber(number); err != nil {
			return -1, -1, fmt.Errorf("api.unix_owner: there is no user %q here", name)
		}
	}
	if name := c.UnixGroup; name != "" {
		number := name
		if g, err := accounts.LookupGroup(name); err == nil {
			number = g.Gid
		}
		if gid, err = accountNumber(number); err != nil {
			return -1, -1, fmt.Errorf("api.unix_group: there is no group %q here", name)
		}
	}
	return uid, gid, nil
}

// accountNumber reads the number of a user or a group: none is below 0, and the
// highest means to leave it as it is (chown(2)).
func accountNumber(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err == nil && n == math.MaxUint32 {
		err = strconv.ErrRange
	}
	return int(n), err
}

// makeRoom makes the socket's directory, if only that is missing, and removes a
// stale socket.
func makeRoom(path string) error {
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("api.unix: %s: its directory cannot be made: %w; choose another path, or \"\" for none", path, reason(err))
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("api.unix: %s: %w", path, reason(err))
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("api.unix: %s is not a socket, and stays: choose another path", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("api.unix: %s: another process listens there: stop it, or choose another path", path)
	}
	// Only a refusal shows that nobody listens. A full queue or a missing
	// permission means that somebody may.
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("api.unix: %s: a socket is there, and whether somebody listens cannot be seen: %w", path, reason(err))
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("api.unix: %s: nobody listens there, but it cannot be replaced: %w", path, reason(err))
	}
	return nil
}

// listenTCP opens a TCP socket; key names the configuration's.
func listenTCP(key, address string) (*net.TCPListener, error) {
	l, err := net.Listen(family("tcp", address), address)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", key, address, reason(err))
	}
	return l.(*net.TCPListener), nil
}

// family is the network that an address is of: for 0.0.0.0 Go would listen on IPv6 too,
// which whoever writes an IPv4 address does not expect to be open.
func family(network, address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		return network + "4"
	}
	return network
}

// listenDNS opens UDP and TCP at one address. Port 0 takes one that is free on both.
func listenDNS(address string) (net.PacketConn, net.Listener, error) {
	for tries := 0; ; tries++ {
		udp, err := net.ListenPacket(family("udp", address), address)
		if err != nil {
			return nil, nil, fmt.Errorf("dns.listen: %s: %w", address, reason(err))
		}
		tcp, err := listenTCP("dns.listen", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp, nil
		}
		udp.Close()
		if _, port, _ := net.SplitHostPort(address); port != "0" || tries == 10 {
			return nil, nil, err
		}
	}
}

// reason says what to do about the error of a socket.
func reason(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("in use by another process: stop it, or choose another address")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied: run as a user who may, or choose another address")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("this machine does not have that address")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}
