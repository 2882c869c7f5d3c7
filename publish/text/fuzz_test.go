package text

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

// FuzzWrite holds every format to other readers: what is printed for a change of any
// name, TTL and records is read back to the same octets, and to nothing beside them.
func FuzzWrite(f *testing.F) {
	f.Add("jwk.cnf.vendor.example.", uint32(300), []byte("\xff\xff\xff01234567890123456789012345678901"), []byte("\x03\x01\x01xyz"))
	f.Add(`x5t#s256.cnf.a\.b\000.example.`, uint32(0), []byte("\xff\xff\xff"), []byte("\x00\x00\x00\x12\xe4"))
	f.Add("a\nupdate delete b.example.", uint32(1<<31-1), []byte("\x01\x01\x01;"), []byte("\x02\x01\x00\n"))
	f.Add("☕.example.", uint32(60), []byte("\xff\xff\xff\x12\xe4\x56"), []byte("\xff\xff\xff\x12\xe4\x57"))
	f.Add(".", uint32(60), []byte("\xff\xff\xff1"), []byte("\xff\xff\xff2"))
	f.Fuzz(func(t *testing.T, owner string, seconds uint32, a, b []byte) {
		if strings.Contains(owner, `\`) && strings.ContainsFunc(owner, func(c rune) bool { return c > 127 }) {
			return // miekg/dns counts the backslashes behind a character of several octets wrongly
		}
		ours, err := publish.RecordOf(a)
		if err != nil {
			return
		}
		gone, err := publish.RecordOf(b)
		if err != nil || gone == ours {
			return
		}
		ttl := time.Duration(seconds) * time.Second
		set := func(r publish.Record) publish.Set {
			return publish.Set{Name: owner, TTL: ttl, Records: []publish.Record{r}}
		}
		c := publish.Change{Name: owner, Before: set(gone), After: set(ours)}
		for _, format := range []Format{Zone, Generic, NSUpdate, OctoDNS} {
			var out bytes.Buffer
			if err := Write(&out, format, Options{Zone: ".", BeforeKnown: true}, []publish.Change{c}); err != nil {
				var e *publish.Error
				if !errors.As(err, &e) || out.Len() > 0 {
					t.Fatalf("%v, with %q printed", err, out.String())
				}
				// miekg/dns takes \0 and the like for an octet, which RFC 1035 §5.1 does not.
				if known(owner) && !strings.Contains(owner, `\`) && format != OctoDNS && ttl <= maxTTL && len(a) < 1<<16 && len(b) < 1<<16 {
					t.Fatalf("%v: and miekg/dns knows the name %q", err, owner)
				}
				continue
			}
			switch format {
			case NSUpdate:
				readScript(t, out.String(), owner, ttl, ours, gone)
			case OctoDNS:
				readYAML(t, out.String(), owner, ttl, ours)
			default:
				holds(t, out.String(), owner, ttl, ours)
			}
		}
	})
}

// known reports whether miekg/dns reads an absolute name.
func known(owner string) bool {
	_, err := dns.PackDomainName(owner, make([]byte, 256), 0, nil, false)
	return err == nil && dns.IsFqdn(owner)
}

// holds reads a zone file and wants one record in it.
func holds(t *testing.T, text, owner string, ttl time.Duration, want publish.Record) {
	t.Helper()
	z := dns.NewZoneParser(strings.NewReader(text), "", "")
	count := 0
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		count++
		tlsa, ok := rr.(*dns.TLSA)
		if !ok || !slices.Equal(wireName(t, tlsa.Hdr.Name), wireName(t, owner)) || time.Duration(tlsa.Hdr.Ttl)*time.Second != ttl || tlsa.Hdr.Class != dns.ClassINET {
			t.Fatalf("%q: read back as %v", text, rr)
		}
		association, err := hex.DecodeString(tlsa.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if got := append([]byte{tlsa.Usage, tlsa.Selector, tlsa.MatchingType}, association...); !slices.Equal(got, want.RDATA()) {
			t.Fatalf("%q: octets %x, want %x", text, got, want.RDATA())
		}
	}
	if err := z.Err(); err != nil || count != 1 {
		t.Fatalf("%q: %d records, %v", text, count, err)
	}
}

// readScript wants a script of exactly one message that changes one record for another.
func readScript(t *testing.T, text, owner string, ttl time.Duration, ours, gone publish.Record) {
	t.Helper()
	var commands []string
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(l, ";") {
			commands = append(commands, l)
		}
	}
	prefixes := []string{"zone .\n", "prereq nxrrset ", "prereq yxrrset ", "update delete ", "update add ", "send\n"}
	if len(commands) != len(prefixes) {
		t.Fatalf("%q: %d commands, want %d", text, len(commands), len(prefixes))
	}
	for i, prefix := range prefixes {
		rest, ok := strings.CutPrefix(commands[i], prefix)
		if !ok {
			t.Fatalf("%q: want %q", commands[i], prefix)
		}
		switch i {
		case 1:
			name, ok := strings.CutSuffix(rest, " IN CNAME\n")
			if !ok || !slices.Equal(wireName(t, name), wireName(t, owner)) {
				t.Fatalf("%q: is no condition of %q", commands[i], owner)
			}
		case 2, 3:
			holds(t, "$TTL 0\n"+rest, owner, 0, gone)
		case 4:
			holds(t, rest, owner, ttl, ours)
		}
	}
}

func readYAML(t *testing.T, text, owner string, ttl time.Duration, want publish.Record) {
	t.Helper()
	file := readOctoDNS(t, text)
	if len(file) != 1 {
		t.Fatalf("%q: %d names", text, len(file))
	}
	for key, r := range file {
		name := key + "."
		if key == "" {
			name = "."
		}
		if !slices.Equal(wireName(t, name), wireName(t, owner)) || time.Duration(r.TTL)*time.Second != ttl || r.Type != "TLSA" || len(r.Values) != 1 {
			t.Fatalf("%q: read back as %q %+v", text, key, r)
		}
		v := r.Values[0]
		association, err := hex.DecodeString(v.Data)
		if err != nil {
			t.Fatal(err)
		}
		if got := append([]byte{v.Usage, v.Selector, v.Matching}, association...); !slices.Equal(got, want.RDATA()) {
			t.Fatalf("%q: octets %x, want %x", text, got, want.RDATA())
		}
	}
}
