// Package fuzz holds the targets that attack the whole house: from the bytes of
// a caller or of a server to the verdict, with nothing in between replaced.
//
// What they hold it to: any bytes give a verdict or an error, never a panic; and
// never confirmed without the record, never refuted against it.
//
// Each parser has a target of its own beside it; `make fuzz` runs them all.
package fuzz
