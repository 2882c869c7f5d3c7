package update

import (
	"bytes"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestSignaturesAreValidForFiveMinutes: what was overheard cannot be sent again later. RFC 8945 §10 recommends 300 seconds
// for TSIG; SIG(0) has the same, around the clock that it was signed by.
func TestSignaturesAreValidForFiveMinutes(t *testing.T) {
	sig0, err := ParseSIG0(pair(t, "ED25519"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		claim string
		Key
		window func(last dns.RR) (from, to int64)
	}{
		{"TSIG", key(t, keyName, labSecret), func(last dns.RR) (int64, int64) {
			r := last.(*dns.TSIG)
			return int64(r.TimeSigned) - int64(r.Fudge), int64(r.TimeSigned) + int64(r.Fudge)
		}},
		{"SIG(0)", sig0, func(last dns.RR) (int64, int64) {
			r := last.(*dns.SIG)
			return int64(r.Inception), int64(r.Expiration)
		}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			if c.isSIG0() {
				s.keys = nil
			}
			z := s.target(t, func(cfg *Config) { cfg.Key = c.Key })
			var signed []byte
			s.wire = func(q, r []byte) []byte {
				if q[2]>>3&15 == dns.OpcodeUpdate {
					signed = bytes.Clone(q)
				}
				return r
			}
			if err := z.Write(t.Context(), publishChange(t, read(t, z, name))); err != nil {
				t.Fatal(err)
			}
			m := new(dns.Msg)
			if err := m.Unpack(signed); err != nil || len(m.Extra) == 0 {
				t.Fatalf("%v: %x", err, signed)
			}
			from, to := c.window(m.Extra[len(m.Extra)-1])
			if want := int64(5 * time.Minute / time.Second); from != noon.Unix()-want || to != noon.Unix()+want {
				t.Errorf("valid from %d to %d seconds around the time of signing", from-noon.Unix(), to-noon.Unix())
			}
		})
	}
}
