package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestGivingWayOverHTTP: of more questions that hang than the resolver works on at once, those that give way are told to come
// again, and not that their domain cannot be reached; nobody is told another thing, and good domains are confirmed throughout.
func TestGivingWayOverHTTP(t *testing.T) {
	t.Parallel()
	n := newTree(t, 69)
	n.hang(t, "hung.example.")
	d := n.daemon(t, settings{})
	good := n.token(t, "vendor.jwt")
	d.stays(t, good, confirmed)
	told := map[string]int{}
	for round := 0; told["503 overloaded"] == 0 && round < 5; round++ { // a busy machine may not have a thousand under way at once
		var mu sync.Mutex // guards told
		var asking sync.WaitGroup
		for i := range 1500 {
			asking.Go(func() {
				answer := d.ends(ofSubject(fmt.Sprintf("n%d.r%d.hung.example", i, round)))
				mu.Lock()
				defer mu.Unlock()
				told[answer]++
			})
		}
		for range 8 { // a good one finds room, or is told like the others; what is cached is answered
			if got := d.ends(ofToken(good, now)); got != confirmed && got != "503 overloaded" {
				t.Errorf("meanwhile: %s", got)
			}
			if got := d.ends(ofToken(good, nil)); got != confirmed {
				t.Errorf("meanwhile, out of the cache: %s", got)
			}
		}
		asking.Wait()
	}
	if told["503 overloaded"] == 0 || told[unreachable] == 0 || told["503 overloaded"]+told[unreachable]+told["unproven too_costly"] < 1500 {
		t.Errorf("told %v", told)
	}
	for answer := range told {
		if answer != "503 overloaded" && answer != unreachable && answer != "unproven too_costly" {
			t.Errorf("told %q", answer)
		}
	}
	t.Logf("told %v", told)
	d.stays(t, good, confirmed)
}

// ends is the verdict of a question, or the status and the problem, where that says when to come again.
func (d *daemon) ends(body []byte) string {
	response, err := d.local().Post("http://cnfd/v1/verify", "application/json", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	if response.StatusCode == http.StatusOK {
		var v verdict
		if err := json.Unmarshal(text, &v); err != nil {
			return err.Error()
		}
		if strings.Contains(v.DNS.EDE.Text, "gave way") {
			return v.String() + ", where it gave way"
		}
		return v.String()
	}
	var problem struct{ Type string }
	after, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if json.Unmarshal(text, &problem) != nil || err != nil || after < 1 || problem.Type != "urn:cnfd:problem:overloaded" {
		return response.Status + " " + string(text)
	}
	return fmt.Sprint(response.StatusCode, " overloaded")
}
