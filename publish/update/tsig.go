package update

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"

	"github.com/miekg/dns"
)

// tsig is a shared secret (RFC 8945).
type tsig struct {
	name, algorithm string // lower case, trailing dot
	secret          []byte
}

// hashes are the algorithms that are taken: those of RFC 8945 §6 that are neither
// forbidden nor weak.
var hashes = map[string]func() hash.Hash{dns.HmacSHA256: sha256.New, dns.HmacSHA384: sha512.New384, dns.HmacSHA512: sha512.New}

// fudge is how far the clocks may be apart, in seconds (RFC 8945 §10 recommends it).
const fudge = 300

// sign packs a message with its signature and notes its MAC for the reply.
func (k *tsig) sign(m *dns.Msg, q *asked, now time.Time) ([]byte, error) {
	m.SetTsig(k.name, k.algorithm, fudge, now.Unix())
	wire, mac, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(k.secret), "", false)
	if err != nil {
		return nil, err
	}
	q.key = k
	q.mac, err = hex.DecodeString(mac)
	return wire, err
}

// verify checks the MAC of a reply whose last record is t (RFC 8945 §4.3, §5.3). The
// library's own check will not look at a NOTAUTH reply, and reads the clock.
func (k *tsig) verify(wire []byte, t *dns.TSIG, requestMAC []byte) bool {
	end, ok := lastRecord(wire)
	if !ok {
		return false
	}
	got, err := hex.DecodeString(t.MAC)
	if err != nil {
		return false
	}
	mac := hmac.New(hashes[k.algorithm], k.secret)
	mac.Write(binary.BigEndian.AppendUint16(nil, uint16(len(requestMAC))))
	mac.Write(requestMAC)
	header := append([]byte{}, wire[:12]...)
	binary.BigEndian.PutUint16(header, t.OrigId)
	binary.BigEndian.PutUint16(header[10:], binary.BigEndian.Uint16(header[10:])-1)
	mac.Write(header)
	mac.Write(wire[12:end])
	mac.Write(k.variables(t))
	return hmac.Equal(mac.Sum(nil), got)
}

// variables are the fields of a TSIG record that are signed (RFC 8945 §4.3.3).
func (k *tsig) variables(t *dns.TSIG) []byte {
	var name [255]byte
	n, _ := dns.PackDomainName(k.name, name[:], 0, nil, false) // it is one: ParseKey and the caller have seen to it
	out := append([]byte{}, name[:n]...)
	out = binary.BigEndian.AppendUint16(out, dns.ClassANY)
	out = binary.BigEndian.AppendUint32(out, 0)
	n, _ = dns.PackDomainName(k.algorithm, name[:], 0, nil, false)
	out = append(out, name[:n]...)
	out = append(out, binary.BigEndian.AppendUint64(nil, t.TimeSigned)[2:]...)
	out = binary.BigEndian.AppendUint16(out, t.Fudge)
	out = binary.BigEndian.AppendUint16(out, t.Error)
	other, _ := hex.DecodeString(t.OtherData) // the library made the hex
	out = binary.BigEndian.AppendUint16(out, uint16(len(other)))
	return append(out, other...)
}

// lastRecord returns where the last record of a message begins, which must end where
// the message does.
func lastRecord(wire []byte) (start int, ok bool) {
	if len(wire) < 12 {
		return 0, false
	}
	count := func(at int) int { return int(binary.BigEndian.Uint16(wire[at:])) }
	off := 12
	for range count(4) {
		if off = pastName(wire, off); off < 0 || off+4 > len(wire) {
			return 0, false
		}
		off += 4
	}
	for range count(6) + count(8) + count(10) {
		start, ok = off, true
		if off = pastName(wire, off); off < 0 || off+10 > len(wire) {
			return 0, false
		}
		if off += 10 + count(off+8); off > len(wire) {
			return 0, false
		}
	}
	return start, ok && off == len(wire)
}

// pastName returns where what follows a name begins, or -1.
func pastName(wire []byte, off int) int {
	_, off, err := dns.UnpackDomainName(wire, off)
	if err != nil {
		return -1
	}
	return off
}
