package acme

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// lists are the revocation lists as they were last seen in the Store. The zero value has none.
type lists struct {
	mu  sync.Mutex // guards what follows
	all map[string]*kept
}

// kept is one issuer's.
type kept struct {
	making sync.Mutex // held while the Store is asked: by one at a time

	mu     sync.Mutex // guards what follows
	newest *CRL
	failed error     // of the last look at the Store
	looked time.Time // when that was
	told   int       // how often something was said to be revoked
}

// lookEvery bounds how often requests make the Store be asked for revocations that
// another process has made, and how often a list that cannot be made is tried.
const lookEvery = time.Second

// of returns an issuer's; callers name only issuers that there are.
func (l *lists) of(issuer string) *kept {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]*kept{}
	}
	if l.all[issuer] == nil {
		l.all[issuer] = &kept{}
	}
	return l.all[issuer]
}

// forget has the Store asked at the next request: something was revoked.
func (l *lists) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.all {
		k.mu.Lock()
		k.looked, k.told = time.Time{}, k.told+1
		k.mu.Unlock()
	}
}

// seen returns what came of the last look: a list that is good at a time, or else why
// there is none; again says that it is time for another look.
func (k *kept) seen(now time.Time) (list *CRL, failed error, again bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if list = k.newest; list != nil && !list.NextUpdate.After(now) {
		list = nil
	}
	since := now.Sub(k.looked)
	recent := 0 <= since && since < lookEvery
	return list, k.failed, !recent || k.failed == nil && (list == nil || !list.due().After(now))
}

// begin is what set wants of a look that begins.
func (k *kept) begin() (told int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.told
}

// set keeps what came of a look. What was revoked while it was under way it may not have seen.
func (k *kept) set(list *CRL, failed error, looked time.Time, told int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.looked, k.failed = looked, failed; k.told != told {
		k.looked = time.Time{}
	}
	if list != nil {
		k.newest = list
	}
}

// due is when the next list is made where nothing is revoked before: after half of its life.
func (c *CRL) due() time.Time { return c.ThisUpdate.Add(c.NextUpdate.Sub(c.ThisUpdate) / 2) }

// list returns an issuer's revocation list, made anew where that is due or something
// was revoked. While one caller makes it the others get the one before, and so do all
// where it cannot be made, for as long as that is good.
func (s *Server) list(ctx context.Context, issuer string) (*CRL, error) {
	k := s.lists.of(issuer)
	list, failed, again := k.seen(s.Now())
	if again {
		if list == nil {
			k.making.Lock()
		} else if !k.making.TryLock() {
			return list, nil
		}
		defer k.making.Unlock()
		now := s.Now()
		if list, failed, again = k.seen(now); again {
			// What many wait for does not end with the one request that began it.
			list, failed = s.look(context.WithoutCancel(ctx), k, issuer, now)
		}
	}
	if list == nil {
		return nil, failed
	}
	return list, nil
}

// look asks the Store, and returns what kept then has.
func (s *Server) look(ctx context.Context, k *kept, issuer string, now time.Time) (*CRL, error) {
	told := k.begin()
	newest, err := s.renew(ctx, issuer, now)
	if err == nil && !newest.NextUpdate.After(now) {
		err = fmt.Errorf("revocation list of issuer %s: it ends as soon as it is made: CRLLife is too short", issuer)
	}
	k.set(newest, err, now, told)
	list, _, _ := k.seen(now)
	if err != nil && list != nil {
		s.Log.Error("acme: no new revocation list", "error", err, "the one before ends", list.NextUpdate)
	}
	return list, err
}

