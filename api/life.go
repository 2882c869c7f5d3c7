package api

import (
	"net/http"
	"strconv"
	"time"
)

// life writes how old the DNS data behind an answer is and how long it stays
// true. It holds the header values of short lives ready, which are nearly all:
// a confirmation record is believed for 300 s unless the operator says more.
type life struct {
	ages, lifetimes [readySeconds][]string
}

const readySeconds = 301

func newLife() *life {
	l := &life{}
	for s := range l.ages {
		l.ages[s], l.lifetimes[s] = ageValue(int64(s)), lifetimeValue(int64(s))
	}
	return l
}

func ageValue(s int64) []string      { return []string{strconv.FormatInt(s, 10)} }
func lifetimeValue(s int64) []string { return []string{"max-age=" + strconv.FormatInt(s, 10)} }

// write sets Age and Cache-Control (RFC 9111 §4.2: max-age counts from when the
// data was fetched, so what is left is max-age less Age). Without an end, or
// past it, nobody may keep the answer.
func (l *life) write(head http.Header, age time.Duration, until, now time.Time) {
	old, total, lives := lifeOf(age, until, now)
	switch {
	case !lives:
		head["Cache-Control"] = noStore
	case old < readySeconds && total < readySeconds:
		head["Age"], head["Cache-Control"] = l.ages[old], l.lifetimes[total]
	default:
		head["Age"], head["Cache-Control"] = ageValue(old), lifetimeValue(total)
	}
}

// append appends what write sets, as lines.
func (*life) append(dst []byte, age time.Duration, until, now time.Time) []byte {
	old, total, lives := lifeOf(age, until, now)
	if !lives {
		return append(dst, "Cache-Control: no-store\r\n"...)
	}
	dst = strconv.AppendInt(append(dst, "Age: "...), old, 10)
	dst = strconv.AppendInt(append(dst, "\r\nCache-Control: max-age="...), total, 10)
	return append(dst, "\r\n"...)
}

func lifeOf(age time.Duration, until, now time.Time) (old, total int64, lives bool) {
	left := int64(until.Sub(now) / time.Second)
	if until.IsZero() || left < 0 {
		return 0, 0, false
	}
	old = max(int64(age/time.Second), 0)
	return old, old + left, true
}
