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
	sql   *sql.Tx
	store *Store
	view  bool
	ended error // why it has ended; nil while it has not
	again bool  // it ended because others were in its way
}

var _ acme.Tx = (*tx)(nil)

var (
	errEnded = errors.New("acme store: a transaction was used after its end")
	errView  = errors.New("a View writes nothing: use an Update")
)

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

// exec returns how many rows a statement has changed.
func (t *tx) exec(statement string, args ...any) (int, error) {
	if t.ended != nil {
		return 0, t.ended
	}
	if t.view {
		return 0, t.fail(errView)
	}
	result, err := t.sql.ExecContext(t.ctx, statement, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, t.fail(err)
	}
	return int(n), nil
}

// row reads the one row that a query has.
func (t *tx) row(query string, args []any, into ...any) error {
	if t.ended != nil {
		return t.ended
	}
	err := t.sql.QueryRowContext(t.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return acme.ErrNotFound
	}
	if err != nil {
		return t.fail(err)
	}
	return nil
}

// rows calls each for every row that a query has; a statement of its own would wait for the query.
func (t *tx) rows(query string, args []any, each func(scan func(into ...any) error) error) error {
	if t.ended != nil {
		return t.ended
	}
	rows, err := t.sql.QueryContext(t.ctx, query, args...)
	if err != nil {
		return t.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return t.fail(err)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return t.fail(err)
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
