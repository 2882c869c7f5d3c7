package provider

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func TestARecordIsAddedAndRemovedBesideOthers(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		for _, tt := range []struct {
			name   string
			others []string
		}{{"none", nil}, {"one", theirs[:1]}, {"several", theirs}} {
			t.Run(tt.name, func(t *testing.T) {
				s := play(t, word, owner)
				if len(tt.others) > 0 {
					s.set(here, 7200, tt.others...)
				}
				s.set("other.vendor.example.", 7200, ours)
				r, before := tlsa(t, ours), s.lines()
				read := s.read(t, here)
				if len(read.Records) != len(tt.others) || len(tt.others) > 0 && read.TTL != 2*time.Hour || read.Name != here {
					t.Fatalf("read %+v", read)
				}
				for _, text := range tt.others {
					if !read.Has(tlsa(t, text)) {
						t.Fatalf("read %+v without %s", read, text)
					}
				}
				add := s.adding(t, here, r)
				if err := s.write(t, add); err != nil {
					t.Fatal(err)
				}
				onlyOurs(t, before, s.lines(), r)
				if got := s.read(t, here); !got.Same(add.After) || got.TTL != add.After.TTL {
					t.Fatalf("read back %+v, want %+v", got, add.After)
				}
				if err := s.write(t, s.removing(t, here, r)); err != nil {
					t.Fatal(err)
				}
				unchanged(t, before, s.lines())
			})
		}
	})
}

// The names of both forms and of COSE methods; none of them is a host's.
func TestNamesOfEveryForm(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		for _, name := range []string{"jkt.cnf.vendor.example.", "_jwk_cnf.vendor.example.", "1.8.vendor.example.", "_323_8.vendor.example.", "jwk.cnf.deep.below.vendor.example."} {
			s := play(t, word, owner)
			s.set("jwk.cnf.other.vendor.example.", 3600, theirs...)
			before, r := s.lines(), tlsa(t, ours)
			add := s.adding(t, name, r)
			if err := s.write(t, add); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			onlyOurs(t, before, s.lines(), r)
			if got := s.read(t, name); !got.Same(add.After) || got.Name != name {
				t.Errorf("read %+v", got)
			}
			if err := s.write(t, s.removing(t, name, r)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			unchanged(t, before, s.lines())
		}
	})
}

func TestOneRecordIsExchangedForAnother(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		s.set(here, 7200, theirs...)
		before := s.lines()
		a, b := tlsa(t, ours), tlsa(t, later)
		if err := s.write(t, s.adding(t, here, a)); err != nil {
			t.Fatal(err)
		}
		c := publish.Change{Name: here, Before: s.read(t, here)}
		c.After = c.Before.Without(a).With(b, time.Hour)
		if err := s.write(t, c); err != nil {
			t.Fatal(err)
		}
		onlyOurs(t, before, s.lines(), b)
		if err := s.write(t, c.Undo()); err != nil {
			t.Fatal(err)
		}
		onlyOurs(t, before, s.lines(), a)
	})
}

func TestASetOf255Records(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		var many []string
		for i := range 254 {
			many = append(many, fmt.Sprintf("3 1 1 %064x", i+1))
		}
		s.set(here, 3600, many...)
		before := s.lines()
		add := s.adding(t, here, tlsa(t, ours))
		if len(add.Before.Records) != 254 {
			t.Fatalf("%d records read, want 254", len(add.Before.Records))
		}
		err := s.write(t, add)
		var e *publish.Error
		if errors.As(err, &e) && e.Kind == publish.Unsupported {
			unchanged(t, before, s.lines()) // said before anything is written
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		onlyOurs(t, before, s.lines(), tlsa(t, ours))
		if got := s.read(t, here); !got.Same(add.After) {
			t.Fatalf("%d records read back, want 255", len(got.Records))
		}
	})
}

func TestLongDataOfOthersIsKept(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		s.set(here, 3600, "3 0 0 "+strings.Repeat("3082", 600))
		before := s.lines()
		add := s.adding(t, here, tlsa(t, ours))
		if !add.Before.Has(tlsa(t, "3 0 0 "+strings.Repeat("3082", 600))) {
			t.Fatal("the certificate of 1200 octets was not read")
		}
		if err := s.write(t, add); err != nil {
			t.Fatal(err)
		}
		onlyOurs(t, before, s.lines(), tlsa(t, ours))
	})
}

func TestAnAliasIsSeen(t *testing.T) {
	everyProvider(t, func(t *testing.T, word string) {
		s := play(t, word, owner)
		if got := s.read(t, here); got.Alias != "" {
			t.Fatalf("alias %q before there is one", got.Alias)
		}
		s.alias(here, "elsewhere.example.")
		if got := s.read(t, here); got.Alias != "elsewhere.example." || len(got.Records) != 0 {
			t.Fatalf("read %+v, want the alias elsewhere.example.", got)
		}
	})
}
