package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cnfd/acme"
)

// tx is an acme.Tx. Once a statement has failed none is carried out any more: the
// database may have ended the transaction, and would keep a later one for itself.
type tx struct {
	ctx   context.Context
	link  *link
	store *Store
	view  bool
	ended error // why it has ended; nil while it has not
	again bool  // it ended because others were in its way

	// rests is which authorizations an order rests on, of those that were read or put.
	rests map[string][]string

	wrote  bool // or tried to
	failed bool // the database has failed at a statement: who knows what is left of the transaction
}

var _ acme.Tx = (*tx)(nil)

var (
	errEnded = errors.New("acme store: a transaction was used after its end")
	errView  = errors.New("a View writes nothing: use an Update")
)

func newTx(ctx context.Context, s *Store, l *link) *tx {
	return &tx{ctx: ctx, link: l, store: s, rests: map[string][]string{}}
}

// run calls f. Errors that it has overlooked count too.
func (t *tx) run(f func(acme.Tx) error) error {
	defer func() { t.ended = errEnded }()
	if err := f(t); err != nil {
		return err
	}
	if t.ended == nil && t.ctx.Err() != nil {
		return t.fail(t.ctx.Err())
	}
	return t.ended
}

// fail ends the transaction.
func (t *tx) fail(err error) error {
	t.ended, t.again = t.store.wrap(t.ctx, err), t.store.dialect.again(err)
	return t.ended
}

// ofVersion fails where the file has been migrated by another program since it was opened.
func (t *tx) ofVersion(version int) error {
	var now int
	if err := t.row("SELECT max(version) FROM migrations", nil, &now); err != nil {
		return err
	}
	if now != version {
		return t.fail(fmt.Errorf("it has been brought to version %d of its schema, and was opened at version %d: start this program again, in its newest release", now, version))
	}
	return nil
}

// statement prepares one, where the transaction and its context go on. The statement itself does not look at the context
// then: none takes long, and the driver would have a goroutine look after each.
func (t *tx) statement(text string) (*sql.Stmt, error) {
	if t.ended != nil {
		return nil, t.ended
	}
	if err := t.ctx.Err(); err != nil {
		return nil, t.fail(err)
	}
	s, err := t.link.statement(text)
	if err != nil {
		return nil, t.broken(err)
	}
	return s, nil
}

// broken ends the transaction because the database has failed at a statement.
func (t *tx) broken(err error) error {
	t.failed = true
	return t.fail(err)
}

// exec returns how many rows a statement has changed.
func (t *tx) exec(statement string, args ...any) (int, error) {
	if t.view && t.ended == nil {
		return 0, t.fail(errView)
	}
	s, err := t.statement(statement)
	if err != nil {
		return 0, err
	}
	t.wrote = true
	result, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, t.broken(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.broken(err)
	}
	return int(n), nil
}

// row reads the one row that a query has.
func (t *tx) row(query string, args []any, into ...any) error {
	s, err := t.statement(query)
	if err != nil {
		return err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return acme.ErrNotFound
	}
	if err != nil {
		return t.broken(err)
	}
	return nil
}

// rows calls each for every row that a query has; a statement of its own would wait for the query.
func (t *tx) rows(query string, args []any, each func(scan func(into ...any) error) error) error {
	s, err := t.statement(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return t.broken(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return t.fail(err)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return t.broken(err)
	}
	return nil
}

// one reads the document that a query has. what is for people.
func one[T any](t *tx, what, query string, args ...any) (*T, error) {
	var doc []byte
	if err := t.row(query, args, &doc); err != nil {
		return nil, err
	}
	v := new(T)
	if json.Unmarshal(doc, v) != nil {
		return nil, t.fail(damaged(what))
	}
	return v, nil
}

// many reads the documents that a query has.
func many[T any](t *tx, what, query string, args ...any) ([]*T, error) {
	var all []*T
	err := t.rows(query, args, func(scan func(...any) error) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		v := new(T)
		if json.Unmarshal(doc, v) != nil {
			return damaged(what)
		}
		all = append(all, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// damaged tells nothing of what is wrong with a document: it may hold a secret.
func damaged(what string) error {
	return fmt.Errorf("%s: what was kept of it is damaged: restore a backup", what)
}

// column is one of a row to be put.
type column struct {
	name  string
	value any
}

// put inserts a row, or replaces the one that has the same first column.
func (t *tx) put(table string, row ...column) error {
	names, marks, sets, values := make([]string, len(row)), make([]string, len(row)), make([]string, len(row)), make([]any, len(row))
	for i, c := range row {
		names[i], values[i] = c.name, c.value
		marks[i] = fmt.Sprintf("$%d", i+1)
		sets[i] = c.name + " = excluded." + c.name
	}
	_, err := t.exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+
		") ON CONFLICT ("+names[0]+") DO UPDATE SET "+strings.Join(sets[1:], ", "), values...)
	return err
}

// doc returns a thing's document for put.
func (t *tx) doc(what string, thing any) (column, error) {
	if t.ended != nil {
		return column{}, t.ended
	}
	text, err := json.Marshal(thing)
	if err != nil {
		return column{}, t.fail(fmt.Errorf("%s: it cannot be kept: %w", what, err))
	}
	return column{"doc", string(text)}, nil
}

// stampForm is how a time is written, in UTC: the order of the texts is that of the times.
const stampForm = "2006-01-02T15:04:05.000000000Z"

// stamp writes a time; the zero time is nil, which is neither before nor after another.
func stamp(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(stampForm)
}
