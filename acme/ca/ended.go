package ca

import (
	"fmt"
	"time"
)

// Ended is when and why an intermediate was revoked.
type Ended struct {
	At     time.Time
	Reason int // of RFC 5280 §5.3.1, and as it was given: cACompromise (2) is read as keyCompromise (1)
}

// ReadEnded returns the intermediates in a directory that the root's newest list names, by their ids. It is
// none where there is no list. The list may have ended: what is on it stays revoked.
func ReadEnded(dir string) (map[string]Ended, error) {
	there, err := list(dir)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	if there.newestList() == 0 {
		return nil, nil
	}
	next, err := there.relist()
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	ended := map[string]Ended{}
	for _, cert := range next.certs {
		e := next.before.at(cert)
		if e == nil {
			continue
		}
		reason := e.ReasonCode
		if reason == caCompromise {
			reason = keyCompromise
		}
		ended[issuerID(cert)] = Ended{e.RevocationTime, reason}
	}
	return ended, nil
}
