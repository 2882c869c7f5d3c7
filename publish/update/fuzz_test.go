package update

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"cnfd/publish"

	"github.com/miekg/dns"
)

// FuzzParseKey holds that no key comes of anything but an algorithm that is taken and a
// secret that is long enough, and that no error repeats what a file says.
func FuzzParseKey(f *testing.F) {
	for _, file := range []string{
		`key "lab" { algorithm hmac-sha256; secret "` + lab256 + `"; };`, "# c\n// c\n/* c */ options { x { y; }; }; key lab { secret x; };",
		`key "lab" { algorithm hmac-md5; secret "` + lab256 + `"; };`, `key "`, `server 1 { key "lab"; };`, "Private-key-format: v1.3",
	} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := ParseKey(file)
		if err != nil {
			if !k.IsZero() || !strings.HasPrefix(err.Error(), "key file: ") || len(err.Error()) > 250 {
				t.Fatalf("%v, %v", k, err)
			}
			return
		}
		s := k.secret().tsig
		if hashes[s.algorithm] == nil || len(s.secret) < minSecret || !slices.Contains(file, ';') {
			t.Fatalf("%v", k)
		}
		q := asked{}
		if _, err := k.sign(questionFor(name, dns.TypeTLSA), &q, noonClock); err != nil || len(q.mac) == 0 {
			t.Fatalf("%v does not sign: %v", k, err)
		}
	})
}

// Two keys as dnssec-keygen made them, which open nothing.
const (
	labEd25519Public = `lab.vendor.example. IN KEY 512 3 15 BCv8fcvL6SAAdxO4rRm0klagWjNyZkNnyZaB89IwLZ8=
`
	labEd25519Private = `Private-key-format: v1.3
Algorithm: 15 (ED25519)
PrivateKey: ldasqPlCpZ31R1lKIsZmxpDL/0aUADeGgvlVrwUWym4=
`
	labP256Public = `lab.vendor.example. IN KEY 512 3 13 iR8HfQexFYXUPWzSe1UiLaqKf+DGKuxt+foA4FsgUfxez48FpiUt7zBJ poNUCQSksT0z4odWAqQfT/JGBJ9Q+w==
`
	labP256Private = `Private-key-format: v1.3
Algorithm: 13 (ECDSAP256SHA256)
PrivateKey: u6bSLrs82Xlq2qFqIMVMlthvAFB1s5bs5DKoFbYttno=
`
)

// FuzzParseSIG0 holds that a key that is taken signs.
func FuzzParseSIG0(f *testing.F) {
	f.Add([]byte(labEd25519Public), []byte(labEd25519Private))
	f.Add([]byte(labP256Public), []byte(labP256Private))
	f.Fuzz(func(t *testing.T, public, private []byte) {
		k, err := ParseSIG0(public, private)
		if err != nil {
			return
		}
		wire, err := k.sign(updateOf(apex, publish.Change{Name: name}), new(asked), noonClock)
		if err != nil {
			t.Fatal(err)
		}
		if m := new(dns.Msg); m.Unpack(wire) != nil || len(m.Extra) != 1 {
			t.Fatalf("not signed:\n%s", m)
		}
	})
}

// FuzzReply takes octets for a reply, to a signed question and to one that is not:
// none is taken for signed that the key did not sign for this question, and a set that
// is read can be written.
func FuzzReply(f *testing.F) {
	seeds := newServer(f)
	seeds.hold(f, lines("300", name, odd...)...)
	seeds.wire = func(_, r []byte) []byte { f.Add(slices.Clone(r), true); f.Add(slices.Clone(r), false); return r }
	read(f, seeds.target(f, nil), name)
	read(f, seeds.target(f, nil), "absent."+apex)
	read(f, seeds.target(f, nil), "alias."+apex)
	k := key(f, keyName, labSecret)
	f.Fuzz(func(t *testing.T, reply []byte, signed bool) {
		q := asked{opcode: dns.OpcodeQuery, question: questionFor(name, dns.TypeTLSA).Question[0], now: noon}
		if len(reply) >= 2 {
			q.id = binary.BigEndian.Uint16(reply)
		}
		if signed { // and of no request that the seeds are replies to
			q.key, q.mac = k.secret().tsig, make([]byte, 32)
		}
		m, err := q.judge(reply)
		if err != nil {
			if _, ok := err.(*publish.Error); !ok || m != nil {
				t.Fatalf("%T, %v", err, m)
			}
			return
		}
		if signed {
			t.Fatalf("taken for signed:\n%s", m)
		}
		set, err := setOf(m, name)
		if err != nil {
			return
		}
		if set.Name != name || set.Alias != "" && len(set.Records) > 0 || set.TTL != 0 && len(set.Records) == 0 {
			t.Fatalf("%v", set)
		}
		if _, err := updateOf(apex, publish.Change{Name: name, Before: set}).Pack(); err != nil {
			t.Fatal(err)
		}
	})
}
