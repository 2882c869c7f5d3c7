package store

import (
	"errors"
	"slices"
	"time"

	"cnfd/acme"
)

func (t *tx) Order(id string) (*acme.Order, error) {
	o, err := one[acme.Order](t, "order "+id, "SELECT doc FROM orders WHERE id = $1", id)
	if err == nil {
		t.rests[id] = slices.Clone(o.Authorizations)
	}
	return o, err
}

func (t *tx) PutOrder(o *acme.Order) error {
	doc, err := t.doc("order "+o.ID, o)
	if err != nil {
		return err
	}
	rests, there := t.rests[o.ID]
	if !there {
		old, err := t.Order(o.ID)
		if err != nil && !errors.Is(err, acme.ErrNotFound) {
			return err
		}
		if there = err == nil; there {
			rests = old.Authorizations
		}
	}
	lease := column{"lease", nil}
	if o.State == acme.OrderProcessing {
		lease.value = o.Lease.UTC().Format(stampForm) // the zero time too: it has passed
	}
	if err := t.put("orders", column{"id", o.ID}, column{"account", o.Account}, column{"state", int(o.State)},
		column{"created", o.Created.UTC().Format(stampForm)}, column{"expires", stamp(o.Expires)}, lease, doc); err != nil {
		return err
	}
	if there && slices.Equal(rests, o.Authorizations) {
		return nil
	}
	t.rests[o.ID] = slices.Clone(o.Authorizations)
	if there {
		if _, err := t.exec("DELETE FROM order_authorizations WHERE order_id = $1", o.ID); err != nil {
			return err
		}
	}
	for _, id := range o.Authorizations {
		if _, err := t.exec("INSERT INTO order_authorizations (authorization_id, order_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, o.ID); err != nil {
			return err
		}
	}
	return nil
}

// Orders is ErrNotFound where the account has no order of the name after.
func (t *tx) Orders(account, after string, most int) ([]*acme.Order, error) {
	created := ""
	if after != "" {
		if err := t.row("SELECT created FROM orders WHERE id = $1 AND account = $2", []any{after, account}, &created); err != nil {
			return nil, err
		}
	}
	return many[acme.Order](t, "an order", `SELECT doc FROM orders WHERE account = $1 AND state <> 0 AND (created, id) > ($2, $3)
		ORDER BY created, id LIMIT $4`, account, created, after, max(most, 0))
}

// OpenOrders returns them oldest first.
func (t *tx) OpenOrders(account string) ([]*acme.Order, error) {
	return many[acme.Order](t, "an order", "SELECT doc FROM orders WHERE account = $1 AND state IN (1, 2) ORDER BY created, id", account)
}

func (t *tx) OpenCount(account string, now time.Time) (n int, err error) {
	err = t.row("SELECT count(*) FROM orders WHERE account = $1 AND state IN (1, 2) AND expires > $2", []any{account, now.UTC().Format(stampForm)}, &n)
	return n, err
}

// OrdersOf returns them oldest first.
func (t *tx) OrdersOf(authorization string) ([]*acme.Order, error) {
	return many[acme.Order](t, "an order", `SELECT doc FROM orders WHERE id IN
		(SELECT order_id FROM order_authorizations WHERE authorization_id = $1) ORDER BY created, id`, authorization)
}

// Overdue returns first the one of each account whose lease ends first, then the second of each: one account's many
// leave room for others' among the most.
func (t *tx) Overdue(now, horizon time.Time, most int) ([]*acme.Order, error) {
	return many[acme.Order](t, "an order", fairly("orders", "lease <= $1 OR lease > $2"),
		now.UTC().Format(stampForm), horizon.UTC().Format(stampForm), max(most, 0))
}

// fairly is the query for at most $3 of a table, the accounts' in rounds.
func fairly(table, which string) string {
	return "SELECT doc FROM " + table + " JOIN (SELECT id AS chosen, lease AS until, row_number() OVER (PARTITION BY account ORDER BY lease, id) AS round FROM " + table +
		" WHERE " + which + " ORDER BY round, until, chosen LIMIT $3) ON id = chosen ORDER BY round, until, chosen"
}

