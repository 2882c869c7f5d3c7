package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cnfd/acme"
)

func orderPages(t *testing.T, s acme.Store) {
	order := func(id, account string, state acme.OrderState, second int) *acme.Order {
		return &acme.Order{ID: id, Account: account, State: state, Created: day.Add(time.Duration(second) * time.Second)}
	}
	puts(t, s, putOrder,
		order("z", "a", acme.OrderOpen, 0), order("d", "a", acme.OrderValid, 5), order("c", "a", acme.OrderProcessing, 5), order("b", "a", acme.OrderOpen, 5),
		order("a", "a", acme.OrderValid, 9), order("bad", "a", acme.OrderInvalid, 5), order("other", "b", acme.OrderOpen, 5),
		&acme.Order{ID: "nano", Account: "a", State: acme.OrderOpen, Created: day.Add(9*time.Second - 1).In(time.FixedZone("", -7200))})
	for _, tc := range []struct {
		account, after string
		most           int
		want           string
	}{
		{"a", "", 10, "z b c d nano a "},
		{"a", "", 2, "z b "},
		{"a", "b", 2, "c d "},
		{"a", "bad", 1, "c "}, // which has become invalid since it was seen
		{"a", "d", 9, "nano a "},
		{"a", "a", 9, ""},
		{"b", "", 9, "other "},
		{"c", "", 9, ""},
		{"a", "", 0, ""},
	} {
		got := ids(reads(t, s, func(tx acme.Tx) ([]*acme.Order, error) { return tx.Orders(tc.account, tc.after, tc.most) }), orderID)
		if got != tc.want {
			t.Errorf("%d of %s after %q: %s, want %s", tc.most, tc.account, tc.after, got, tc.want)
		}
	}
	for _, none := range []string{"nobody's", "other"} {
		if err := s.View(t.Context(), func(tx acme.Tx) error { _, err := tx.Orders("a", none, 9); return err }); !errors.Is(err, acme.ErrNotFound) {
			t.Errorf("after %q, which is no order of the account: %v", none, err)
		}
	}
}

func openOrders(t *testing.T, s acme.Store) {
	open := func() string {
		return ids(reads(t, s, func(tx acme.Tx) ([]*acme.Order, error) { return tx.OpenOrders("a") }), orderID)
	}
	count := func(account string) int {
		return reads(t, s, func(tx acme.Tx) (int, error) { return tx.OpenCount(account, day) })
	}
	for i, state := range []acme.OrderState{acme.OrderInvalid, acme.OrderOpen, acme.OrderProcessing, acme.OrderValid} {
		puts(t, s, putOrder, &acme.Order{ID: fmt.Sprint(i), Account: "a", State: state, Expires: day.Add(1)}, &acme.Order{ID: fmt.Sprint("b", i), Account: "b", State: state, Expires: day})
	}
	if got := open(); got != "1 2 " {
		t.Errorf("open: %s", got)
	}
	if a, b, c := count("a"), count("b"), count("c"); a != 2 || b != 0 || c != 0 {
		t.Errorf("there are %d, of whom all has expired %d, of nobody %d", a, b, c)
	}
	puts(t, s, putOrder, &acme.Order{ID: "1", Account: "a", State: acme.OrderInvalid}, &acme.Order{ID: "2", Account: "a", State: acme.OrderValid})
	if got := open(); got != "" {
		t.Errorf("open after their end: %s", got)
	}
}

func ordersOf(t *testing.T, s acme.Store) {
	o := func(id string, state acme.OrderState, of ...string) *acme.Order {
		return &acme.Order{ID: id, Account: "a", State: state, Authorizations: of}
	}
	puts(t, s, putOrder, o("1", acme.OrderInvalid, "z"), o("2", acme.OrderOpen, "y", "z"), o("3", acme.OrderValid, "y"), o("4", acme.OrderProcessing))
	for of, want := range map[string]string{"z": "1 2 ", "y": "2 3 ", "x": "", "": ""} {
		if got := ids(reads(t, s, func(tx acme.Tx) ([]*acme.Order, error) { return tx.OrdersOf(of) }), orderID); got != want {
			t.Errorf("of %q: %s, want %s", of, got, want)
		}
	}
}

