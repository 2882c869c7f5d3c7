package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"
	"cnfd/thumbprint"

	"github.com/spf13/cobra"
)

// asked is what a command line asks for.
type asked struct {
	c        *config.Config
	old, new holder
	named    publish.Rotation // at the names of the flags, or of their defaults
	given    bool             // the flags name them
}

// holder is a key of the subject's: what it is called, its records at the names of the
// flags, and at every name that it could have one at.
type holder struct {
	called              string
	entries, everywhere []publish.Entry
}

func (a *asked) domain() string { return a.named.Swaps[0].Old.Domain }

// asked reads the configuration and both keys.
func (o *rotateOptions) asked(cmd *cobra.Command) (*asked, error) {
	switch {
	case o.subject != "" && (o.from == "" || o.key == ""):
		return nil, errors.New("--from, --to: give the files with the key in use and with the one to come")
	case o.from == "-" && o.key == "-":
		return nil, errors.New("--from, --to: only one of the keys can come from standard input")
	case o.switched && o.exec != "":
		return nil, errors.New("--switched, --exec: either the key is switched or it is to be: leave one out")
	}
	c, err := o.load(cmd)
	if err != nil {
		return nil, err
	}
	if c.Publish.To == "" {
		return nil, fmt.Errorf("--target: say where the zone is: one of %s", strings.Join(writable(), ", "))
	}
	a := &asked{c: c, given: cmd.Flags().Changed("method") || cmd.Flags().Changed("form")}
	if a.old, err = o.holder(cmd, c, o.from); err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	if a.new, err = o.holder(cmd, c, o.key); err != nil {
		return nil, fmt.Errorf("--to: %w%s", err, o.hint(err))
	}
	if a.old.called == a.new.called || a.old.entries[0].Record == a.new.entries[0].Record {
		return nil, errors.New("--from, --to: these are one key: there is nothing to rotate")
	}
	a.named, err = publish.NewRotation(o.subject, a.old.called, a.new.called, a.old.entries, a.new.entries)
	return a, err
}

// hint is for who means a target where this command has a key.
func (o *rotateOptions) hint(err error) string {
	if errors.Is(err, fs.ErrNotExist) && slices.Contains(targets(), o.key) {
		return ": --to is the file with the new key here; the target is named by --target " + o.key
	}
	return ""
}

// holder reads a key file, once: it may be standard input.
func (o *rotateOptions) holder(cmd *cobra.Command, c *config.Config, file string) (h holder, err error) {
	octets, err := readInput(cmd, []string{file}, maxKeyFile)
	if err != nil {
		return h, err
	}
	if h.entries, err = o.entriesOf(c, octets); err != nil {
		return h, errors.New(strings.TrimPrefix(err.Error(), "key: "))
	}
	if h.everywhere, err = o.everywhere(c, octets, h.entries); err != nil {
		return h, err
	}
	cnf, err := confirmationIn(octets, thumbprint.MethodJKT)
	if err != nil {
		return h, err
	}
	h.called = cnf.Thumbprint.URI()
	return h, nil
}

// at is the rotation at the names of some records of the old key.
func (a *asked) at(old []publish.Entry) (publish.Rotation, error) {
	var next []publish.Entry
	for _, e := range old {
		i := slices.IndexFunc(a.new.everywhere, func(n publish.Entry) bool { return n.Name == e.Name })
		if i < 0 {
			return a.named, fmt.Errorf("--to: the old key is published at %s, where this one can have no record: name by --method and --form what is to be rotated", e.Name)
		}
		next = append(next, a.new.everywhere[i])
	}
	return publish.NewRotation(a.named.Subject, a.named.From, a.named.To, old, next)
}

// standing is the rotation at all names where the place holds the old key, or at the
// default ones where it holds it nowhere. Where it cannot tell of a name that may be one,
// nothing can begin: a name that is forgotten is an outage at the switch.
func (o *rotateOptions) standing(ctx context.Context, p *publish.Publisher, a *asked) (publish.Rotation, error) {
	there, troubles := p.Standing(ctx, a.old.everywhere)
	for _, err := range troubles {
		var e *publish.Error
		switch errors.As(err, &e); {
		case e == nil:
			return a.named, err
		case slices.Contains(elsewhere, e.Kind):
		case slices.Contains([]publish.Kind{publish.Unreachable, publish.Stopped, publish.BadKey, publish.BadTime}, e.Kind):
			return a.named, err
		default:
			return a.named, &publish.Error{
				Kind: e.Kind, Where: e.Where, What: "whether the old key is published at all names is not known: " + e.Error(),
				Do: "call this again, or name by --method and --form what is to be rotated", Err: err,
			}
		}
	}
	o.unknown(troubles)
	if len(there) == 0 {
		return a.named, nil
	}
	return a.at(there)
}

// elsewhere are the kinds of error of a name that is no business of the place's.
var elsewhere = []publish.Kind{publish.WrongZone, publish.NotAuth, publish.Unsupported, publish.NameTooLong}

// beside looks for the old key at names that the rotation leaves alone, and warns.
func (o *rotateOptions) beside(ctx context.Context, p *publish.Publisher, a *asked, r *publish.Rotation) {
	rest := slices.DeleteFunc(slices.Clone(a.old.everywhere), func(e publish.Entry) bool {
		return slices.ContainsFunc(r.Swaps, func(s publish.Swap) bool { return s.Old.Name == e.Name })
	})
	there, troubles := p.Standing(ctx, rest)
	o.unknown(troubles)
	for _, e := range there {
		o.also = append(o.also, e.Name)
	}
	switch text := "the old key is published at " + strings.Join(o.also, ", ") + " too (" + methodsOf(there) + "), which this rotation leaves alone: "; {
	case len(there) == 0:
	case r.Stage < publish.Switched:
		o.warn(text + "credentials that are confirmed there fail once the key is switched, unless the new one is published there too")
	default:
		o.warn(text + "credentials of the new key fail there unless it is published there too, and those of the old one go on being confirmed")
	}
}

// methodsOf names the methods of some records, for people.
func methodsOf(entries []publish.Entry) string {
	var words []string
	for _, e := range entries {
		if word := "method " + e.Method; !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

func (o *rotateOptions) unknown(troubles []error) {
	if len(troubles) > 0 {
		o.warn(fmt.Sprintf("whether the old key is published at %s more is not known: %v", count(len(troubles), "name"), troubles[0]))
	}
}

func (o *rotateOptions) warn(text string) {
	o.teller.tell(publish.Event{At: o.now(), Step: publish.Warning, Text: text})
}
