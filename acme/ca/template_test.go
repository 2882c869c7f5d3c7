package ca

import (
	"errors"
	"testing"
	"time"

	"cnfd/acme"
)

func TestWindow(t *testing.T) {
	now := someDay
	begins, ends := now.Add(-24*time.Hour), now.Add(1000*time.Hour)
	const life, hour = 168 * time.Hour, time.Hour
	at := func(d time.Duration) time.Time { return now.Add(d) }
	cases := []struct {
		claim        string
		notBefore    time.Time
		notAfter     time.Time
		now          time.Time // zero: now
		life         time.Duration
		from, to     time.Time
		kind         acme.Kind
		thisMachines bool // the error is none of the client's
	}{
		{claim: "the order wants nothing", from: at(-hour), to: at(-hour + life - time.Second)},
		{claim: "now lies between two seconds", now: at(time.Second - 1), from: at(-hour), to: at(-hour + life - time.Second)},
		{claim: "the CA ends before the life does", now: at(900 * hour), from: at(899 * hour), to: ends},
		{claim: "the CA has an hour left", now: at(999 * hour), from: at(998 * hour), to: ends},
		{claim: "the CA has less than an hour left", now: at(999*hour + time.Second), thisMachines: true},
		{claim: "the CA has ended", now: at(1001 * hour), thisMachines: true},
		{claim: "the CA is younger than the backdate", now: begins.Add(time.Minute), from: begins, to: begins.Add(life - time.Second)},
		{claim: "the CA has not begun", now: begins.Add(-time.Second), thisMachines: true},
		{claim: "an end is wanted", notAfter: at(2 * hour), from: at(-hour), to: at(2 * hour)},
		{claim: "an end is wanted a life from now: the beginning is not backdated", notAfter: at(life), from: now, to: at(life)},
		{claim: "an end is wanted a second too late", notAfter: at(life + time.Second), kind: acme.Malformed},
		{claim: "an end is wanted that is now", notAfter: now, kind: acme.Malformed},
		{claim: "an end is wanted that was", notAfter: at(-time.Second), kind: acme.Malformed},
		{claim: "an end is wanted beyond the CA's: it is not moved", now: at(900 * hour), notAfter: at(1000*hour + time.Second), kind: acme.Malformed},
		{claim: "the CA's end is wanted", now: at(900 * hour), notAfter: at(1000 * hour), from: at(899 * hour), to: ends},
		{claim: "a beginning is wanted that is to come: the end is a life from now all the same", notBefore: at(100 * hour), from: at(100 * hour), to: at(life - time.Second)},
		{claim: "a beginning is wanted that is now", notBefore: now, from: now, to: at(life - time.Second)},
		{claim: "a beginning of yesterday is wanted, by an order that has lived long", notBefore: at(-23 * hour), from: at(-23 * hour), to: at(-23*hour + life - time.Second)},
		{claim: "a beginning is wanted before any order that lives", notBefore: at(-25*hour - time.Second), kind: acme.Malformed},
		{claim: "a beginning is wanted before the CA's", notBefore: at(-24*hour - time.Second), kind: acme.Malformed},
		{claim: "a beginning is wanted when it will have ended", notBefore: at(life), kind: acme.Malformed},
		{claim: "both are wanted", notBefore: at(hour), notAfter: at(2 * hour), from: at(hour), to: at(2 * hour)},
		{claim: "both are wanted, a life apart", notBefore: now, notAfter: at(life), from: now, to: at(life)},
		{claim: "both are wanted, further apart than a life", notBefore: at(-time.Second), notAfter: at(life), kind: acme.Malformed},
		{claim: "the end is wanted before the beginning", notBefore: at(2 * hour), notAfter: at(hour), kind: acme.Malformed},
		{claim: "both are wanted at the same second", notBefore: at(hour), notAfter: at(hour + 1), kind: acme.Malformed},
		{claim: "a short life has gone by since the beginning that is wanted", life: 2 * hour, notBefore: at(-3 * hour), kind: acme.Malformed},
		{claim: "a life that the backdate eats", life: hour, thisMachines: true},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			r := &acme.Request{Profile: profile(), Now: now, NotBefore: c.notBefore, NotAfter: c.notAfter}
			if !c.now.IsZero() {
				r.Now = c.now
			}
			if c.life != 0 {
				r.Profile.Life = c.life
			}
			from, to, err := window(r, begins, ends)
			var problem *acme.Problem
			switch errors.As(err, &problem); {
			case c.thisMachines && (err == nil || problem != nil):
				t.Errorf("%v: want an error of this machine's", err)
			case c.kind != "" && (problem == nil || problem.Kind != c.kind):
				t.Errorf("%v %v %v: want %s", from, to, err, c.kind)
			case !c.thisMachines && c.kind == "" && (err != nil || !from.Equal(c.from) || !to.Equal(c.to)):
				t.Errorf("%s to %s, %v: want %s to %s", day(from), day(to), err, day(c.from), day(c.to))
			}
		})
	}
}

// FuzzWindow: whatever an order wants, a certificate that is issued lies within the CA's and
// the profile's limits, and is what was wanted.
func FuzzWindow(f *testing.F) {
	for _, seed := range [][5]int64{{0, 0, 0, 168, 1}, {-10, 1000, 500, 24, 1}, {3600, 0, 0, 90 * 24, 24}, {0, 604800, 0, 168, 1}} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	begins, ends := someDay.Add(-24*time.Hour), someDay.Add(3*365*24*time.Hour)
	f.Fuzz(func(t *testing.T, before, after, now, life, backdate int64) {
		const most = 20 * 365 * 24 * 3600
		if max(before, after, now, life, backdate) > most || min(before, after, now, life, backdate) < -most {
			return
		}
		r := &acme.Request{Profile: profile(), Now: someDay.Add(time.Duration(now) * time.Second)}
		r.Profile.Life, r.Profile.Backdate = time.Duration(life)*time.Minute, time.Duration(backdate)*time.Minute
		if before != 0 {
			r.NotBefore = someDay.Add(time.Duration(before) * time.Second)
		}
		if after != 0 {
			r.NotAfter = someDay.Add(time.Duration(after) * time.Second)
		}
		from, to, err := window(r, begins, ends)
		if err != nil {
			return
		}
		switch {
		case from.Before(begins) || to.After(ends):
			t.Error("beyond the CA's")
		case !from.Before(to) || !to.After(r.Now):
			t.Error("never good, or no more")
		case to.After(r.Now.Add(r.Profile.Life)) || to.Sub(from) > r.Profile.Life:
			t.Error("longer than the profile's life")
		case before != 0 && !from.Equal(r.NotBefore) || after != 0 && !to.Equal(r.NotAfter):
			t.Error("not what was wanted")
		case before == 0 && from.Before(r.Now.Add(-r.Profile.Backdate-time.Second)):
			t.Error("further back than the profile's backdate")
		}
	})
}
