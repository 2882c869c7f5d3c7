package acme

import (
	"testing"
	"time"
)

// TestLookThatIsOvertaken: what is revoked while the Store is being asked is asked for again, by the next request.
func TestLookThatIsOvertaken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	list := &CRL{ThisUpdate: now, NextUpdate: now.Add(24 * time.Hour)}
	for _, overtaken := range []bool{false, true} {
		var l lists
		k := l.of("one")
		told := k.begin()
		if overtaken {
			l.forget()
		}
		k.set(list, nil, now, told)
		if _, _, again := k.seen(now); again != overtaken {
			t.Errorf("overtaken %t: asked again %t", overtaken, again)
		}
	}
}
