package strict_test

import (
	"fmt"

	"cnfd/internal/strict"
)

var members = strict.NewNames("sub", "exp")

func ExampleScanner() {
	for _, doc := range []string{
		`{"iss":"https:\/\/iss.example","sub":"https://vendor.example","exp":1361398824.5}`,
		`{"sub":"https://vendor.example","vc":{"type":[],"type":[]}}`,
		`{"Sub":"https://vendor.example"}`,
	} {
		var s strict.Scanner
		s.Reset([]byte(doc), "claims")
		var sub strict.Text
		var exp strict.Number
		for o := s.Object(members); ; {
			member, ok := o.Next()
			if !ok {
				break
			}
			switch member {
			case 0:
				sub = s.Text()
			case 1:
				exp = s.Number()
			}
		}
		if err := s.Close(); err != nil {
			fmt.Println(err)
			continue
		}
		seconds, _ := exp.Floor()
		fmt.Println(string(sub.Bytes()), seconds)
	}
	// Output:
	// https://vendor.example 1361398824
	// claims.vc.type: given twice
	// claims.Sub: differs only in case from sub
}
