package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// tlsa is what the scene's name answers for its record.
func (s *scene) tlsa() *dnssec.Answer { return s.world.sets[wwwKey+" TLSA"] }

func other(k thumbprint.Kind, h thumbprint.Hash, n int) thumbprint.Thumbprint {
	t, err := thumbprint.New(k, h, make([]byte, n))
	if err != nil {
		panic(err)
	}
	return t
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestOneFlip: the scene holds, one thing is flipped, and exactly that is said.
func TestOneFlip(t *testing.T) {
	for _, c := range slices.Concat(rows, caaRows) {
		t.Run(c.claim, func(t *testing.T) {
			s := c.scene(t)
			if p := s.judge(); p != nil {
				t.Fatalf("before: %v", p)
			}
			c.flip(s)
			check(t, &c, s.judge(), s.claim.Identifier)
		})
	}
}

// check holds a problem to a row, and to what every problem of a gate is.
func check(t *testing.T, c *row, p *acme.Problem, i acme.Identifier) {
	t.Helper()
	if c.kind == "" {
		if p != nil {
			t.Errorf("%v", p)
		}
		return
	}
	if p == nil {
		t.Fatal("nothing stands against it")
	}
	if p.Kind != c.kind || p.Passing != c.passing {
		t.Errorf("%v, passing %v; want %s, passing %v", p, p.Passing, c.kind, c.passing)
	}
	rest := p.Detail
	for piece := range strings.SplitSeq(c.says, "…") {
		_, after, ok := strings.Cut(rest, piece)
		if !ok {
			t.Fatalf("%q does not say %q", p.Detail, c.says)
		}
		rest = after
	}
	if p.Identifier == nil || *p.Identifier != i {
		t.Errorf("it is of %v, want %v", p.Identifier, i)
	}
	retry := time.Duration(0)
	switch {
	case p.Passing && (strings.Contains(p.Detail, "(unreachable") || strings.Contains(p.Detail, "within the time")):
		retry = 5 * time.Second
	case p.Passing:
		retry = time.Minute
	}
	if p.Status < 400 || p.Retry != retry {
		t.Errorf("status %d, passing %v, retry after %s", p.Status, p.Passing, p.Retry)
	}
	if strings.Contains(p.Detail, "record.allow_") {
		t.Errorf("%q: no such setting holds for certificates", p.Detail)
	}
	if j := acme.Joined([]*acme.Problem{nil, p}); j.Kind != p.Kind || j.Passing != p.Passing || len(j.Subproblems) != 1 || *j.Subproblems[0].Identifier != i {
		t.Errorf("joined: %+v", j)
	}
}

// TestWhatIsAsked: each key at the domain's own record, CAA at the domain, and only where that has none at all that is above, each
// name once, and nothing of an address but its own.
func TestWhatIsAsked(t *testing.T) {
	key := wwwKey + " TLSA"
	climb := []string{wwwName + " CAA", "vendor.example. CAA", "example. CAA"}
	for _, c := range []struct {
		claim string
		scene func(testing.TB) *scene
		flip  func(*scene)
		want  []string
	}{
		{"a challenge", challenged, func(*scene) {}, slices.Concat([]string{key}, climb)},
		{"a grant", granted, func(*scene) {}, slices.Concat([]string{key}, climb)},
		{"an opt-in, which is the CAA set as well", opted, func(*scene) {}, []string{key, climb[0]}},
		{"a wildcard", starred, func(*scene) {}, []string{key, climb[0]}},
		{"two keys", challenged, func(s *scene) { s.claim.Keys = append(s.claim.Keys, ours) }, slices.Concat([]string{key, key}, climb)},
		{"no key", challenged, func(s *scene) { s.claim.Keys = nil }, slices.Clone(climb)},
		{"a set half-way", challenged, func(s *scene) { s.world.caa("vendor.example.", `0 issue "ca.example"`) }, slices.Concat([]string{key}, climb)},
		{"a set at the top of a long name", func(t testing.TB) *scene {
			return newScene(t, acme.Identifier{Type: acme.TypeDNS, Value: "a.b.c.d.e.f.g"}, acme.MethodHTTP)
		}, func(s *scene) { s.world.caa("e.f.g.", `0 issue "ca.example"`) }, []string{
			"jwk.cnf.a.b.c.d.e.f.g. TLSA", "a.b.c.d.e.f.g. CAA", "b.c.d.e.f.g. CAA", "c.d.e.f.g. CAA", "d.e.f.g. CAA", "e.f.g. CAA",
		}},
		{"no record", challenged, func(s *scene) { s.world.remove(wwwKey, dnssec.TypeTLSA) }, []string{key, climb[0]}},
		{"an address that opts in", addressed, func(*scene) {}, []string{"jwk.cnf." + ip4Name + " TLSA", ip4Name + " CAA"}},
		{"an address by a challenge", addressed, func(s *scene) { s.claim.Method = acme.MethodHTTP }, []string{"jwk.cnf." + ip4Name + " TLSA"}},
		{"an address by a grant", addressed, func(s *scene) { s.claim.Granted = true }, []string{"jwk.cnf." + ip4Name + " TLSA"}},
		{"a claim that is none", challenged, func(s *scene) { s.claim.Method = "?" }, nil},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := c.scene(t)
			c.flip(s)
			s.judge()
			slices.Sort(s.world.asked)
			if slices.Sort(c.want); !slices.Equal(s.world.asked, c.want) {
				t.Errorf("asked for %q, want %q", s.world.asked, c.want)
			}
		})
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	good := func() Config {
		s := challenged(t)
		return Config{Confirmer: s, Source: s.world, Identities: []string{"ca.example"}, Forms: []record.Form{record.Underscore, record.Dotted}}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for field, flip := range map[string]func(*Config){
		"Confirmer":                     func(c *Config) { c.Confirmer = nil },
		"Source":                        func(c *Config) { c.Source = nil },
		`Identities: "ca.example."`:     func(c *Config) { c.Identities[0] = "ca.example." },
		`Identities: ""`:                func(c *Config) { c.Identities[0] = "" },
		`Identities: "ca.example; a=b"`: func(c *Config) { c.Identities[0] = "ca.example; a=b" },
		"Forms":                         func(c *Config) { c.Forms[1] = record.Underscore },
		"legacy_did":                    func(c *Config) { c.Forms[1] = record.LegacyDID },
		"unknown":                       func(c *Config) { c.Forms[1] = 9 },
	} {
		c := good()
		flip(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "gate: Config.") || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestTheGateKeepsItsConfig: what the caller changes afterwards changes nothing.
func TestTheGateKeepsItsConfig(t *testing.T) {
	s := opted(t)
	mine := []string{"ca.example"}
	g, err := New(Config{Confirmer: s, Source: s.world, Identities: mine})
	if err != nil {
		t.Fatal(err)
	}
	mine[0] = "other.example"
	if p := g.Judge(t.Context(), &s.claim); p != nil {
		t.Error(p)
	}
}

func TestIPv6(t *testing.T) {
	s := newScene(t, ip6, acme.MethodHTTP)
	if p := s.judge(); p != nil {
		t.Fatal(p)
	}
	s.world.sets = nil
	want := row{kind: acme.Unauthorized, says: fmt.Sprintf("jwk.cnf.%sip6.arpa. 300 IN TLSA", "1."+strings.Repeat("0.", 23)+"8.b.d.0.1.0.0.2.")}
	check(t, &want, s.judge(), ip6)
}

// TestTheZeroGateIssuesNothing, not even where a claim owes no look-up.
func TestTheZeroGateIssuesNothing(t *testing.T) {
	s := newScene(t, ip4, acme.MethodHTTP)
	s.claim.Keys = nil
	if p := s.judge(); p != nil {
		t.Fatal(p)
	}
	want := row{kind: acme.ServerInternal, passing: true, says: "not made by New"}
	check(t, &want, new(Gate).Judge(t.Context(), &s.claim), ip4)
}
