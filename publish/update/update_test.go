package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

const (
	theirs = "3 1 1 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
	ours   = "255 255 255 80D55420B98633C5F4DA599C2159872A78EB2657E15D87F4662F1D5A1C97196B"
)

// odd are records that no software makes and every one has to carry.
var odd = []string{
	"0 0 1 01", "0 0 0", theirs, "255 255 255", "255 255 255 " + strings.Repeat("AB", 48), "3 1 1 " + strings.Repeat("00", 32), "1 2 200 FF",
}

func lines(ttl string, at string, records ...string) []string {
	var out []string
	for _, r := range records {
		fields := strings.Fields(r)
		out = append(out, at+" "+ttl+" IN TYPE52 "+rfc3597(fields))
	}
	return out
}

// rfc3597 spells a record as its octets, so that even one without data can be given.
func rfc3597(fields []string) string {
	r, err := publish.ParseRecord(strings.Join(fields, " "))
	if err != nil {
		panic(err)
	}
	return generic(r)
}

func read(t testing.TB, z publish.Zone, name string) publish.Set {
	t.Helper()
	set, err := z.Read(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestChangesAreMadeAndNothingBeside(t *testing.T) {
	for _, c := range []struct {
		claim  string
		before []string
		change func(s publish.Set) publish.Set
	}{
		{"a record is the first at its name", nil, func(s publish.Set) publish.Set { return s.With(record(t, ours), time.Minute) }},
		{"a record joins others", odd, func(s publish.Set) publish.Set { return s.With(record(t, ours), time.Minute) }},
		{"a record leaves others", append([]string{ours}, odd...), func(s publish.Set) publish.Set { return s.Without(record(t, ours)) }},
		{"the last record leaves", []string{ours}, func(s publish.Set) publish.Set { return s.Without(record(t, ours)) }},
		{"a record takes another's place", []string{theirs, ours}, func(s publish.Set) publish.Set {
			return s.Without(record(t, ours)).With(record(t, odd[4]), time.Minute)
		}},
		{"each odd record can be the one that leaves", odd, func(s publish.Set) publish.Set { return s.Without(record(t, odd[3]), record(t, odd[1])) }},
		{"a set takes another TTL", []string{theirs, ours}, func(s publish.Set) publish.Set { s.TTL = time.Hour; return s }},
		{"a set takes another TTL with a record more", []string{theirs}, func(s publish.Set) publish.Set {
			s = s.With(record(t, ours), 0)
			s.TTL = time.Hour
			return s
		}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			neighbours := lines("300", "neighbour."+apex, odd...)
			s.hold(t, neighbours...)
			rest := s.all()
			if c.before != nil {
				s.hold(t, lines("120", name, c.before...)...)
			}
			z := s.target(t, nil)
			before := read(t, z, name)
			if len(before.Records) != len(c.before) || c.before != nil && before.TTL != 2*time.Minute {
				t.Fatalf("read %v", before)
			}
			change := publish.Change{Name: name, Before: before, After: c.change(before)}
			if err := z.Write(context.Background(), change); err != nil {
				t.Fatal(err)
			}
			after := read(t, z, name)
			if !after.Same(change.After) || after.TTL != change.After.TTL {
				t.Errorf("got %v, want %v", after, change.After)
			}
			left := slices.DeleteFunc(strings.Split(s.all(), "\n"), func(l string) bool { return strings.HasPrefix(l, name) })
			if strings.Join(left, "\n") != rest {
				t.Errorf("what others have is now\n%s", strings.Join(left, "\n"))
			}
			if err := z.Write(context.Background(), change.Undo()); err != nil {
				t.Fatal(err)
			}
			if undone := read(t, z, name); !undone.Same(before) || undone.TTL != before.TTL {
				t.Errorf("undone: %v, want %v", undone, before)
			}
		})
	}
}

func TestSomebodyElseWritesToo(t *testing.T) {
	other := record(t, "255 255 255 "+strings.Repeat("CD", 32))
	for _, c := range []struct {
		claim    string
		before   []string
		meddle   []string // the set as somebody leaves it between Read and Write
		kind     publish.Kind
		keepsOwn bool
	}{
		{"nobody does", []string{theirs}, nil, 0, false},
		{"a record is added", []string{theirs}, lines("300", name, theirs, other.String()), publish.Conflict, false},
		{"a record is replaced", []string{theirs}, lines("300", name, other.String()), publish.Conflict, false},
		{"the first record is added", nil, lines("300", name, other.String()), publish.Conflict, false},
		{"an alias comes where nothing was", nil, []string{name + " 300 IN CNAME ns." + apex}, publish.Alias, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			if c.before != nil {
				s.hold(t, lines("300", name, c.before...)...)
			}
			z := s.target(t, nil)
			before := read(t, z, name)
			if c.meddle != nil {
				s.hold(t, c.meddle...)
			}
			rest := s.all()
			err := z.Write(context.Background(), publish.Change{Name: name, Before: before, After: before.With(record(t, ours), time.Minute)})
			var e *publish.Error
			if c.kind == 0 {
				if err != nil || !strings.Contains(s.all(), line(name, ours)) {
					t.Fatalf("%v\n%s", err, s.all())
				}
				return
			}
			if !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("%v", err)
			}
			if s.all() != rest {
				t.Errorf("the zone is now\n%s", s.all())
			}
		})
	}
}

