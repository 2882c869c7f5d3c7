package store

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"cnfd/acme"
)

// Orphans returns the ids of issuers of which certificates in the store at path live on after now, and
// which are not among those that are there: no revocation list could name these certificates. It
// goes by the issuers of the revocation lists, of which a server makes one for each, and of the newest certificate.
// Nothing is written, and a schema of a former version is left as it is.
func Orphans(ctx context.Context, path string, there []string, now time.Time) (ids []string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, dialect: sqliteWords()}
	db, err := connect(path, "_query_only=1")
	if err != nil {
		return nil, s.wrap(ctx, err)
	}
	readers := newPool(db, 1)
	defer readers.close()
	l, err := readers.take(ctx, s.dialect.read)
	if err != nil {
		return nil, s.wrap(ctx, err)
	}
	defer readers.give(l)
	defer l.undo()
	t := newTx(ctx, s, l)
	t.view = true
	var known []string
	err = t.rows(`SELECT issuer FROM revocation_lists UNION SELECT issuer FROM (SELECT issuer FROM certificates ORDER BY issued DESC, serial DESC LIMIT 1)`, nil,
		func(scan func(...any) error) error {
			known = append(known, "")
			return scan(&known[len(known)-1])
		})
	if err != nil {
		return nil, err
	}
	for _, id := range known {
		if slices.Contains(there, id) {
			continue
		}
		var serial string
		err := t.row("SELECT serial FROM certificates WHERE issuer = $1 AND not_after > $2 LIMIT 1", []any{id, stamp(now)}, &serial)
		switch err {
		case nil:
			ids = append(ids, id)
		case acme.ErrNotFound: // all that it has issued has ended
		default:
			return nil, err
		}
	}
	slices.Sort(ids)
	return ids, nil
}
