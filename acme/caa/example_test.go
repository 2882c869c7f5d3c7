package caa_test

import (
	"fmt"

	"cnfd/acme/caa"
)

// A domain lets two issuers issue, one of them for a confirmation record alone.
func Example() {
	record := func(tag, value string) []byte {
		return append([]byte{0, byte(len(tag))}, tag+value...)
	}
	set, err := caa.Parse([][]byte{
		record("issue", "ca1.example.net"),
		record("issue", "ca.example; validationmethods=ca-cnf-01"),
	})
	if err != nil {
		panic(err)
	}
	us := caa.Question{Identities: []string{"ca.example"}, Methods: []string{"http-01"}, Account: "https://ca.example/acme/acct/1"}
	fmt.Println(set.Permits(us))
	us.Methods = []string{caa.MethodCNF}
	fmt.Println(set.Permits(us), set.OptsIn(us))
	us.Wildcard = true
	fmt.Println(set.Permits(us), set.OptsIn(us))
	// Output:
	// issue "ca.example; validationmethods=ca-cnf-01": its validationmethods do not list what is used here
	// <nil> <nil>
	// <nil> there is no such property
}
