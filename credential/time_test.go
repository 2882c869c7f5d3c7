package credential_test

import (
	"math"
	"testing"
	"time"

	"cnfd/credential"
)

func TestNumericDates(t *testing.T) {
	for _, c := range []struct {
		name, json, cbor string // either may be ""
		exp, nbf         int64
		bad              bool
	}{
		{name: "a whole number", json: "1361398824", cbor: "1a51254c28", exp: 1361398824, nbf: 1361398824},
		{name: "zero", json: "0", cbor: "00"},
		{name: "minus zero", json: "-0", cbor: "f98000"},
		{name: "before 1970", json: "-1", cbor: "20", exp: -1, nbf: -1},
		{name: "a fraction", json: "1.5", cbor: "f93e00", exp: 1, nbf: 2},
		{name: "a fraction before 1970", json: "-1.5", cbor: "f9be00", exp: -2, nbf: -1},
		{name: "a fraction of zero", json: "1.0", cbor: "f93c00", exp: 1, nbf: 1},
		{name: "a fraction that no float64 has", json: "9007199254740993.000000001", exp: 9007199254740993, nbf: 9007199254740994},
		{name: "an exponent", json: "15e2", cbor: "fb4097700000000000", exp: 1500, nbf: 1500},
		{name: "a negative exponent", json: "15e-1", exp: 1, nbf: 2},
		{name: "a fraction and an exponent", json: "1.25E+1", exp: 12, nbf: 13},
		{name: "the last", json: "9223372036854775807", cbor: "1b7fffffffffffffff", exp: math.MaxInt64, nbf: math.MaxInt64},
		{name: "the first", json: "-9223372036854775808", cbor: "3b7fffffffffffffff", exp: math.MinInt64, nbf: math.MinInt64},
		{name: "the first as a float", cbor: "fbc3e0000000000000", exp: math.MinInt64, nbf: math.MinInt64},
		{name: "past the last", json: "9223372036854775808", cbor: "1b8000000000000000", bad: true},
		{name: "past the last as a float", json: "1e300", cbor: "fb43e0000000000000", bad: true},
		{name: "before the first", json: "-9223372036854775809", cbor: "3b8000000000000000", bad: true},
		{name: "past every float64", json: "1e400", bad: true},
		{name: "in a string", json: `"1"`, cbor: "6131", bad: true},
		{name: "null", json: "null", cbor: "f6", bad: true},
		{name: "true", json: "true", cbor: "f5", bad: true},
		{name: "undefined", cbor: "f7", bad: true},
		{name: "an array", json: "[1]", cbor: "8101", bad: true},
		{name: "a leading zero", json: "01", bad: true},
		{name: "a plus", json: "+1", bad: true},
		{name: "hexadecimal", json: "0x1", bad: true},
		{name: "NaN", json: "NaN", cbor: "f97e00", bad: true},
		{name: "infinity", cbor: "f97c00", bad: true},
		{name: "minus infinity", cbor: "fbfff0000000000000", bad: true},
		{name: "tagged as a time", cbor: "c101", bad: true},
		{name: "a bignum", cbor: "c24101", bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(got credential.Credential, err error) {
				t.Helper()
				switch {
				case c.bad && err == nil:
					t.Errorf("%+v, want an error", got)
				case !c.bad && err != nil:
					t.Error(err)
				case !c.bad && (got.Expires != c.exp || got.NotBefore != c.nbf || !got.HasExpires || !got.HasNotBefore):
					t.Errorf("exp %d nbf %d, want %d %d", got.Expires, got.NotBefore, c.exp, c.nbf)
				}
			}
			if c.json != "" {
				both := `,` + cnf + `}`
				check(credential.ParseClaims([]byte(`{"exp":`+c.json+`,"nbf":`+c.json+both), nil))
				if _, err := credential.ParseClaims([]byte(`{"nbf":`+c.json+both), nil); (err != nil) != c.bad {
					t.Errorf("nbf alone: %v", err)
				}
			}
			if c.cbor != "" {
				check(credential.ParseCWT(octets(t, bareCKT("a3")+"04"+c.cbor+"05"+c.cbor), nil))
				if _, err := credential.ParseCWT(octets(t, bareCKT("a2")+"05"+c.cbor), nil); (err != nil) != c.bad {
					t.Errorf("nbf alone: %v", err)
				}
			}
		})
	}
}

func TestTime(t *testing.T) {
	at := func(second int64, nanos int64) time.Time { return time.Unix(second, nanos) }
	exp := func(s int64) credential.Credential { return credential.Credential{Expires: s, HasExpires: true} }
	nbf := func(s int64) credential.Credential { return credential.Credential{NotBefore: s, HasNotBefore: true} }
	far := time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	const minute = credential.DefaultLeeway
	for _, c := range []struct {
		name   string
		c      credential.Credential
		now    time.Time
		leeway time.Duration
		want   credential.TimeState
	}{
		{"no dates", credential.Credential{}, at(1000, 0), minute, credential.Valid},
		{"dates that are not there judge nothing", credential.Credential{Expires: 1, NotBefore: 9999}, at(1000, 0), minute, credential.Valid},
		{"before exp", exp(1001), at(1000, 0), 0, credential.Valid},
		{"at exp", exp(1000), at(1000, 0), 0, credential.Expired},
		{"the last nanosecond", exp(1000), at(999, 999999999), 0, credential.Valid},
		{"within the leeway", exp(1000), at(1059, 999999999), minute, credential.Valid},
		{"at the end of the leeway", exp(1000), at(1060, 0), minute, credential.Expired},
		{"at nbf", nbf(1000), at(1000, 0), 0, credential.Valid},
		{"the nanosecond before nbf", nbf(1000), at(999, 999999999), 0, credential.NotYetValid},
		{"nbf within the leeway", nbf(1000), at(940, 0), minute, credential.Valid},
		{"nbf just out of the leeway", nbf(1000), at(939, 999999999), minute, credential.NotYetValid},
		{"exp before nbf", credential.Credential{Expires: 1, HasExpires: true, NotBefore: 9999, HasNotBefore: true}, at(1000, 0), minute, credential.Expired},
		{"a leeway against the holder", exp(1000), at(995, 0), -10 * time.Second, credential.Expired},
		{"the last exp", exp(math.MaxInt64), far, minute, credential.Valid},
		{"the first exp", exp(math.MinInt64), time.Time{}, minute, credential.Expired},
		{"the last nbf", nbf(math.MaxInt64), far, minute, credential.NotYetValid},
		{"the first nbf", nbf(math.MinInt64), time.Time{}, minute, credential.Valid},
		{"the last exp with the longest leeway", exp(math.MaxInt64), far, math.MaxInt64, credential.Valid},
		{"the first nbf with the longest leeway", nbf(math.MinInt64), at(0, 0), math.MaxInt64, credential.Valid},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.c.Time(c.now, c.leeway); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
