package ca

import "errors"

// Untimely reports whether an error of Open or Reload is of the time alone: the newest intermediate, or the root, has not begun
// or has ended by the clock. Each file is there and can be read.
func Untimely(err error) bool { return errors.Is(err, errUntimely) }

var errUntimely = errors.New("not at this time")

// untimely is an error of the time alone.
type untimely struct{ error }

// Is says what kind of error it is.
func (untimely) Is(target error) bool { return target == errUntimely }
