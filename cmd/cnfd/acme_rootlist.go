package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
)

// rootListEndsSoon is when it is told that the root's revocation list ends: whoever has the root's key is given
// a month to come by.
const rootListEndsSoon = 30 * 24 * time.Hour

// ofRootList says what is to be done about the root's list, nil where there is none; "": nothing.
func ofRootList(list *acme.CRL, now time.Time) string {
	const next = "; cnfd acme rotate --list-only makes the next one, with the root's key"
	switch {
	case list == nil:
		return "the root has no revocation list, so that who asks for one refuses every certificate" + next
	case list.ThisUpdate.After(now):
		return "the root's revocation list has not begun, and by this clock begins at " + utc(list.ThisUpdate) + ": who checks the whole chain refuses every certificate until then: is the clock right, and was that of where it was made?"
	case !list.NextUpdate.After(now):
		return "the root's revocation list has ended: who checks the whole chain refuses every certificate" + next
	case list.NextUpdate.Sub(now) < rootListEndsSoon:
		return "the root's revocation list ends soon: who checks the whole chain refuses every certificate from then on" + next
	}
	return ""
}

// tellRootList warns of a list that ends soon or has ended. That there is none is no more than told: before there
// were any nobody could ask for one.
func (a *acmeService) tellRootList(log *slog.Logger, now time.Time) {
	list, err := a.ca.RootList()
	if err != nil {
		log.Error("acme: the root's revocation list cannot be read", "err", err)
		return
	}
	switch what := ofRootList(list, now); {
	case what == "":
	case list == nil:
		log.Info("acme: " + what)
	default:
		log.Warn("acme: "+what, "end", utc(list.NextUpdate))
	}
}

// warnedRootList is what cnfd config check says of the list in a directory; what is wrong with it is said elsewhere.
func warnedRootList(dir string, now time.Time) []string {
	_, list, err := ca.ReadRootList(dir)
	if err != nil || list == nil {
		return nil
	}
	if what := ofRootList(list, now); what != "" {
		return []string{what + " (until " + utc(list.NextUpdate) + ")"}
	}
	return nil
}

// rootListDoc is the root's revocation list, as --json prints it.
type rootListDoc struct {
	File       string `json:"file"`
	ID         string `json:"id"` // it is served as /crl/<id>.crl
	Number     int64  `json:"number"`
	NextUpdate string `json:"next_update"`
	Revoked    int    `json:"revoked"` // intermediates
}

// newestRootList reads back what is there now.
func newestRootList(dir string) (*rootListDoc, error) {
	path, list, err := ca.ReadRootList(dir)
	if err != nil || list == nil {
		return nil, err
	}
	return &rootListDoc{path, list.Issuer, list.Number, utc(list.NextUpdate), list.Count}, nil
}

func (r *rootListDoc) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "made %s: the root's revocation list, %s revoked, until %s; served as /crl/%s.crl\n", shown(r.File), plural(r.Revoked, "intermediate"), r.NextUpdate, r.ID)
	return err
}
