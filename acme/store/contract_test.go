package store

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"cnfd/acme"
)

// testStore holds a Store to what acme.Store promises; open returns an empty one, which ends with the test.
func testStore(t *testing.T, open func(t *testing.T) acme.Store) {
	for claim, test := range map[string]func(*testing.T, acme.Store){
		"what is put comes back whole":                               wholeThings,
		"what is not there is not found, and that ends nothing":      absentThings,
		"what a Tx returns and is given is the caller's own":         copies,
		"an Update whose f has an error leaves nothing":              errorLeavesNothing,
		"an Update whose f panics, or ends its goroutine, the same":  panicLeavesNothing,
		"a failed statement ends the transaction":                    failureEnds,
		"a Tx does nothing after its end":                            afterTheEnd,
		"a View writes nothing":                                      viewsWriteNothing,
		"Updates lose nothing of each other":                         increments,
		"no Update comes between what another reads and writes":      nothingBetween,
		"a View is of one instant":                                   oneInstant,
		"an Update is not seen before its end":                       unseen,
		"an ended context ends a transaction":                        endedContext,
		"accounts come by id":                                        accountsByID,
		"a key's use is never forgotten, and never another's":        keyUses,
		"external accounts and grants":                               externals,
		"orders come oldest first, page by page, ties too":           orderPages,
		"open orders are those in two states":                        openOrders,
		"an authorization has the orders that name it":               ordersOf,
		"overdue orders are those in progress whose lease is over":   overdue,
		"live authorizations are pending or valid, and not at end":   live,
		"made ahead are the valid ones of an identifier":             ahead,
		"an order rests on what was put last":                        orderChanges,
		"unfinished authorizations have a challenge left lying":      unfinished,
		"a serial is reserved once, for ever":                        reservedOnce,
		"certificates come by issue, page by page, ties too":         certificatePages,
		"certificates are chosen by every field of a Filter":         certificateFilter,
		"a blob is what it was first":                                blobs,
		"the newest revocation list stays":                           newestList,
		"nonces are taken out once":                                  noncesOnce,
		"Prune drops what has ended, in bounds, and nothing besides": prune,
	} {
		t.Run(claim, func(t *testing.T) { test(t, open(t)) })
	}
}

// day is what the tests count from.
var day = time.Date(2026, 11, 22, 6, 40, 0, 123456789, time.UTC)

func update(t *testing.T, s acme.Store, f func(acme.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s acme.Store, f func(acme.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// puts puts several things.
func puts[T any](t *testing.T, s acme.Store, put func(acme.Tx, T) error, all ...T) {
	t.Helper()
	update(t, s, func(tx acme.Tx) error {
		for _, v := range all {
			if err := put(tx, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// reads returns what get gets.
func reads[T any](t *testing.T, s acme.Store, get func(acme.Tx) (T, error)) (v T) {
	t.Helper()
	view(t, s, func(tx acme.Tx) (err error) {
		v, err = get(tx)
		return err
	})
	return v
}

// ids lists things by their names.
func ids[T any](all []T, id func(T) string) (names string) {
	for _, v := range all {
		names += id(v) + " "
	}
	return names
}

func orderID(o *acme.Order) string             { return o.ID }
func accountID(a *acme.Account) string         { return a.ID }
func authzID(a *acme.Authorization) string     { return a.ID }
func serialOf(c *acme.Certificate) string      { return c.Serial }
func putOrder(tx acme.Tx, o *acme.Order) error { return tx.PutOrder(o) }

// putCounter keeps a number in an order; counter reads it.
func putCounter(tx acme.Tx, id string, n int) error {
	return tx.PutOrder(&acme.Order{ID: id, Tries: n})
}

func counter(tx acme.Tx, id string) (int, error) {
	o, err := tx.Order(id)
	if errors.Is(err, acme.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return o.Tries, nil
}

// full fails where a field of what is to come back whole was left out.
func full(t *testing.T, thing any) {
	t.Helper()
	v := reflect.Indirect(reflect.ValueOf(thing))
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%T: give %s a value here", thing, v.Type().Field(i).Name)
		}
	}
}
