package acme

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// mostNonces bounds the nonces that are live at once, a half of them for accounts and
// the other for strangers, who can ask for any number; then the oldest is forgotten,
// and whoever has it is told badNonce and goes on with another (RFC 8555 §6.5; Boulder's figure).
const mostNonces = 65_536

// nonces are those that were given out and not yet used. The zero value has none.
type nonces struct {
	mu   sync.Mutex // guards what follows
	live map[nonce]*list.Element
	ages list.List // of nonce, the oldest first
}

type nonce [16]byte

// make returns a nonce that nobody has had and nobody can guess.
func (n *nonces) make() string {
	var fresh nonce
	rand.Read(fresh[:]) // never fails: it ends the process instead
	n.add(fresh)
	return base64.RawURLEncoding.EncodeToString(fresh[:])
}

func (n *nonces) add(fresh nonce) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.live == nil {
		n.live = map[nonce]*list.Element{}
	}
	if n.live[fresh] != nil {
		return
	}
	if len(n.live) >= mostNonces/2 {
		delete(n.live, n.ages.Remove(n.ages.Front()).(nonce))
	}
	n.live[fresh] = n.ages.PushBack(fresh)
}

// take reports whether a nonce is live; from then on it is not.
func (n *nonces) take(text string) bool {
	wanted, ok := readNonce(text)
	if !ok {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.live[wanted]
	if at == nil {
		return false
	}
	n.ages.Remove(at)
	delete(n.live, wanted)
	return true
}

// drain takes all there are, the oldest first.
func (n *nonces) drain() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]string, 0, len(n.live))
	for at := n.ages.Front(); at != nil; at = at.Next() {
		octets := at.Value.(nonce)
		all = append(all, base64.RawURLEncoding.EncodeToString(octets[:]))
	}
	n.live, n.ages = nil, list.List{}
	return all
}

func readNonce(text string) (n nonce, ok bool) {
	octets, ok := fromBase64(text)
	return n, ok && copy(n[:], octets) == len(n) && len(octets) == len(n)
}

// ofStrangers marks in the Store the nonces that anybody was given.
const ofStrangers = "stranger:"

// putNoncesAside hands the live nonces to whoever is next. They are taken out here
// first: one that this process could still take would be good twice.
func (s *Server) putNoncesAside(ctx context.Context) error {
	all := s.nonces.drain()
	for _, text := range s.strangers.drain() {
		all = append(all, ofStrangers+text)
	}
	if err := s.Store.Update(ctx, func(tx Tx) error { return tx.PutNonces(all) }); err != nil {
		return fmt.Errorf("acme: putting %d nonces aside (their clients will be told badNonce and go on): %w", len(all), err)
	}
	return nil
}

// takeOver is restoreNonces until it has succeeded once. Run begins with it; a request whose nonce nobody knows is
// not kept from its answer by having been quicker than that.
type takeOver struct {
	mu   sync.Mutex // guards what follows
	done bool
}

func (t *takeOver) once(ctx context.Context, s *Server) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return nil
	}
	err := s.restoreNonces(ctx)
	t.done = err == nil
	return err
}

// takeNonce reports whether a nonce is live, and takes it.
func (s *Server) takeNonce(ctx context.Context, text string) bool {
	take := func() bool { return s.nonces.take(text) || s.strangers.take(text) }
	return take() || s.takenOver.once(ctx, s) == nil && take()
}

// restoreNonces takes over what a process has put aside. Where the Store does not say
// that it has handed them over, none is used.
func (s *Server) restoreNonces(ctx context.Context) error {
	all, err := update(ctx, s.Store, func(tx Tx) ([]string, error) { return tx.Nonces() })
	if err != nil {
		return fmt.Errorf("acme: taking over the nonces that were put aside: %w", err)
	}
	for _, text := range all {
		pool := &s.nonces
		if of, ok := strings.CutPrefix(text, ofStrangers); ok {
			pool, text = &s.strangers, of
		}
		if n, ok := readNonce(text); ok {
			pool.add(n)
		}
	}
	return nil
}

// newNonce answers with a nonce and nothing else (RFC 8555 §7.2).
func (s *Server) newNonce(r *http.Request) (*answer, *Problem) {
	if r.Method == http.MethodHead {
		return &answer{status: http.StatusOK}, nil
	}
	return &answer{status: http.StatusNoContent}, nil
}

// newNonceRead is newNonce for a client that signs all that it sends (RFC 8555 §6.3).
func (s *Server) newNonceRead(c *call) (*answer, *Problem) {
	if p := c.read(); p != nil {
		return nil, p
	}
	return s.newNonce(c.http)
}
