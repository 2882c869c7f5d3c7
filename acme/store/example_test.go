package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"cnfd/acme"
	"cnfd/acme/store"
)

func Example() {
	dir, err := os.MkdirTemp("", "acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(filepath.Join(dir, "acme.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	ctx := context.Background()
	for range 2 {
		err = s.Update(ctx, func(tx acme.Tx) error {
			return tx.Reserve(&acme.Reservation{Serial: "0c47", Order: "o1"})
		})
		fmt.Println(err)
	}
	err = s.View(ctx, func(tx acme.Tx) error {
		r, err := tx.Reservation("0c47")
		if err == nil {
			fmt.Println("for order", r.Order)
		}
		return err
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// acme store: exists
	// for order o1
	// <nil>
}
