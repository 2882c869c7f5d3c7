package sandbox

import (
	"os/exec"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestTransfersVerify takes every zone over the wire and has it checked whole by
// BIND's dnssec-verify and by ldns-verify-zone: each signature, and that the chain
// of denial is complete.
func TestTransfersVerify(t *testing.T) {
	programs(t, map[string]string{"dnssec-verify": "bind9-utils", "ldns-verify-zone": "ldnsutils"})
	n := start(t, Config{})
	dir := t.TempDir()
	verified := 0
	for i, s := range n.specs {
		if len(s.keys) == 0 || s.policy.Spoil != nil || s.policy.Since != 0 || s.silent ||
			s.policy.Iterations > 100 || s.name == "unknown.example." {
			continue
		}
		verified++
		t.Run(s.name, func(t *testing.T) {
			file := write(t, dir, "zone", transferred(t, n.Zones()[i]))
			how := []string{"-q", "-o", s.name}
			if !s.split {
				how = append(how, "-z") // one key is both KSK and ZSK
			}
			if out, err := exec.Command("dnssec-verify", append(how, file)...).CombinedOutput(); err != nil {
				t.Errorf("dnssec-verify: %v\n%s", err, out)
			}
			if out, err := exec.Command("ldns-verify-zone", "-V", "1", file).CombinedOutput(); err != nil {
				t.Errorf("ldns-verify-zone: %v\n%s", err, out)
			}
		})
	}
	if verified < 30 {
		t.Errorf("only %d zones were verified", verified)
	}
}

func transferred(t *testing.T, z ZoneInfo) string {
	t.Helper()
	envelopes, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(z.Name), z.Servers[0].String())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	soas := 0
	for e := range envelopes {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		for _, rr := range e.RR {
			if rr.Header().Rrtype == dns.TypeSOA {
				if soas++; soas > 1 {
					continue
				}
			}
			text.WriteString(rr.String() + "\n")
		}
	}
	return text.String()
}

// programs demands programs; the values are the Debian packages that have them.
func programs(t *testing.T, wanted map[string]string) {
	t.Helper()
	for program, debian := range wanted {
		testneeds.Binary(t, program, debian)
	}
}
