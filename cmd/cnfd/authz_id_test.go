package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
)

// TestAGatewaysAnswerIsFoundInTheLog: the problem document of who is kept out has the id of the decision's line and
// of its evidence; who has brought no token has an id as well, no decision, and a line by that id.
func TestAGatewaysAnswerIsFoundInTheLog(t *testing.T) {
	o := operate(t, func(c *config.Config) {
		c.Log.Decisions, c.Log.Evidence = true, "all"
		c.Authz.Gateway, c.Authz.Subjects = "nginx", []string{config.AnySubject}
	})
	ask := func(authorization string) (status int, id string) {
		t.Helper()
		r, err := http.NewRequest("GET", "http://localhost/v1/authz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"X-Original-Method": {"GET"}, "X-Original-Url": {"https://api.example/"}}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		a, err := onUnix(o.c.API.Unix).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		var p struct{ ID string }
		if err := json.NewDecoder(a.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, p.ID
	}
	status, id := ask("DPoP " + o.token(t, "vendor.jwt"))
	if status != 401 || len(id) != 26 {
		t.Fatalf("a token without its proof: %d %q", status, id)
	}
	for _, message := range []string{"decision", "evidence"} {
		if told := o.log.of(t, message); len(told) != 1 || told[0]["id"] != id || told[0]["reason"] != "dpop_invalid" {
			t.Errorf("%s: %v, want id %s", message, told, id)
		}
	}
	status, other := ask("")
	if status != 401 || len(other) != 26 || other == id {
		t.Errorf("without a token: %d %q", status, other)
	}
	if told := o.log.of(t, "decision"); len(told) != 1 || told[0]["gateway"] != "denied" || told[0]["status"] != 401. || told[0]["cause"] != "dpop_invalid" || told[0]["detail"] == nil {
		t.Errorf("decisions: %v", told)
	}
	if told := o.log.of(t, "authz: not let through"); len(told) != 2 || told[0]["id"] != id || told[1]["id"] != other || told[1]["reason"] != "no_token" {
		t.Errorf("not let through: %v", told)
	}
	b, _ := o.ask(t, o.token(t, "vendor.jwt"), "")
	if told := o.log.of(t, "decision")[1]; b.ID != told["id"] || told["gateway"] != nil {
		t.Errorf("of /v1/verify: %s, told %v", b.ID, told)
	}
}
