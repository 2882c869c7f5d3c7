package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cnfd/acme"
)

// BenchmarkUpdate is an order as a client makes one: read its account, put two authorizations and the order. It waits for the disk.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d callers", callers), func(b *testing.B) {
			s := opened(b, filepath.Join(b.TempDir(), "acme.db"))
			fillFor(b, s, 0)
			b.SetParallelism(callers)
			next := make(chan int, 1)
			next <- 0
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := <-next
					next <- n + 1
					if err := s.Update(b.Context(), func(tx acme.Tx) error { return putNew(tx, n) }); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

// BenchmarkView is a poll: an order, its account and its authorizations, of 10,000 orders.
func BenchmarkView(b *testing.B) {
	s := opened(b, filepath.Join(b.TempDir(), "acme.db"))
	fillFor(b, s, 10_000)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			err := s.View(b.Context(), func(tx acme.Tx) error {
				if _, err := tx.Account("a"); err != nil {
					return err
				}
				o, err := tx.Order(fmt.Sprint(n % 10_000))
				for i := 0; err == nil && i < len(o.Authorizations); i++ {
					_, err = tx.Authorization(o.Authorizations[i])
				}
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "views/s")
}

// fillFor puts an account and some orders of it.
func fillFor(b *testing.B, s *Store, orders int) {
	b.Helper()
	err := s.Update(b.Context(), func(tx acme.Tx) error {
		if err := tx.PutAccount(&acme.Account{ID: "a", Key: make([]byte, 200)}); err != nil {
			return err
		}
		for n := range orders {
			if err := putNew(tx, n); err != nil {
				return err
			}
		}
		return nil
	})
	must(b, err)
}

func putNew(tx acme.Tx, n int) error {
	if _, err := tx.Account("a"); err != nil {
		return err
	}
	o := &acme.Order{ID: fmt.Sprint(n), Account: "a", State: acme.OrderOpen, Created: day.Add(time.Duration(n) * time.Second), Expires: day.AddDate(0, 0, 1)}
	for i := range 2 {
		id := fmt.Sprint(n, "-", i)
		name := acme.Identifier{Type: acme.TypeDNS, Value: id + ".example"}
		o.Authorizations, o.Identifiers = append(o.Authorizations, id), append(o.Identifiers, name)
		if err := tx.PutAuthorization(&acme.Authorization{ID: id, Account: "a", Identifier: name, Status: acme.Pending, Expires: o.Expires, Challenges: make([]acme.Challenge, 3)}); err != nil {
			return err
		}
	}
	return tx.PutOrder(o)
}