func overdue(t *testing.T, s acme.Store) {
	o := func(id string, state acme.OrderState, lease time.Duration) *acme.Order {
		return &acme.Order{ID: id, State: state, Lease: day.Add(lease)}
	}
	puts(t, s, putOrder, o("late", acme.OrderProcessing, -1), o("later", acme.OrderProcessing, -time.Hour), o("at", acme.OrderProcessing, 0), o("in time", acme.OrderProcessing, 1),
		o("open", acme.OrderOpen, -time.Hour), o("valid", acme.OrderValid, -time.Hour), o("invalid", acme.OrderInvalid, -time.Hour),
		o("at horizon", acme.OrderProcessing, time.Hour), o("set back", acme.OrderProcessing, time.Hour+1), o("open ahead", acme.OrderOpen, 2*time.Hour),
		&acme.Order{ID: "none", State: acme.OrderProcessing})
	got := func(most int) string {
		return ids(reads(t, s, func(tx acme.Tx) ([]*acme.Order, error) { return tx.Overdue(day, day.Add(time.Hour), most) }), orderID)
	}
	if all, two, none := got(9), got(2), got(0); all != "none later late at set back " || two != "none later " || none != "" {
		t.Errorf("all: %s; two: %s; none: %s", all, two, none)
	}
	puts(t, s, putOrder, o("late", acme.OrderProcessing, time.Minute), o("later", acme.OrderValid, -time.Hour), o("open", acme.OrderProcessing, -1))
	if all := got(9); all != "none open at set back " {
		t.Errorf("after some were taken up: %s", all)
	}
}

// orderChanges: which authorizations an order rests on is what was put last, whatever was read before, also in one Update.
func orderChanges(t *testing.T, s acme.Store) {
	o := func(of ...string) *acme.Order {
		return &acme.Order{ID: "o", Account: "a", Authorizations: of, Expires: day}
	}
	of := func(tx acme.Tx, authorization string) int {
		all, err := tx.OrdersOf(authorization)
		if err != nil {
			t.Error(err)
		}
		return len(all)
	}
	is := func(tx acme.Tx, want ...string) {
		for _, id := range []string{"x", "y"} {
			n := 0
			if slices.Contains(want, id) {
				n = 1
			}
			if got := of(tx, id); got != n {
				t.Errorf("%d orders rest on %s; it should be %v", got, id, want)
			}
		}
	}
	update(t, s, func(tx acme.Tx) error {
		err := tx.PutOrder(o("x"))
		is(tx, "x")
		err2 := tx.PutOrder(o("y"))
		is(tx, "y")
		err3 := tx.PutOrder(o("x"))
		is(tx, "x")
		err4 := tx.PutOrder(o("y"))
		is(tx, "y")
		return errors.Join(err, err2, err3, err4)
	})
	update(t, s, func(tx acme.Tx) error {
		got, err := tx.Order("o")
		if err != nil {
			return err
		}
		got.Authorizations[0] = "x" // the caller's own copy
		err = tx.PutOrder(got)
		is(tx, "x")
		return err
	})
	update(t, s, func(tx acme.Tx) error {
		if _, err := tx.Order("o"); err != nil {
			return err
		}
		n, err := tx.Prune(day.Add(1), 9)
		is(tx)
		err2 := tx.PutOrder(o("x"))
		is(tx, "x")
		if n != 1 {
			t.Errorf("%d were dropped", n)
		}
		return errors.Join(err, err2)
	})
	view(t, s, func(tx acme.Tx) error { is(tx, "x"); return nil })
}

func unfinished(t *testing.T, s acme.Store) {
	z := func(id string, status acme.Status, leases ...time.Duration) *acme.Authorization {
		a := &acme.Authorization{ID: id, Status: acme.Pending}
		for _, lease := range leases {
			a.Challenges = append(a.Challenges, acme.Challenge{Status: status, Lease: day.Add(lease)})
		}
		return a
	}
	mixed := z("mixed", acme.Processing, 1, -2)
	mixed.Challenges = append(mixed.Challenges, acme.Challenge{Status: acme.Invalid, Lease: day.Add(-time.Hour)})
	puts(t, s, acme.Tx.PutAuthorization, mixed, z("at", acme.Processing, 0), z("in time", acme.Processing, 1), z("late", acme.Processing, -time.Minute),
		z("pending", acme.Pending, -1), z("valid", acme.Valid, -1), z("invalid", acme.Invalid, -1), z("none", acme.Processing),
		z("at horizon", acme.Processing, time.Hour), z("set back", acme.Processing, time.Minute, time.Hour+1), z("valid ahead", acme.Valid, 2*time.Hour))
	got := func(most int) string {
		return ids(reads(t, s, func(tx acme.Tx) ([]*acme.Authorization, error) { return tx.Unfinished(day, day.Add(time.Hour), most) }), authzID)
	}
	if all, one := got(9), got(1); all != "late mixed at set back " || one != "late " {
		t.Errorf("all: %s; one: %s", all, one)
	}
	puts(t, s, acme.Tx.PutAuthorization, z("late", acme.Invalid, -time.Minute), z("at", acme.Processing, time.Minute))
	if all := got(9); all != "mixed set back " {
		t.Errorf("after one was taken up and one ended: %s", all)
	}
}

