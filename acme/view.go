package acme

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"
)

// view returns what f reads in one View.
func view[T any](ctx context.Context, s Store, f func(Tx) (T, error)) (T, error) {
	var value T
	err := s.View(ctx, func(tx Tx) (err error) {
		value, err = f(tx)
		return err
	})
	return value, err
}

// update returns what f, which may be called more than once, has made of one Update.
func update[T any](ctx context.Context, s Store, f func(Tx) (T, error)) (T, error) {
	var value T
	err := s.Update(ctx, func(tx Tx) (err error) {
		value, err = f(tx)
		return err
	})
	return value, err
}

// newID returns a name that nobody can guess: 128 random bits. It does not begin with -, which
// would be a flag where an operator names it.
func newID() string {
	for {
		var b [16]byte
		rand.Read(b[:]) // never fails: it ends the process instead
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id
		}
	}
}

// seconds are those of Retry-After: whole, rounded up, never 0 (RFC 9110 §10.2.3).
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}
