package rollover

import (
	"time"

	"cnfd/dnssec"
)

const day = 24 * time.Hour

// Refresh is how long after a proven set the next one is asked for (queryInterval
// of RFC 5011 §2.3): half its TTL or half the life of its signature, between an
// hour and 15 days.
func Refresh(s dnssec.KeySet) time.Duration {
	return max(time.Hour, min(15*day, s.TTL/2, s.Life/2))
}

// Retry is how long after a failure the set is asked for again, by what the
// last proven set said (retryTime of RFC 5011 §2.3): a tenth of its TTL or of
// the life of its signature, between an hour and a day.
func Retry(s dnssec.KeySet) time.Duration {
	return max(time.Hour, min(day, s.TTL/10, s.Life/10))
}
