package sandbox

import (
	"testing"
	"time"
)

func start(t *testing.T, c Config) *Internet {
	t.Helper()
	if c.Now == nil {
		c.Now = time.Now
	}
	n, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestX(t *testing.T) {
	n := start(t, Config{})
	t.Log(n.Anchor(), n.Port())
	for _, z := range n.Zones() {
		t.Log(z)
	}
}
