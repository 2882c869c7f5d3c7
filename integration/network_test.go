package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// networks holds which test has 127.number.0.x: number to the test's name.
var networks sync.Map

// network returns the first three octets of 127.number.0.x and of nothing that another test has. Tests run side by side, and two
// name servers at one address fail only when they happen to meet: a number taken twice must fail always.
func network(t testing.TB, number int) string {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	if owner, taken := networks.LoadOrStore(number, name); taken && owner != name {
		t.Fatalf("127.%d.0.x belongs to %s: take a number that no other test has", number, owner)
	}
	return fmt.Sprintf("127.%d.0.", number)
}
