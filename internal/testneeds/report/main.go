// Report reads the events of go test -json, prints what people need of them, and gathers what was skipped.
//
//	go test -json ./... | go run ./internal/testneeds/report
//
// It ends with 1 if a test failed, and also, with CI=true, if one was skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if !report(os.Stdin, os.Stdout, os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// report prints what r tells and reports whether it is good.
func report(r io.Reader, w io.Writer, nothingSkipped bool) bool {
	output := map[string][]string{} // by package and test
	var skipped []string
	packages, tests, failed := 0, 0, 0
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				w.Write(line) // the go command itself has something to say
				continue
			}
			at := e.Package + " " + e.Test
			switch e.Action {
			case "output":
				output[at] = append(output[at], e.Output)
			case "build-output":
				io.WriteString(w, e.Output)
			case "build-fail":
				failed++
			case "skip":
				if why, ok := reason(output[at]); e.Test != "" && ok {
					skipped = append(skipped, strings.TrimPrefix(at, "cnfd/")+": "+why)
				}
				delete(output, at)
			case "fail":
				failed++
				for _, l := range output[at] {
					io.WriteString(w, l)
				}
				delete(output, at)
			case "pass":
				if e.Test != "" {
					tests++
				} else {
					packages++
					fmt.Fprintf(w, "ok   %-40s %6.1fs\n", e.Package, e.Elapsed)
				}
				delete(output, at)
			}
		}
		if err != nil {
			break
		}
	}
	slices.Sort(skipped)
	fmt.Fprintf(w, "\n%d packages pass\ntests: %d passed, %d failed, %d skipped\n", packages, tests, failed, len(skipped))
	for _, s := range skipped {
		fmt.Fprintln(w, "skipped:", s)
	}
	switch {
	case packages+failed == 0:
		fmt.Fprintln(w, "no test was run")
		return false
	case failed > 0:
		return false
	case len(skipped) > 0 && nothingSkipped:
		fmt.Fprintln(w, "CI=true: nothing may be skipped")
		return false
	}
	return true
}

// reason finds what a test said when it skipped itself. A fuzz seed that holds
// nothing to look at is none: ok is false.
func reason(output []string) (why string, ok bool) {
	why = "no reason given"
	for _, l := range output {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ") {
			if strings.Contains(l, " Fuzz") {
				return "", false
			}
			continue
		}
		why = l
	}
	return why, true
}
