package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// once is a flag that may be given once: of two values the first would else be dropped
// without a word, and a key that should be revoked stay published.
type once struct {
	value *string
	what  string // "key"
	given bool
}

// Set takes the first value.
func (o *once) Set(text string) error {
	if o.given {
		return errors.New("given twice: call this once for each " + o.what)
	}
	o.given, *o.value = true, text
	return nil
}

// String returns the value.
func (o *once) String() string {
	if o == nil || o.value == nil {
		return ""
	}
	return *o.value
}

// Type is what -h would call the value.
func (o *once) Type() string { return "string" }

// seconds is a flag of whole seconds: "300", or a duration such as "5m".
type seconds struct{ value *time.Duration }

// Set reads either.
func (s seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if n, nerr := strconv.ParseUint(text, 10, 31); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d%time.Second != 0 {
		return errors.New("want whole seconds, such as 300, or a duration, such as 5m")
	}
	*s.value = d
	return nil
}

// String returns the value; "" for none, of which -h says nothing.
func (s seconds) String() string {
	if s.value == nil || *s.value == 0 {
		return ""
	}
	return s.value.String()
}

// Type is what -h would call the value.
func (s seconds) Type() string { return "duration" }

// plainly is a duration without the parts that are zero at its end: "5m", "24h".
func plainly(d time.Duration) string {
	text := d.String()
	if cut, ok := strings.CutSuffix(text, "m0s"); ok {
		text = cut + "m"
	}
	if cut, ok := strings.CutSuffix(text, "h0m"); ok {
		text = cut + "h"
	}
	return text
}

// untilWord is a time for people, with the date where it is of another day than now.
func untilWord(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05 MST")
	}
	return t.Format("2006-01-02 15:04:05 MST")
}