func prune(t *testing.T, s acme.Store) {
	const pruned = time.Hour
	expires := func(after time.Duration) time.Time { return day.Add(after) }
	fill := func() {
		puts(t, s, putOrder,
			&acme.Order{ID: "ended", Account: "a", State: acme.OrderValid, Expires: expires(-3), Authorizations: []string{"of ended", "of both"}},
			&acme.Order{ID: "invalid", Account: "a", Expires: expires(-2)},
			&acme.Order{ID: "abandoned", Account: "a", State: acme.OrderOpen, Expires: expires(-1)},
			&acme.Order{ID: "at", Account: "a", State: acme.OrderOpen, Expires: expires(0), Authorizations: []string{"of both"}},
			&acme.Order{ID: "in work", Account: "a", State: acme.OrderProcessing, Expires: expires(-pruned), Authorizations: []string{"of work"}},
			&acme.Order{ID: "endless", Account: "a", State: acme.OrderOpen})
		for i, id := range []string{"of ended", "of both", "of work", "ahead"} {
			puts(t, s, acme.Tx.PutAuthorization, &acme.Authorization{ID: id, Status: acme.Valid, Expires: expires(time.Duration(i - 9))})
		}
		puts(t, s, acme.Tx.PutAuthorization, &acme.Authorization{ID: "young", Expires: expires(0)})
	}
	fill()
	update(t, s, func(tx acme.Tx) error {
		return errors.Join(tx.Reserve(&acme.Reservation{Serial: "1", Order: "ended"}), tx.PutKeyUse(&acme.KeyUse{Thumbprint: "k", Account: "a"}),
			tx.PutCertificate(&acme.Certificate{Serial: "1", Order: "ended", NotAfter: day.AddDate(-9, 0, 0)}), tx.PutAccount(&acme.Account{ID: "a"}), tx.PutBlob("b", nil))
	})
	left := func() (left string) {
		view(t, s, func(tx acme.Tx) error {
			for _, id := range []string{"ended", "invalid", "abandoned", "at", "in work", "endless"} {
				if _, err := tx.Order(id); err == nil {
					left += id + ", "
				} else if !errors.Is(err, acme.ErrNotFound) {
					return err
				}
			}
			left += "and "
			for _, id := range []string{"of ended", "of both", "of work", "ahead", "young"} {
				if _, err := tx.Authorization(id); err == nil {
					left += id + ", "
				} else if !errors.Is(err, acme.ErrNotFound) {
					return err
				}
			}
			_, err1 := tx.Reservation("1")
			_, err2 := tx.KeyUse("k")
			_, err3 := tx.Certificate("1")
			_, err4 := tx.Account("a")
			_, err5 := tx.Blob("b")
			return errors.Join(err1, err2, err3, err4, err5)
		})
		return left
	}
	for _, step := range []struct {
		most, dropped int
		left          string
	}{
		{0, 0, "ended, invalid, abandoned, at, in work, endless, and of ended, of both, of work, ahead, young, "},
		{2, 2, "abandoned, at, in work, endless, and of ended, of both, of work, ahead, young, "},
		{2, 2, "at, in work, endless, and of both, of work, ahead, young, "},
		{9, 1, "at, in work, endless, and of both, of work, young, "},
		{9, 0, "at, in work, endless, and of both, of work, young, "},
	} {
		n := 0
		update(t, s, func(tx acme.Tx) (err error) { n, err = tx.Prune(day, step.most); return err })
		if got := left(); n != step.dropped || got != step.left {
			t.Errorf("at most %d: %d are dropped, and there are %s, want %d, %s", step.most, n, got, step.dropped, step.left)
		}
	}
	// An order that comes to name others lets go of those that it named.
	puts(t, s, putOrder, &acme.Order{ID: "at", Account: "a", State: acme.OrderOpen, Expires: expires(0), Authorizations: []string{"young"}})
	update(t, s, func(tx acme.Tx) error { _, err := tx.Prune(day.Add(1), 1); return err }) // the order
	update(t, s, func(tx acme.Tx) error { _, err := tx.Prune(day.Add(1), 9); return err })
	if got := left(); got != "in work, endless, and of work, " {
		t.Errorf("in the end there are %s", got)
	}
}
