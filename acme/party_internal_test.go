package acme

import (
	"net/http"
	"testing"
)

// TestParty tells who shares turns with whom: an address's accounts, a /48's addresses; nobody elsewhere, and on this machine nobody.
func TestParty(t *testing.T) {
	of := func(address, account string) party {
		c := &call{http: &http.Request{RemoteAddr: address}, account: &Account{ID: account}}
		return c.party()
	}
	first := of("[2001:db8:0:1::1]:80", "a")
	for _, tt := range []struct {
		claim  string
		other  party
		levels int // of network, address and account, that are the same
	}{
		{"the same", of("[2001:db8:0:1::1]:443", "a"), 3},
		{"another account", of("[2001:db8:0:1::1]:80", "b"), 2},
		{"the same account elsewhere in the /64", of("[2001:db8:0:1::2]:80", "a"), 3},
		{"the next /64", of("[2001:db8:0:2::1]:80", "b"), 1},
		{"the next /48", of("[2001:db8:1:1::1]:80", "b"), 0},
		{"an IPv4 address", of("192.0.2.1:80", "b"), 0},
		{"this machine", of("127.0.0.1:80", "b"), 0},
		{"what is taken up", left("a"), 0},
	} {
		n := 0
		for n < len(first) && first[n] == tt.other[n] {
			n++
		}
		if n != tt.levels {
			t.Errorf("%s: %q and %q are the same in %d, want %d", tt.claim, first, tt.other, n, tt.levels)
		}
	}
	if one, two := of("127.0.0.1:80", "a"), of("127.0.0.1:80", "b"); one[0] == two[0] || one != of("[::1]:80", "a") {
		t.Errorf("on this machine: %q and %q", one, two)
	}
	if one, two := of("192.0.2.1:80", "a"), of("192.0.2.1:80", "b"); one[0] != two[0] || one[1] != two[1] || one[2] == two[2] {
		t.Errorf("of one IPv4 address: %q and %q", one, two)
	}
	if one, two := left("a"), left("b"); one[0] != two[0] || one[2] == two[2] {
		t.Errorf("what is taken up: %q and %q", one, two)
	}
}
