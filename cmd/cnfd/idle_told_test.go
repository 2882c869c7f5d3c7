package main

import (
	"os"
	"strings"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
)

// TestHowLongNobodyIsIdle: what people read of it is what the code has: over quietTime full seconds, that is two at least
// by the clock of the hall.
func TestHowLongNobodyIsIdle(t *testing.T) {
	operating, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[int]string{1: "two seconds or so", 2: "three seconds or so"}[quietTime]
	for where, text := range map[string]string{"limits.connections in the configuration": config.Manual(user()), "docs/operating.md": string(operating)} {
		if words == "" || !strings.Contains(text, words) {
			t.Errorf("%s does not say %q", where, words)
		}
	}
}
