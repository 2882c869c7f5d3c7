package replay_test

import (
	"context"
	"fmt"
	"time"

	"cnfd/replay"
	"cnfd/thumbprint"
)

func Example() {
	now := time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
	m, err := replay.New(replay.Config{Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	key, _ := thumbprint.ParseURI("urn:ietf:params:oauth:jwk-thumbprint:sha-256:gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs")
	for range 2 {
		first, err := m.Take(context.Background(), key, []byte("-BwC3ESc6acc2lTc"), now.Add(2*time.Minute))
		fmt.Println(first, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
