//go:build soak

package integration

import "testing"

// TestSoakACMEKilled is TestACMEKilled, more often.
func TestSoakACMEKilled(t *testing.T) { killedWhileIssuing(t, 171, 200) }
