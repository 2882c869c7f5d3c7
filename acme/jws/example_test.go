package jws_test

import (
	"errors"
	"fmt"

	"cnfd/acme/jws"
)

// The request of RFC 8555 §7.4.1's kind, with a signature that the sender has
// padded, and the one without.
func ExampleParse() {
	const protected = "eyJhbGciOiJFUzI1NiIsImtpZCI6Imh0dHBzOi8vY2EuZXhhbXBsZS9hY21lL2FjY3QvMSIsIm5vbmNlIjoiNVhKMUwzbEVrTUc3dFI2cEEwMGNsQSIsInVybCI6Imh0dHBzOi8vY2EuZXhhbXBsZS9hY21lL29yZGVyLzEifQ"
	for _, signature := range []string{"AAAA==", "AAAA"} {
		m, err := jws.Parse([]byte(`{"protected":"`+protected+`","payload":"","signature":"`+signature+`"}`), jws.Request)
		var e *jws.Error
		if errors.As(err, &e) {
			fmt.Println(e.Rule, "-", e)
			continue
		}
		fmt.Println(m.KID, "reads", m.URL)
	}
	// Output:
	// malformed - signature: padded base64url: leave out the = at its end (RFC 8555 §6.1)
	// https://ca.example/acme/acct/1 reads https://ca.example/acme/order/1
}
