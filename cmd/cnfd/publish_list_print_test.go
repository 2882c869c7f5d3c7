package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestListPrints: what is the same of several names is said once, and what only some
// servers say is marked as that.
func TestListPrints(t *testing.T) {
	const one, two = "ns1.vendor.example. 192.0.2.1", "ns2.vendor.example. 192.0.2.2"
	key := []seenRecordDoc{{Record: "255 255 255 11", Usable: true, Keys: []string{"key.jwk"}}}
	there := func(name, method string) seenSetDoc {
		return seenSetDoc{Name: name, Method: method, Form: "dotted", State: statePresent, Security: "secure", TTL: 300, Records: key,
			Servers: []seenServerDoc{{Server: one, Says: "1 record"}, {Server: two, Says: "1 record"}}}
	}
	partly := func(name, method string, heard []seenRecordDoc) seenSetDoc {
		return seenSetDoc{Name: name, Method: method, Form: "dotted", State: stateUnknown, Security: "indeterminate", TTL: 300, ServersDiffer: true,
			SomeSilent: true, Heard: heard, Trouble: "the servers of vendor.example. do not all say the same of " + name,
			Servers: []seenServerDoc{{Server: one, Says: "1 record"}, {Server: two, Says: "no answer: i/o timeout", Silent: true}}}
	}
	lost := func(name, method string) seenSetDoc {
		return seenSetDoc{Name: name, Method: method, Form: "dotted", State: stateUnknown, Security: "indeterminate", Trouble: "no server answers for " + name + " TLSA"}
	}
	absent := seenSetDoc{Name: "2.8.vendor.example.", Method: "2", Form: "dotted", State: stateAbsent, Security: "secure"}
	for _, c := range []struct {
		claim string
		sets  []seenSetDoc
		want  string
	}{
		{"one name", []seenSetDoc{there("1.8.vendor.example.", "1"), absent}, `vendor.example: 1 record at 1 of 2 names
  1.8.vendor.example.  method 1, dotted form
    secure, TTL 300 s, alike at 2 server addresses
    255 255 255 11  key.jwk
no record at 1 of the names (--json tells which)
`},
		{"two with the same, and another between them", []seenSetDoc{there("1.8.vendor.example.", "1"), lost("jwk.cnf.vendor.example.", "jwk"), there("5.8.vendor.example.", "5")},
			`vendor.example: 2 records at 2 of 3 names; what is at 1 is not known
  1.8.vendor.example.  method 1, dotted form
  5.8.vendor.example.  method 5, dotted form
    both: secure, TTL 300 s, alike at 2 server addresses
    255 255 255 11  key.jwk
  jwk.cnf.vendor.example.  method jwk, dotted form
    indeterminate
    no server answers for jwk.cnf.vendor.example. TLSA
`},
		{"the same trouble of three", []seenSetDoc{lost("1.8.vendor.example.", "1"), lost("2.8.vendor.example.", "2"), lost("5.8.vendor.example.", "5")},
			`vendor.example: 0 records at 0 of 3 names; what is at 3 is not known
  1.8.vendor.example.  method 1, dotted form
  2.8.vendor.example.  method 2, dotted form
  5.8.vendor.example.  method 5, dotted form
    each of the 3: indeterminate
    no server answers for the name TLSA
`},
		{"the same trouble of all of many", []seenSetDoc{lost("1.8.vendor.example.", "1"), lost("2.8.vendor.example.", "2"), lost("3.8.vendor.example.", "3"), lost("5.8.vendor.example.", "5")},
			`vendor.example: 0 records at 0 of 4 names; what is at 4 is not known
  all 4 names
    indeterminate
    no server answers for the name TLSA
`},
		{"one server is down", []seenSetDoc{partly("1.8.vendor.example.", "1", key), partly("2.8.vendor.example.", "2", nil), partly("5.8.vendor.example.", "5", key)},
			`vendor.example: 0 records at 0 of 3 names; what is at 3 is not known: not all servers answer, and those that do have 2 records at 2 of them
  1.8.vendor.example.  method 1, dotted form
  5.8.vendor.example.  method 5, dotted form
    both: indeterminate, TTL 300 s, NOT FROM ALL SERVERS: 1 of 2 addresses answer
    255 255 255 11  key.jwk
no record at 1 of the names, as far as servers answer (--json tells which)
server ns2.vendor.example. 192.0.2.2: no answer: i/o timeout
`},
	} {
		var got bytes.Buffer
		(&listDoc{Domain: "vendor.example", Sets: c.sets}).print(&got)
		if got.String() != c.want {
			t.Errorf("%s: it prints\n%s", c.claim, &got)
		}
	}
	var got bytes.Buffer
	(&listDoc{Domain: "vendor.example", Zones: []seenZoneDoc{{Zone: "vendor.example.", Security: "insecure", Lacks: "its parent has no DS\x1b[31m", Do: "give it one\x1b[31m"}}}).print(&got)
	if text := got.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "its parent has no DS") || !strings.Contains(text, "What to do: \"give it one") {
		t.Errorf("of a zone it prints\n%s", text)
	}
}