// refreshLists makes the lists that are due.
func (s *Server) refreshLists(ctx context.Context) error {
	if s.Authority == nil {
		return nil
	}
	var all []error
	for _, issuer := range s.Authority.Issuers() {
		if s.over(issuer) {
			continue
		}
		if _, err := s.list(ctx, issuer); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// over says that an issuer's certificate has ended: nothing of it is believed any more,
// so that its list need not go on, and its key may be gone.
func (s *Server) over(issuer string) bool {
	der, ok := s.Authority.IssuerDER(issuer)
	if !ok {
		return false
	}
	cert, err := x509.ParseCertificate(der)
	return err == nil && s.Now().After(cert.NotAfter)
}

// renew returns the newest list of the Store, after putting a newer one there where
// that is wanted.
func (s *Server) renew(ctx context.Context, issuer string, now time.Time) (*CRL, error) {
	list, err := view(ctx, s.Store, func(tx Tx) (*CRL, error) {
		list, _, err := s.standing(tx, issuer, now)
		return list, err
	})
	if err == nil && list == nil {
		list, err = update(ctx, s.Store, func(tx Tx) (*CRL, error) { return s.makeList(tx, issuer, now) })
	}
	if err != nil {
		return nil, fmt.Errorf("revocation list of issuer %s: %w", issuer, err)
	}
	return list, nil
}

// standing returns the list that is there, where it is right, and else nil; before is
// that list even then, and nil where there was never one.
func (s *Server) standing(tx Tx, issuer string, now time.Time) (list, before *CRL, err error) {
	before, err = tx.CRL(issuer)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !before.due().After(now) || before.ThisUpdate.After(now) {
		return nil, before, nil
	}
	there, err := x509.ParseRevocationList(before.DER)
	if err != nil {
		return nil, before, nil // it is made anew
	}
	listed := make(map[string]int, len(there.RevokedCertificateEntries)) // the reason
	for _, e := range there.RevokedCertificateEntries {
		listed[hex.EncodeToString(e.SerialNumber.Bytes())] = e.ReasonCode
	}
	all := true
	err = eachRevoked(tx, issuer, now, func(c *Certificate) error {
		reason, ok := listed[c.Serial]
		all = all && ok && reason == c.Reason
		return nil
	})
	if err != nil || !all {
		return nil, before, err
	}
	return before, before, nil
}

// makeList signs a list and stores it, in the Update that has seen what is on it: its
// number is taken there, so that of two processes' lists the newer has the greater.
func (s *Server) makeList(tx Tx, issuer string, now time.Time) (*CRL, error) {
	list, before, err := s.standing(tx, issuer, now)
	if err != nil || list != nil {
		return list, err // another process was quicker
	}
	now = now.UTC().Truncate(time.Second)
	// A Store that was restored from a backup may have forgotten numbers; the time has not.
	list = &CRL{Issuer: issuer, Number: now.Unix(), ThisUpdate: now, NextUpdate: now.Add(s.CRLLife)}
	since := now
	if before != nil {
		list.Number = max(list.Number, before.Number+1)
		if before.ThisUpdate.Before(since) {
			since = before.ThisUpdate
		}
	}
	// One that ended since the list before is on this one still (RFC 5280 §3.3).
	var entries []x509.RevocationListEntry
	err = eachRevoked(tx, issuer, since.Add(-time.Second), func(c *Certificate) error {
		serial, ok := new(big.Int).SetString(c.Serial, 16)
		if !ok {
			return fmt.Errorf("certificate %q: its serial is no number", c.Serial)
		}
		entries = append(entries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: c.Revoked.UTC(), ReasonCode: c.Reason})
		return nil
	})
	if err != nil {
		return nil, err
	}
	list.Count = len(entries)
	if list.DER, err = s.Authority.RevocationList(issuer, list.Number, list.ThisUpdate, list.NextUpdate, entries); err != nil {
		return nil, err
	}
	return list, tx.PutCRL(list)
}

// eachRevoked calls f for every revoked certificate of an issuer that ends after a time.
func eachRevoked(tx Tx, issuer string, alive time.Time, f func(*Certificate) error) error {
	const page = 500
	for after := ""; ; {
		some, err := tx.Certificates(Filter{Issuer: issuer, Revoked: true, Alive: alive}, after, page)
		if err != nil {
			return err
		}
		for _, c := range some {
			if err := f(c); err != nil {
				return err
			}
			after = c.Serial
		}
		if len(some) < page {
			return nil
		}
	}
}
