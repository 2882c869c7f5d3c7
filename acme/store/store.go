// Package store keeps what an ACME server must not lose: in one SQLite file, which
// several processes may have open at once.
//
// Each thing is a JSON document beside the columns that it is looked for by, so that all
// but sqlite.go speaks of databases in general. What a database does in its own way
// is its dialect.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cnfd/acme"
)

// attempts is how often a transaction is begun anew because another process was in its
// way, each time after the database itself has waited (busyWait).
const attempts = 3

// Store is an acme.Store. It is made by Open, and used by many callers at once.
type Store struct {
	path    string
	version int
	dialect dialect
	// SQLite has one writer at a time. Those of this process queue here, where they are
	// served in turn and leave with their context.
	queue           queue
	writer, readers *pool
}

var _ acme.Store = (*Store)(nil)

// dialect is what a database does in its own way.
type dialect struct {
	// schema puts the database's own words into a migration.
	schema *strings.Replacer
	// read and write begin a transaction: of one instant, and of one that nobody else writes in.
	read, write string
	// again reports whether an error only says that others were in the way.
	again func(error) bool
	// explain says for people what an error means and what to do; "" where it says so itself.
	explain func(error) string
}

// View gives f what is there at one instant. A Tx of a View writes nothing: a Put is an
// error. Until it ends SQLite's log grows, and a View within a View may wait for itself: be brief.
func (s *Store) View(ctx context.Context, f func(acme.Tx) error) error {
	for n := 1; ; n++ {
		again, err := s.read(ctx, f)
		if !again || n == attempts {
			return err
		}
	}
}

// Update carries out all of what f does, or nothing, as acme.Store says. f may be called
// again from the start. An Update within an Update waits for itself until ctx ends. Once f
// has returned, ctx ends nothing any more: what it has done may be kept together with that of others.
func (s *Store) Update(ctx context.Context, f func(acme.Tx) error) error {
	alone := false
	for n := 1; ; n++ {
		again, broken, err := s.write(ctx, alone, f)
		alone = alone || broken
		if !broken && (!again || n >= attempts) { // a broken one may have been the last
			return err
		}
	}
}

// Version returns the version of the schema: how many migrations the file has had.
func (s *Store) Version() int { return s.version }

// Close waits for transactions under way and closes the file.
func (s *Store) Close() error {
	if err := errors.Join(s.readers.close(), s.writer.close()); err != nil {
		return s.wrap(context.Background(), err)
	}
	return nil
}

// read runs f in a transaction that reads; again says that others were in its way.
func (s *Store) read(ctx context.Context, f func(acme.Tx) error) (again bool, err error) {
	if ctx.Err() != nil {
		return false, s.wrap(ctx, ctx.Err())
	}
	l, err := s.readers.take(ctx, s.dialect.read)
	if err != nil {
		return s.dialect.again(err), s.wrap(ctx, err)
	}
	defer func() { // also where f panics
		l.undo()
		s.readers.give(l)
	}()
	t := newTx(ctx, s, l)
	t.view = true
	if err := t.ofVersion(s.version); err != nil {
		return t.again, err
	}
	err = t.run(f)
	return t.again, err
}

// wrap says of an error where it comes from, and what to do about it.
func (s *Store) wrap(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err() // the driver says it in ways of its own
	}
	if what := s.dialect.explain(err); what != "" {
		return fmt.Errorf("acme store: %s: %s: %w", s.path, what, err)
	}
	return fmt.Errorf("acme store: %s: %w", s.path, err)
}
