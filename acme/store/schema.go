package store

import (
	"context"
	"fmt"
)

// migration brings the schema from one version to the next. One that was released is never changed: a new one is added.
type migration struct {
	name       string
	statements []string
}

// migrations are all there are: the n-th makes version n. Text compares by its octets.
func migrations() []migration {
	return []migration{{"what RFC 8555 needs", []string{
		`CREATE TABLE accounts (id TEXT PRIMARY KEY, doc TEXT NOT NULL)`,
		`CREATE TABLE key_uses (thumbprint TEXT PRIMARY KEY, account TEXT NOT NULL, is_current INTEGER NOT NULL)`,

		`CREATE TABLE orders (id TEXT PRIMARY KEY, account TEXT NOT NULL, state INTEGER NOT NULL, created TEXT NOT NULL,
			expires TEXT, lease TEXT, doc TEXT NOT NULL)`, // lease: while Processing
		`CREATE INDEX orders_of ON orders (account, created, id) WHERE state <> 0`,
		`CREATE INDEX orders_open ON orders (account, expires) WHERE state IN (1, 2)`,
		`CREATE INDEX orders_leased ON orders (lease, id) WHERE lease IS NOT NULL`,
		`CREATE INDEX orders_expiring ON orders (expires, id) WHERE state <> 2`,
		`CREATE TABLE order_authorizations (authorization_id TEXT NOT NULL, order_id TEXT NOT NULL REFERENCES orders ON DELETE CASCADE,
			PRIMARY KEY (authorization_id, order_id))`,
		`CREATE INDEX order_authorizations_of ON order_authorizations (order_id)`,

		`CREATE TABLE authorizations (id TEXT PRIMARY KEY, account TEXT NOT NULL, identifier TEXT NOT NULL, status TEXT NOT NULL,
			ahead INTEGER NOT NULL, expires TEXT, lease TEXT, last_lease TEXT, doc TEXT NOT NULL)`, // of challenges in Processing: the lease that ends first, and last
		`CREATE INDEX authorizations_live ON authorizations (account, identifier, expires) WHERE status IN ('pending', 'valid')`,
		`CREATE INDEX authorizations_ahead ON authorizations (account, identifier, expires) WHERE ahead = 1 AND status = 'valid'`,
		`CREATE INDEX authorizations_leased ON authorizations (lease, id) WHERE lease IS NOT NULL`,
		`CREATE INDEX authorizations_last_leased ON authorizations (last_lease) WHERE last_lease IS NOT NULL`,
		`CREATE INDEX authorizations_expiring ON authorizations (expires, id)`,

		`CREATE TABLE reservations (serial TEXT PRIMARY KEY, doc TEXT NOT NULL)`,
		`CREATE TABLE certificates (serial TEXT PRIMARY KEY, account TEXT NOT NULL, issuer TEXT NOT NULL, key_hash TEXT NOT NULL, issued TEXT NOT NULL,
			not_after TEXT, revoked TEXT, doc TEXT NOT NULL)`,
		`CREATE INDEX certificates_issued ON certificates (issued, serial)`,
		// not_after at the end: what has ended is passed over without a look at the row.
		`CREATE INDEX certificates_of ON certificates (account, issued, serial, not_after)`,
		`CREATE INDEX certificates_ending ON certificates (issuer, not_after)`,
		`CREATE INDEX certificates_revoked ON certificates (issuer, issued, serial, not_after) WHERE revoked IS NOT NULL`,
		`CREATE INDEX certificates_of_keys ON certificates (key_hash, issued, serial) WHERE revoked IS NOT NULL`,
		`CREATE TABLE certificate_names (name TEXT NOT NULL, serial TEXT NOT NULL REFERENCES certificates ON DELETE CASCADE, PRIMARY KEY (name, serial))`,
		`CREATE INDEX certificate_names_of ON certificate_names (serial)`,
		`CREATE TABLE blobs (id TEXT PRIMARY KEY, octets BLOB NOT NULL)`,
		`CREATE TABLE revocation_lists (issuer TEXT PRIMARY KEY, number BIGINT NOT NULL, doc TEXT NOT NULL)`,

		`CREATE TABLE external_accounts (kid TEXT PRIMARY KEY, doc TEXT NOT NULL)`,
		`CREATE TABLE grants (account TEXT NOT NULL, domain TEXT NOT NULL, PRIMARY KEY (account, domain))`,
		`CREATE TABLE nonces (doc TEXT NOT NULL)`, // many a row
	}}}
}

// migrate brings the file to the newest version, one transaction a version: what is
// interrupted leaves the version before it. A file of a version that is not known is refused.
func (s *Store) migrate(ctx context.Context, all []migration) error {
	for n := 1; ; {
		version, err := s.migrateOnce(ctx, all)
		if s.dialect.again(err) && n < attempts { // another process may be migrating
			n++
			continue
		}
		if err != nil {
			return err
		}
		if version == len(all) {
			s.version = version
			return nil
		}
	}
}

// migrateOnce carries out the next migration, if there is one, and returns the version that is there then.
func (s *Store) migrateOnce(ctx context.Context, all []migration) (version int, err error) {
	l, err := s.writer.take(ctx, s.dialect.write)
	if err != nil {
		return 0, s.wrap(ctx, err)
	}
	defer s.writer.give(l)
	defer l.undo()
	t := newTx(ctx, s, l)
	if _, err := t.exec("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)"); err != nil {
		return 0, err
	}
	if err := t.row("SELECT coalesce(max(version), 0) FROM migrations", nil, &version); err != nil {
		return 0, err
	}
	if version > len(all) {
		return 0, t.fail(fmt.Errorf("it is of version %d of its schema, and this program knows versions to %d: use the newer release that made it, or restore a backup from before", version, len(all)))
	}
	if version == len(all) {
		return version, nil
	}
	next := all[version]
	for _, statement := range next.statements {
		if _, err := t.exec(s.dialect.schema.Replace(statement)); err != nil {
			return 0, fmt.Errorf("migration %d (%s): %w", version+1, next.name, err)
		}
	}
	if _, err := t.exec("INSERT INTO migrations (version, name) VALUES ($1, $2)", version+1, next.name); err != nil {
		return 0, err
	}
	if err := l.do(ctx, "COMMIT"); err != nil {
		return 0, s.wrap(ctx, err)
	}
	return version + 1, nil
}
