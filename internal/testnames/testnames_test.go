package testnames_test

import (
	"fmt"
	"strings"
	"testing"

	"cnfd/internal/testnames"
)

// TestWhatIsNamedIsLookedFor: a test, a row or a story that there is not is found out.
func TestWhatIsNamedIsLookedFor(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // what Missing says; "" where all is there
	}{
		{"`stories.TestStories`", ""},
		{"`stories.TestAStoryCanFail/another EDE`", ""},
		{"`stories/confirmed_by_a_record.rpl`", ""},
		{"`stories.TestNothing`", "there is no stories.TestNothing"},
		{"`stories.TestStories/" + strings.Repeat("x", 9) + "`", `stories.TestStories has no row "xxxxxxxxx"`},
		{"`stories/nothing.rpl`", "there is no story nothing.rpl"},
		{"`nowhere.TestStories`", "there is no nowhere.TestStories"},
	} {
		named := testnames.Named("| shown by " + c.text + " |")
		if len(named) != 1 {
			t.Errorf("%s is not seen", c.text)
			continue
		}
		if got := testnames.New("../..").Missing(named[0]); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

func ExampleNamed() {
	for _, n := range testnames.Named("| it confirms | `stories/confirmed_by_a_record.rpl` `record.TestMatch/one of two` |") {
		fmt.Printf("%q %q %q %q\n", n.Story, n.Room, n.Test, n.Row)
	}
	// Output:
	// "confirmed_by_a_record.rpl" "" "" ""
	// "" "record" "TestMatch" "one of two"
}