// TestAnAliasIsNotWrittenBeside holds that a name with a CNAME is left alone.
func TestAnAliasIsNotWrittenBeside(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	before := read(t, z, "alias."+apex)
	rest := s.all()
	err := z.Write(context.Background(), publish.Change{Name: "alias." + apex, Before: before, After: before.With(record(t, ours), time.Minute)})
	var e *publish.Error
	if !errors.As(err, &e) || e.Kind != publish.Alias || !strings.Contains(err.Error(), "a CNAME to ns."+apex) || s.all() != rest || s.updates() != 0 {
		t.Errorf("%v, %d updates", err, s.updates())
	}
}

// TestAWildcardIsWrittenOver holds that a wildcard's answer is neither kept nor in the way.
func TestAWildcardIsWrittenOver(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	before := read(t, z, "any.wild."+apex)
	if err := z.Write(context.Background(), publish.Change{Name: before.Name, Before: before, After: before.With(record(t, ours), time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if now := read(t, z, before.Name); len(now.Records) != 1 || !now.Has(record(t, ours)) {
		t.Errorf("%v", now)
	}
}

// TestAnUnsignedWildcard holds that where nobody can tell a wildcard's answer from a
// name's own, nothing is written, and the error says what may be the matter.
func TestAnUnsignedWildcard(t *testing.T) {
	s := newServer(t)
	unsigned(t, s)
	z := s.target(t, nil)
	for _, name := range []string{name, "any.wild." + apex} {
		before := read(t, z, name)
		rest := s.all()
		err := z.Write(t.Context(), publishChange(t, before))
		if len(before.Records) == 0 {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		var e *publish.Error
		if !errors.As(err, &e) || e.Kind != publish.Conflict || !strings.Contains(err.Error(), "may come from a wildcard") || s.all() != rest {
			t.Errorf("%v\n%s", err, s.all())
		}
	}
}

func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} {
		k, err := ParseKey([]byte(`key "lab" { algorithm ` + algorithm + `; secret "` + lab256 + `"; };`))
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t)
		z := s.target(t, func(c *Config) { c.Key = k })
		change := publishChange(t, read(t, z, name))
		if err := z.Write(t.Context(), change); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if got := read(t, z, name); !got.Same(change.After) {
			t.Errorf("%s: %v", algorithm, got)
		}
		s.keys[keyName] = []byte("another secret of enough octets!")
		if _, err := z.Read(t.Context(), name); err == nil || !strings.Contains(err.Error(), "BADSIG") {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// TestASetThatFitsNoMessage holds that it is refused before anything is sent.
func TestASetThatFitsNoMessage(t *testing.T) {
	s := newServer(t)
	z := s.target(t, nil)
	for _, n := range []int{1000, 2000} { // of about 40 octets each
		after := publish.Set{Name: name, TTL: time.Minute}
		for i := range n {
			after.Records = append(after.Records, record(t, fmt.Sprintf("255 255 255 %08x", i)))
		}
		sent := s.updates()
		err := z.Write(t.Context(), publish.Change{Name: name, Before: read(t, z, name), After: after})
		var e *publish.Error
		switch {
		case n == 1000 && err != nil:
			t.Fatal(err)
		case n == 2000 && (!errors.As(err, &e) || e.Kind != publish.Unsupported || s.updates() != sent):
			t.Errorf("%v", err)
		}
	}
}
