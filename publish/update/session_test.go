package update

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

func TestTheWaitEnds(t *testing.T) {
	for _, c := range []struct {
		claim  string
		cancel bool
		kind   publish.Kind
		words  string
		after  time.Duration
	}{
		{"by itself", false, publish.Unreachable, "no reply in time: whether the update was done", 20 * time.Second},
		{"when the caller gives up", true, publish.Stopped, "stopped while waiting", 3 * time.Second},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				z := s.target(t, nil)
				before := read(t, z, name)
				silence := make(chan struct{})
				s.before = func(q *dns.Msg) bool {
					if q.Opcode == dns.OpcodeUpdate {
						<-silence
					}
					return false
				}
				defer close(silence)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if c.cancel {
					time.AfterFunc(3*time.Second, cancel)
				}
				start := time.Now()
				err := z.Write(ctx, publish.Change{Name: name, Before: before, After: before.With(record(t, ours), time.Minute)})
				var e *publish.Error
				if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words) {
					t.Errorf("%v", err)
				}
				if took := time.Since(start); took != c.after {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

func TestServersAreTriedInTurnUntilOneIsReached(t *testing.T) {
	s := newServer(t)
	var dialled []string
	c := Config{Key: key(t, keyName, labSecret), Now: func() time.Time { return noon }}
	c.Primary = primaryAt(apex, "192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53")
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if address == "192.0.2.1:53" {
			return nil, errors.New("nobody there")
		}
		return s.dial(ctx, network, address)
	}
	target, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	before := read(t, target.Zone, name)
	if err := target.Zone.Write(context.Background(), publish.Change{Name: name, Before: before, After: before.With(record(t, ours), time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(dialled, " "); got != "192.0.2.1:53 192.0.2.2:53 192.0.2.1:53 192.0.2.2:53" {
		t.Error(got)
	}
	c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody there") }
	target, _ = New(c)
	if _, err := target.Zone.Read(context.Background(), name); err == nil || !strings.Contains(err.Error(), "set publish.server") {
		t.Errorf("a primary that the SOA names, and nobody reaches: %v", err)
	}
}

// TestAKeyThatIsNotKnownWhereTheSOASays: the SOA may name another than the one that takes updates.
func TestAKeyThatIsNotKnownWhereTheSOASays(t *testing.T) {
	for _, found := range []bool{false, true} {
		s := newServer(t)
		z := s.target(t, func(c *Config) {
			if found {
				c.Server, c.Primary = "", primaryAt(apex, "192.0.2.53:53")
			}
		})
		read(t, z, name)
		delete(s.keys, keyName)
		_, err := z.Read(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), "BADKEY") || strings.HasSuffix(err.Error(), "set publish.server to it (the zone's SOA names this one)") != found {
			t.Errorf("found %t: %v", found, err)
		}
	}
}

// TestWhoIsMeant: where the server that was told does not do, the one that the SOA names is told of, if it is another.
func TestWhoIsMeant(t *testing.T) {
	for _, c := range []struct {
		claim, apex, names string
		fails              func(s *server, c *Config)
		want               string
	}{
		{"a key that is not known", apex, "192.0.2.1:53", func(s *server, _ *Config) { delete(s.keys, keyName) }, "set publish.server to it (the SOA of vendor.example. names 192.0.2.1:53)"},
		{"nobody there", apex, "192.0.2.1:53", func(_ *server, c *Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") }
		}, "set publish.server to it (the SOA of vendor.example. names 192.0.2.1:53)"},
		{"it is the same", apex, "192.0.2.53:53", func(s *server, _ *Config) { delete(s.keys, keyName) }, "set publish.server to it"},
		{"it is that of a zone above", "example.", "192.0.2.1:53", func(s *server, _ *Config) { delete(s.keys, keyName) }, "set publish.server to it"},
		{"another secret, which is the key's own fault", apex, "192.0.2.1:53", func(s *server, _ *Config) { s.keys[keyName] = []byte("another secret of enough octets!") }, "check the key's secret on both sides"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			asked := 0
			named := func(f *Config) {
				f.Primary = func(ctx context.Context, name string) (string, []netip.AddrPort, error) {
					asked++
					return primaryAt(c.apex, c.names)(ctx, name)
				}
			}
			if read(t, s.target(t, named), name); asked > 0 {
				t.Error("asked where the server does")
			}
			z := s.target(t, func(f *Config) { named(f); c.fails(s, f) })
			_, err := z.Read(t.Context(), name)
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("read: %v", err)
			}
			if err = z.Write(t.Context(), publishChange(t, publish.Set{Name: name})); err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("write: %v", err)
			}
		})
	}
}

// TestAnAddressThatSwallowsEverything holds that it leaves time for the next.
func TestAnAddressThatSwallowsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c := Config{Key: key(t, keyName, labSecret), Now: noonClock, Primary: primaryAt(apex, "192.0.2.1:53", "192.0.2.2:53")}
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "192.0.2.1:53" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return s.dial(ctx, network, address)
		}
		target, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := target.Zone.Write(t.Context(), publishChange(t, read(t, target.Zone, name))); err != nil {
			t.Error(err)
		}
	})
}

// TestAnAliasLeadsToNoZone holds that where a CNAME stands at the name, the SOA that it
// leads to is not taken for the one of the name's own zone.
func TestAnAliasLeadsToNoZone(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	s.edit = func(q, r *dns.Msg) {
		if q.Question[0].Name == name && q.Question[0].Qtype == dns.TypeSOA {
			r.Answer = []dns.RR{rr(t, name+" 300 CNAME example."), rr(t, "example. 300 SOA ns.example. h. 1 1 1 1 1")}
		}
	}
	if err := z.Write(t.Context(), publishChange(t, read(t, z, name))); err != nil {
		t.Fatal(err)
	}
	for _, q := range s.asked {
		if q.Opcode == dns.OpcodeUpdate && q.Question[0].Name != apex {
			t.Errorf("an update of the zone %s", q.Question[0].Name)
		}
	}
}
