package acme

import (
	"context"
	"errors"
	"testing"
)

// countingStore is a Store that has nothing, and counts how often it is asked; it fails while it has an error.
type countingStore struct {
	updates int
	err     error
}

func (a *countingStore) View(context.Context, func(Tx) error) error {
	return errors.New("not asked for that")
}

func (a *countingStore) Update(context.Context, func(Tx) error) error {
	a.updates++
	return a.err
}

// TestUnknownNoncesCostTheStoreNothing: the Store is asked for those that were put aside until it has said once which there
// are, and never again, whatever nonces strangers make up.
func TestUnknownNoncesCostTheStoreNothing(t *testing.T) {
	store := &countingStore{err: errors.New("busy")}
	s := &Server{Config: Config{Store: store}}
	unknown := new(nonces).make()
	for _, step := range []struct {
		claim string
		err   error
		want  int
	}{
		{"it fails", store.err, 1},
		{"it fails again", store.err, 2},
		{"it says", nil, 3},
		{"it has said", nil, 3},
		{"it would fail now", store.err, 3},
	} {
		store.err = step.err
		if s.takeNonce(t.Context(), unknown) || store.updates != step.want {
			t.Errorf("%s: it was asked %d times, want %d", step.claim, store.updates, step.want)
		}
	}
}
