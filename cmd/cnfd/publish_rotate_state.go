package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/publish"
)

// stateFileOf is where the rotation is kept, unless the operator says otherwise. What is proven under
// testing settings is never gone on with without them.
func stateFileOf(c *config.Config, r publish.Rotation) (string, error) {
	if c.StateDir == "" {
		return "", errors.New("--state: state_dir is off: name the file that is to keep how far it has come")
	}
	short := func(record publish.Record) string {
		_, _, _, association := record.Fields()
		return fmt.Sprintf("%x", association[:4])
	}
	testing := ""
	if c.Testing {
		testing = "-testing"
	}
	s := r.Swaps[0]
	return filepath.Join(c.StateDir, fmt.Sprintf("rotate-%s-%s-%s%s.json", s.Old.Domain, short(s.Old.Record), short(s.New.Record), testing)), nil
}

// continues is an error where what is kept is another rotation than what is asked for.
// Where the operator names no names it keeps to its own.
func (o *rotateOptions) continues(a *asked, kept *publish.Rotation) error {
	err := kept.Continues(a.like(kept))
	if err != nil {
		err = fmt.Errorf("%s: %w: go on with that one first, or name another file by --state", o.state, err)
	}
	return err
}

// like is what is asked for, at the names of kept where none are given.
func (a *asked) like(kept *publish.Rotation) *publish.Rotation {
	if a.given {
		return &a.named
	}
	r := a.named
	r.Swaps = nil
	for _, s := range kept.Swaps {
		for _, e := range a.old.everywhere {
			if e != s.Old {
				continue
			}
			if at, err := a.at([]publish.Entry{e}); err == nil {
				r.Swaps = append(r.Swaps, at.Swaps...)
			}
		}
	}
	return &r
}

// alone is an error where another rotation of the domain has not come to its end, unless
// the operator says that this is meant: two that pull in different directions end with a
// key in use that is retired.
func (o *rotateOptions) alone(a *asked) error {
	others, err := publish.Unfinished(o.state, a.domain())
	switch {
	case o.yes:
		return nil
	case err != nil:
		return fmt.Errorf("%w; or say --yes", err)
	case len(others) == 0:
		return nil
	}
	k := others[0]
	return fmt.Errorf("another rotation of %s has not come to its end: %s, from %s to %s, is at %s: go on with that one first, put its file out of the way if it is given up, or say --yes",
		a.domain(), k.Path, k.Rotation.From, k.Rotation.To, k.Rotation.Stage)
}

// begun is the rotation that this call works on: the one that is kept, or one that begins.
func (o *rotateOptions) begun(ctx context.Context, p *publish.Publisher, a *asked, kept publish.Rotation, found bool) (r publish.Rotation, err error) {
	switch {
	case found && kept.Stage != publish.Retired:
		r = kept
	case found:
		r, err = o.again(ctx, p, a, kept)
	case a.given:
		r = a.named
	default:
		r, err = o.standing(ctx, p, a)
	}
	if all := !a.given && r.Began.IsZero(); err == nil && !all {
		o.beside(ctx, p, a, &r)
	}
	return r, err
}

// again is a rotation that is over; or one that begins anew, where the keys have gone back
// since: the old one stands where it was retired, and the new one nowhere.
func (o *rotateOptions) again(ctx context.Context, p *publish.Publisher, a *asked, kept publish.Rotation) (publish.Rotation, error) {
	now, err := a.named, error(nil)
	if !a.given {
		now = kept
	}
	var old, next []publish.Entry
	for _, s := range now.Swaps {
		old, next = append(old, s.Old), append(next, s.New)
	}
	left, troubles := p.Standing(ctx, next)
	back, more := p.Standing(ctx, old)
	if err := errors.Join(append(troubles, more...)...); err != nil {
		return a.named, err // an *Error is in it
	}
	if len(left) > 0 || len(back) == 0 {
		return kept, o.continues(a, &kept)
	}
	if err = o.alone(a); err == nil && !a.given {
		now, err = o.standing(ctx, p, a)
	}
	o.over, o.aside = stamp(kept.Began), publish.Aside(o.state, o.now())
	return now, err
}

// saver keeps the rotation in a file; what an earlier one left there is put aside first.
func (o *rotateOptions) saver(file *publish.StateFile) func(publish.Rotation) error {
	aside := false
	return func(r publish.Rotation) error {
		if o.aside != "" && !aside {
			if err := file.PutAside(o.aside); err != nil {
				return err
			}
			aside = true
		}
		return file.Save(r)
	}
}