func (t *tx) Authorization(id string) (*acme.Authorization, error) {
	return one[acme.Authorization](t, "authorization "+id, "SELECT doc FROM authorizations WHERE id = $1", id)
}

func (t *tx) PutAuthorization(a *acme.Authorization) error {
	doc, err := t.doc("authorization "+a.ID, a)
	if err != nil {
		return err
	}
	first, last := column{"lease", nil}, column{"last_lease", nil}
	for _, c := range a.Challenges {
		if c.Status != acme.Processing {
			continue
		}
		at := c.Lease.UTC().Format(stampForm)
		if first.value == nil || at < first.value.(string) {
			first.value = at
		}
		if last.value == nil || at > last.value.(string) {
			last.value = at
		}
	}
	return t.put("authorizations", column{"id", a.ID}, column{"account", a.Account}, column{"identifier", a.Identifier.String()},
		column{"status", string(a.Status)}, column{"ahead", number(a.Ahead)}, column{"expires", stamp(a.Expires)}, first, last, doc)
}

// Live returns them in the order in which they will expire.
func (t *tx) Live(account string, i acme.Identifier, now time.Time) ([]*acme.Authorization, error) {
	which, args := living(account, i, now)
	return many[acme.Authorization](t, "an authorization", "SELECT doc FROM authorizations WHERE "+which+" ORDER BY expires, id", args...)
}

func (t *tx) LiveCount(account string, i acme.Identifier, now time.Time) (n int, err error) {
	which, args := living(account, i, now)
	err = t.row("SELECT count(*) FROM authorizations WHERE "+which, args, &n)
	return n, err
}

// living is the condition of those that live after now; of all identifiers where i is zero.
func living(account string, i acme.Identifier, now time.Time) (which string, args []any) {
	which, args = "account = $1 AND status IN ('pending', 'valid') AND expires > $2", []any{account, now.UTC().Format(stampForm)}
	if i != (acme.Identifier{}) {
		which, args = which+" AND identifier = $3", append(args, i.String())
	}
	return which, args
}

// Ahead returns them in the order in which they will expire.
func (t *tx) Ahead(account string, i acme.Identifier, now time.Time) ([]*acme.Authorization, error) {
	return many[acme.Authorization](t, "an authorization", `SELECT doc FROM authorizations
		WHERE account = $1 AND identifier = $2 AND ahead = 1 AND status = 'valid' AND expires > $3 ORDER BY expires, id`,
		account, i.String(), now.UTC().Format(stampForm))
}

// Unfinished returns them in the order of Overdue.
func (t *tx) Unfinished(now, horizon time.Time, most int) ([]*acme.Authorization, error) {
	return many[acme.Authorization](t, "an authorization", fairly("authorizations", "lease <= $1 OR last_lease > $2"),
		now.UTC().Format(stampForm), horizon.UTC().Format(stampForm), max(most, 0))
}

// Prune drops what expired before then: orders that no process may be working on, and
// authorizations that no order names any more. It returns how many it has dropped.
func (t *tx) Prune(before time.Time, most int) (int, error) {
	clear(t.rests) // what it drops is not there any more
	then := before.UTC().Format(stampForm)
	orders, err := t.exec(`DELETE FROM orders WHERE id IN
		(SELECT id FROM orders WHERE expires < $1 AND state <> 2 ORDER BY expires, id LIMIT $2)`, then, max(most, 0))
	if err != nil {
		return 0, err
	}
	authorizations, err := t.exec(`DELETE FROM authorizations WHERE id IN
		(SELECT id FROM authorizations a WHERE expires < $1 AND NOT EXISTS (SELECT 1 FROM order_authorizations WHERE authorization_id = a.id)
		ORDER BY expires, id LIMIT $2)`, then, max(most-orders, 0))
	if err != nil {
		return 0, err
	}
	return orders + authorizations, nil
}
