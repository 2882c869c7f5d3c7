package testneeds

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

// fake is a testing.TB that notes how a test ended.
type fake struct {
	testing.TB
	ended, why string
}

func (f *fake) Helper()           {}
func (f *fake) Fatal(args ...any) { f.end("failed", args) }
func (f *fake) Skip(args ...any)  { f.end("skipped", args) }
func (f *fake) end(how string, args []any) {
	f.ended, f.why = how, args[0].(string)
	runtime.Goexit()
}

func TestNeeds(t *testing.T) {
	cases := []struct {
		claim, ci string
		need      func(testing.TB)
		ended     string
		why       string
	}{
		{"a program that is there", "true", func(t testing.TB) { Binary(t, "go", "golang") }, "", ""},
		{"a program that is missing", "", func(t testing.TB) { Binary(t, "no-such-program", "no-such-package") }, "skipped", "no-such-program is missing: apt-get install no-such-package"},
		{"a program that is missing where nothing may be", "true", func(t testing.TB) { Binary(t, "no-such-program", "no-such-package") }, "failed", "no-such-program is missing: apt-get install no-such-package"},
	}
	if os.Geteuid() == 0 {
		cases = append(cases, cases[0])
		cases[len(cases)-1].claim, cases[len(cases)-1].need = "root, as root", Root
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			t.Setenv("CI", tc.ci)
			f, done := &fake{TB: t}, make(chan struct{})
			go func() {
				defer close(done)
				tc.need(f)
			}()
			<-done
			if f.ended != tc.ended || f.why != tc.why {
				t.Errorf("%s: %q", f.ended, f.why)
			}
		})
	}
}

func ExampleBinary() {
	test := func(t *testing.T) {
		named := Binary(t, "named", "bind9") // skips where BIND is not installed
		t.Log("serving with", named)
	}
	fmt.Println(test != nil)
	// Output: true
}
