package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const (
		pass = `{"Action":"output","Package":"cnfd/cache","Test":"TestA","Output":"--- PASS: TestA\n"}
{"Action":"pass","Package":"cnfd/cache","Test":"TestA"}
{"Action":"pass","Package":"cnfd/cache","Elapsed":1.5}
`
		skip = `{"Action":"output","Package":"cnfd/integration","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"cnfd/integration","Test":"TestB","Output":"    b_test.go:7: named is missing: apt-get install bind9\n"}
{"Action":"output","Package":"cnfd/integration","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"cnfd/integration","Test":"TestB"}
`
		seed = `{"Action":"output","Package":"cnfd/fuzz","Test":"FuzzC/seed#1","Output":"--- SKIP: FuzzC/seed#1 (0.00s)\n"}
{"Action":"skip","Package":"cnfd/fuzz","Test":"FuzzC/seed#1"}
`
		noTests = `{"Action":"output","Package":"cnfd/x","Output":"?   \tcnfd/x\t[no test files]\n"}
{"Action":"skip","Package":"cnfd/x"}
`
		fail = `{"Action":"output","Package":"cnfd/cache","Test":"TestD","Output":"    d_test.go:3: wrong\n"}
{"Action":"fail","Package":"cnfd/cache","Test":"TestD"}
{"Action":"fail","Package":"cnfd/cache"}
`
		build = `{"ImportPath":"cnfd/cache","Action":"build-output","Output":"cache.go:1: syntax error\n"}
{"ImportPath":"cnfd/cache","Action":"build-fail"}
`
	)
	cases := []struct {
		claim, input   string
		nothingSkipped bool
		good           bool
		says           string
	}{
		{"all passed", pass + noTests, true, true, "tests: 1 passed, 0 failed, 0 skipped"},
		{"a skip is told", pass + skip, false, true, "skipped: integration TestB: b_test.go:7: named is missing: apt-get install bind9"},
		{"a skip where none may be", pass + skip, true, false, "nothing may be skipped"},
		{"a fuzz seed that is not looked at is no skip", pass + seed, true, true, "0 skipped"},
		{"a failure", pass + fail, false, false, "d_test.go:3: wrong"},
		{"a package that does not build", pass + build, false, false, "cache.go:1: syntax error"},
		{"words of the go command", pass + "go: no such tool\n", false, true, "go: no such tool"},
		{"nothing at all", "", false, false, "no test was run"},
		{"a last line without its end", strings.TrimSuffix(pass+fail, "\n"), false, false, "2 failed"},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			var out strings.Builder
			if good := report(strings.NewReader(tc.input), &out, tc.nothingSkipped); good != tc.good {
				t.Errorf("good: %v", good)
			}
			if !strings.Contains(out.String(), tc.says) {
				t.Errorf("%s does not say %q", out.String(), tc.says)
			}
		})
	}
}
