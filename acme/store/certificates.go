package store

import (
	"fmt"
	"strings"

	"cnfd/acme"
)

func (t *tx) Reserve(r *acme.Reservation) error {
	doc, err := t.doc("serial "+r.Serial, r)
	if err != nil {
		return err
	}
	// A certificate that was put without a reservation has used its serial too.
	n, err := t.exec(`INSERT INTO reservations (serial, doc) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM certificates WHERE serial = $1)
		ON CONFLICT DO NOTHING`, r.Serial, doc.value)
	if err == nil && n == 0 {
		return acme.ErrExists
	}
	return err
}

func (t *tx) Reservation(serial string) (*acme.Reservation, error) {
	return one[acme.Reservation](t, "serial "+serial, "SELECT doc FROM reservations WHERE serial = $1", serial)
}

func (t *tx) Certificate(serial string) (*acme.Certificate, error) {
	return one[acme.Certificate](t, "certificate "+serial, "SELECT doc FROM certificates WHERE serial = $1", serial)
}

func (t *tx) PutCertificate(c *acme.Certificate) error {
	doc, err := t.doc("certificate "+c.Serial, c)
	if err != nil {
		return err
	}
	if err := t.put("certificates", column{"serial", c.Serial}, column{"account", c.Account}, column{"issuer", c.Issuer}, column{"key_hash", c.KeyHash},
		column{"issued", c.Issued.UTC().Format(stampForm)}, column{"not_after", stamp(c.NotAfter)}, column{"revoked", stamp(c.Revoked)}, doc); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM certificate_names WHERE serial = $1", c.Serial); err != nil {
		return err
	}
	for _, i := range c.Identifiers {
		for _, name := range []string{i.Value, i.Base().Value} {
			if _, err := t.exec("INSERT INTO certificate_names (name, serial) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, c.Serial); err != nil {
				return err
			}
		}
	}
	return nil
}

// Certificates goes on behind the serial after; it is ErrNotFound where there is no such certificate.
func (t *tx) Certificates(f acme.Filter, after string, most int) ([]*acme.Certificate, error) {
	var which []string
	var args []any
	only := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		which = append(which, condition)
	}
	issued := ""
	if after != "" {
		if err := t.row("SELECT issued FROM certificates WHERE serial = $1", []any{after}, &issued); err != nil {
			return nil, err
		}
	}
	only("(issued, serial) > (?, ?)", issued, after)
	if f.Account != "" {
		only("account = ?", f.Account)
	}
	if f.Issuer != "" {
		only("issuer = ?", f.Issuer)
	}
	if f.KeyHash != "" {
		only("key_hash = ?", f.KeyHash)
	}
	if f.Domain != "" {
		only("serial IN (SELECT serial FROM certificate_names WHERE name = ?)", f.Domain)
	}
	if f.Revoked {
		only("revoked IS NOT NULL")
	}
	if !f.Alive.IsZero() {
		only("not_after > ?", stamp(f.Alive))
	}
	args = append(args, max(most, 0))
	return many[acme.Certificate](t, "a certificate", fmt.Sprintf("SELECT doc FROM certificates WHERE %s ORDER BY issued, serial LIMIT $%d", strings.Join(which, " AND "), len(args)), args...)
}

func (t *tx) Blob(id string) ([]byte, error) {
	var octets []byte
	err := t.row("SELECT octets FROM blobs WHERE id = $1", []any{id}, &octets)
	return octets, err
}

func (t *tx) PutBlob(id string, b []byte) error {
	if b == nil {
		b = []byte{} // nil would be NULL
	}
	_, err := t.exec("INSERT INTO blobs (id, octets) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, b)
	return err
}

func (t *tx) CRL(issuer string) (*acme.CRL, error) {
	return one[acme.CRL](t, "revocation list of "+issuer, "SELECT doc FROM revocation_lists WHERE issuer = $1", issuer)
}

// PutCRL does nothing where there is a list with a greater number.
func (t *tx) PutCRL(c *acme.CRL) error {
	doc, err := t.doc("revocation list of "+c.Issuer, c)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO revocation_lists (issuer, number, doc) VALUES ($1, $2, $3)
		ON CONFLICT (issuer) DO UPDATE SET number = excluded.number, doc = excluded.doc WHERE excluded.number >= revocation_lists.number`,
		c.Issuer, c.Number, doc.value)
	return err
}
