package transport

import (
	"encoding/binary"
	"io"
	"net"

	"github.com/miekg/dns"
)

func overTCP(conn net.Conn, out *outgoing) (*dns.Msg, error) {
	framed := make([]byte, 2, 2+len(out.wire))
	binary.BigEndian.PutUint16(framed, uint16(len(out.wire)))
	if _, err := conn.Write(append(framed, out.wire...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	return out.match(buf)
}
