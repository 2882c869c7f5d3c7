package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
)

// A link is one connection to the database, with the statements that were prepared on
// it: to prepare one costs as much as to carry it out. There are as many as there are
// texts in this package, whose values are all parameters.
type link struct {
	pool     *pool
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	unsound  bool // it is closed, and not used again
}

// statement prepares what was not prepared yet.
func (l *link) statement(text string) (*sql.Stmt, error) {
	if s := l.prepared[text]; s != nil {
		return s, nil
	}
	s, err := l.conn.PrepareContext(context.Background(), text)
	if err == nil {
		l.prepared[text] = s
	}
	return s, err
}

// do carries out a statement that has no values and no rows.
func (l *link) do(ctx context.Context, text string) error {
	s, err := l.statement(text)
	if err == nil {
		_, err = s.ExecContext(ctx)
	}
	return err
}

// undo ends a transaction without a trace. Where that fails the database may have done so itself, after an error:
// nobody knows for sure, and the connection is not used again.
func (l *link) undo() {
	if l.do(context.Background(), "ROLLBACK") != nil {
		l.unsound = true
	}
}

// A pool is of links to one database, up to as many as its turns; one more waits. What needs no transaction goes to the DB.
type pool struct {
	*sql.DB
	turns chan struct{}

	mu   sync.Mutex // guards what follows
	idle []*link    // what was used last is used next: it has more in memory
}

func newPool(db *sql.DB, most int) *pool { return &pool{DB: db, turns: make(chan struct{}, most)} }

// take begins a transaction, by the database's words for it; the link goes back by give. ctx ends the wait for it, and no more.
func (p *pool) take(ctx context.Context, words string) (*link, error) {
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l, err := p.link(ctx)
	if err != nil {
		<-p.turns
		return nil, err
	}
	if err := l.do(ctx, words); err != nil {
		l.unsound = true // it may have begun all the same
		p.give(l)
		return nil, err
	}
	return l, nil
}

// link returns one whose transaction is to begin.
func (p *pool) link(ctx context.Context) (*link, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		defer p.mu.Unlock()
		l := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return l, nil
	}
	p.mu.Unlock()
	conn, err := p.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &link{pool: p, conn: conn, prepared: map[string]*sql.Stmt{}}, nil
}

// give takes back a link whose transaction has ended.
func (p *pool) give(l *link) {
	if l.unsound {
		l.close()
	} else {
		p.mu.Lock()
		p.idle = append(p.idle, l)
		p.mu.Unlock()
	}
	<-p.turns
}

// close ends the connection, and with it whatever was not kept. While a statement is there SQLite keeps the file open.
func (l *link) close() {
	for _, s := range l.prepared {
		s.Close()
	}
	l.conn.Raw(func(any) error { return driver.ErrBadConn }) // which has it closed
	l.conn.Close()
}

// close waits for transactions under way; later ones have an error.
func (p *pool) close() error {
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	for _, l := range p.idle {
		l.close()
	}
	p.idle = nil
	err := p.Close()
	for range cap(p.turns) {
		<-p.turns
	}
	return err
}
