package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	rfc2136 "cnfd/publish/update"

	"github.com/miekg/dns"
)

// TestUpdateSIG0ByAnotherProgram has Net::DNS::SEC verify what is sent, of every algorithm that is taken: as it is, with
// any one octet changed, by another key, at another time.
func TestUpdateSIG0ByAnotherProgram(t *testing.T) {
	t.Parallel()
	testneeds.Binary(t, "perl", "perl")
	if err := exec.Command("perl", "-MNet::DNS::SEC", "-e", "1").Run(); err != nil {
		testneeds.Lacking(t, "Net::DNS::SEC is missing: apt-get install libnet-dns-sec-perl")
	}
	const writer = "writer.vendor.example."
	for _, algorithm := range []string{"ED25519", "ECDSAP256SHA256", "ECDSAP384SHA384", "RSASHA256", "RSASHA512"} {
		t.Run(algorithm, func(t *testing.T) {
			key, record := keyPair(t, algorithm, writer)
			_, other := keyPair(t, algorithm, writer)
			other = tagged(t, other, record)
			wire, sig := sentWith(t, key, time.Now())

			verdicts := sig0Verdicts(t, record, wire)
			if verdicts[0] != "verifies" {
				t.Fatalf("as it was sent: %s", verdicts[0])
			}
			var flipped [][]byte
			var at []int
			for i := range wire {
				if sig <= i && i < sig+len(sigHeader) {
					continue // the record's header is not signed, its data is (RFC 2931 §3.1)
				}
				f := bytes.Clone(wire)
				f[i] ^= 1
				at, flipped = append(at, i), append(flipped, f)
			}
			for i, v := range sig0Verdicts(t, record, flipped...) {
				if !strings.HasPrefix(v, "refused: ") {
					t.Errorf("with octet %d of %d changed: %s", at[i], len(wire), v)
				}
			}
			if v := sig0Verdicts(t, other, wire)[0]; !strings.Contains(v, "signature verification failed") {
				t.Errorf("another key of that name and tag: %s", v)
			}
			for off, want := range map[time.Duration]string{-time.Hour: "refused: Signature expired", time.Hour: "refused: Signature valid from", -time.Minute: "verifies", time.Minute: "verifies"} {
				late, _ := sentWith(t, key, time.Now().Add(off))
				if v := sig0Verdicts(t, record, late)[0]; !strings.HasPrefix(v, want) {
					t.Errorf("by a clock that is off by %v: %s", off, v)
				}
			}
		})
	}
}

// sigHeader is how a SIG(0) record begins: the root, type 24, class ANY, no TTL, and two octets of length.
var sigHeader = []byte{0, 0, 24, 0, 255, 0, 0, 0, 0, 0, 0}

// sentWith is an UPDATE message as it goes over TCP, signed with key by a clock that says now, and where its SIG
// record begins.
func sentWith(t *testing.T, key rfc2136.Key, now time.Time) (wire []byte, sig int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sent := make(chan []byte, 1)
	soa := records(t, "vendor.example. SOA ns.vendor.example. hostmaster.vendor.example. 1 7200 3600 1209600 60")
	go func() {
		defer close(sent)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for {
			var length uint16
			if binary.Read(c, binary.BigEndian, &length) != nil {
				return
			}
			wire := make([]byte, length)
			q := new(dns.Msg)
			if _, err := io.ReadFull(c, wire); err != nil || q.Unpack(wire) != nil {
				return
			}
			r := new(dns.Msg).SetReply(q)
			if q.Opcode == dns.OpcodeUpdate {
				sent <- wire
			} else {
				r.Authoritative, r.Ns = true, soa
			}
			reply, err := r.Pack()
			if err != nil {
				return
			}
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
		}
	}()
	target, err := rfc2136.New(rfc2136.Config{Server: l.Addr().String(), Zone: "vendor.example.", Key: key, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	old := tlsaOf(t, updateTheirs, "3 0 1 AABB")
	before := publish.Set{Name: "jwk.cnf.vendor.example."}.With(old[0], time.Minute).With(old[1], time.Minute)
	writeSet(t, target.Zone, before, before.Without(old[1]).With(tlsaOf(t, updateOurs)[0], time.Minute))
	wire = <-sent
	if sig = bytes.LastIndex(wire, sigHeader[:9]); sig < 0 {
		t.Fatalf("not signed: %x", wire)
	}
	return wire, sig
}

// tagged is a KEY record with such flags that its tag is that of the record like: nothing but the key tells them apart.
func tagged(t *testing.T, record, like string) string {
	t.Helper()
	var keys [2]*dns.KEY
	for i, text := range []string{record, like} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = rr.(*dns.KEY)
	}
	for flags := range 1 << 16 {
		if keys[0].Flags = uint16(flags); keys[0].KeyTag() == keys[1].KeyTag() {
			return keys[0].String()
		}
	}
	t.Fatal("no flags give that tag")
	return ""
}

// sig0Verdicts are what testdata/sig0.pl says of messages.
func sig0Verdicts(t *testing.T, record string, messages ...[]byte) []string {
	t.Helper()
	var in strings.Builder
	for _, m := range messages {
		in.WriteString(hex.EncodeToString(m) + "\n")
	}
	lines := strings.Split(strings.TrimSpace(run(t, "", in.String(), "perl", "testdata/sig0.pl", record)), "\n")
	if len(lines) != len(messages) {
		t.Fatalf("%d verdicts on %d messages", len(lines), len(messages))
	}
	return lines
}
