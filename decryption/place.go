package decryption

import (
	"errors"
	"strings"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// asError makes a *thumbprint.Error of what a strict reader found.
func asError(err error) error {
	var e *strict.Error
	if !errors.As(err, &e) {
		return malformed("", err.Error())
	}
	return malformed(strings.TrimPrefix(e.Where, "."), e.What)
}

// within puts a place in front of that of a *thumbprint.Error, in the stead of
// what that error's own reader called its document.
func within(place string, err error) error {
	var e *thumbprint.Error
	if !errors.As(err, &e) {
		return malformed(place, err.Error())
	}
	rest := ""
	for i := range len(e.Where) {
		if e.Where[i] == '.' || e.Where[i] == '[' {
			rest = e.Where[i:]
			break
		}
	}
	return &thumbprint.Error{Rule: e.Rule, Where: place + rest, What: e.What}
}

// join puts a label behind a place.
func join(place, label string) string {
	if place == "" {
		return label
	}
	return place + "." + label
}
