package authz

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"sync/atomic"
	"time"

	"cnfd/possession"
)

// NonceWindow is for how long one nonce is given. It is taken for as long again: 8.2 of
// RFC 9449 has clients use the latest that they were told, and one may be on its way.
const NonceWindow = time.Minute

// Nonces are those that DPoP proofs must hold (RFC 9449 §9). Nothing of them is kept but
// a key: each is a MAC of the minute in which it is given. It shows that a proof was made
// lately, whatever the clock of its maker says, and not for which request or client.
// A handler that takes another's place goes on with them; the next start has another key.
type Nonces struct {
	now    func() time.Time
	key    [sha256.Size]byte
	latest atomic.Pointer[nonces]
}

// nonces are those that are taken within one window.
type nonces struct {
	window         int64
	current, older string
	header         []string // current
}

// NewNonces makes a key. now is the clock by which they are given.
func NewNonces(now func() time.Time) *Nonces {
	n := &Nonces{now: now}
	rand.Read(n.key[:])
	return n
}

// taken is what may be in a proof now.
func (n *Nonces) taken() *nonces {
	window := n.now().UnixNano() / int64(NonceWindow)
	if known := n.latest.Load(); known != nil && known.window == window {
		return known
	}
	fresh := &nonces{window: window, current: n.of(window), older: n.of(window - 1)}
	fresh.header = []string{fresh.current}
	n.latest.Store(fresh)
	return fresh
}

func (n *Nonces) of(window int64) string {
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(window)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// has reports whether a nonce is one of them.
func (t *nonces) has(nonce string) bool {
	a := subtle.ConstantTimeCompare([]byte(nonce), []byte(t.current))
	b := subtle.ConstantTimeCompare([]byte(nonce), []byte(t.older))
	return a|b == 1
}

// nonced has the verifier hold the proof to the nonce that it claims, where that was given
// here lately, and else to one that it does not have. Who has sent a proof without is told
// which to use, before anything else of it is looked at.
func (h *Handler) nonced(k *call) cause {
	taken := h.c.Nonces.taken()
	k.request.Nonce = taken.current
	if len(k.request.DPoP.Proof) == 0 {
		return undecided // the verifier says so
	}
	claimed, err := possession.ProofNonce(k.request.DPoP.Proof)
	switch {
	case err != nil:
		return undecided // likewise
	case !taken.has(claimed):
		return nonceWanted
	}
	k.request.Nonce = claimed
	return undecided
}
