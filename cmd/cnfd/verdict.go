package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"cnfd/dnssec"
	"cnfd/verifier"
)

// verdict is a verdict's JSON, read again to be shown to people.
type verdict struct {
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason"`
	Detail     string `json:"detail"`
	Subject    string `json:"subject"`
	Domain     string `json:"domain"`
	Method     string `json:"method"`
	Thumbprint *struct {
		Hash string `json:"hash"`
		Hex  string `json:"hex"`
	} `json:"thumbprint"`
	Record *struct {
		Name   string `json:"name"`
		Form   string `json:"form"`
		Usable int    `json:"usable"`
		TTL    int64  `json:"ttl"`
	} `json:"record"`
	DNS *struct {
		Security string `json:"security"`
		Cached   bool   `json:"cached"`
		Age      int64  `json:"age"`
		EDE      *struct {
			Code int    `json:"code"`
			Text string `json:"text"`
		} `json:"ede"`
	} `json:"dns"`
	Signature  string `json:"signature"`
	KeyBinding string `json:"key_binding"`
	DPoP       string `json:"dpop"`
	MTLS       string `json:"mtls"`
	Time       string `json:"time"`
	ValidUntil string `json:"valid_until"`
	Testing    bool   `json:"testing"`
}

func readVerdict(doc []byte) (*verdict, error) {
	v := &verdict{}
	if err := json.Unmarshal(doc, v); err != nil || v.Outcome == "" {
		return nil, errors.New("the answer is not a verdict")
	}
	return v, nil
}

// leftOut are those of the checks that the verdict does not say to be good.
func (v *verdict) leftOut(asked verifier.Checks) verifier.Checks {
	for check, state := range map[verifier.Checks]string{
		verifier.CheckSignature: v.Signature, verifier.CheckKeyBinding: v.KeyBinding, verifier.CheckDPoP: v.DPoP, verifier.CheckMTLS: v.MTLS,
	} {
		if state == verifier.Valid.String() {
			asked &^= check
		}
	}
	return asked
}

// print writes the verdict for people: the outcome first, what to do last.
func (v *verdict) print(w io.Writer) {
	meaning, remedy := meaningOf(v.Reason)
	if v.Outcome == verifier.Confirmed.String() {
		// The sentence of the page has to cover both cases; here one of them is known.
		meaning, _, _ = strings.Cut(meaning, ". ")
		if v.DNS != nil && v.DNS.Security == dnssec.Secure.String() {
			meaning += ", proven from a trust anchor."
		} else {
			meaning += ". NOT PROVEN: the configuration (record.allow_insecure) believes it all the same."
		}
	}
	fmt.Fprintf(w, "%s: %s\n", v.Outcome, v.Reason)
	if v.Testing {
		fmt.Fprintln(w, "TESTING: made with testing settings, which make a verdict worthless.")
	}
	if meaning != "" {
		fmt.Fprintln(w, meaning)
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-12s %s\n", name, shown(fmt.Sprintf(format, args...)))
	}
	if v.Detail != "" {
		row("detail", "%s", v.Detail)
	}
	row("subject", "%s", v.Subject)
	if v.Domain != "" {
		row("domain", "%s", v.Domain)
	}
	if v.Thumbprint != nil {
		row("thumbprint", "%s %s, by %s", v.Thumbprint.Hash, v.Thumbprint.Hex, v.Method)
	}
	if r := v.Record; r != nil {
		seen := ""
		if v.DNS != nil && (v.DNS.Security == "secure" || v.DNS.Security == "insecure") {
			seen = fmt.Sprintf(", %d usable, TTL %d s", r.Usable, r.TTL) // of what is bogus or was not had there is nothing to count
		}
		row("record", "%s TLSA, %s form%s", r.Name, r.Form, seen)
	}
	if d := v.DNS; d != nil {
		how := "asked just now"
		if d.Cached {
			how = fmt.Sprintf("cached, %d s old", d.Age)
		}
		row("dns", "%s, %s", d.Security, how)
		if d.EDE != nil {
			row("", "%s (extended error %d)", d.EDE.Text, d.EDE.Code)
		}
	}
	for _, check := range [][2]string{{"signature", v.Signature}, {"key binding", v.KeyBinding}, {"dpop", v.DPoP}, {"mtls", v.MTLS}, {"time", v.Time}} {
		state := strings.ReplaceAll(cmp.Or(check[1], verifier.NotChecked.String()), "_", " ")
		if check[0] == failedCheck[v.Reason] {
			state = "does not hold"
		}
		row(check[0], "%s", state)
	}
	if v.ValidUntil != "" {
		row("valid until", "%s", v.ValidUntil)
	}
	if remedy != "" && v.Outcome != verifier.Confirmed.String() {
		fmt.Fprintf(w, "What to do: %s\n", remedy)
	}
}

// failedCheck is the check whose failure is a reason: the JSON says there that none
// holds, people are told why.
var failedCheck = map[string]string{
	verifier.SignatureInvalid.String():  "signature",
	verifier.KeyBindingInvalid.String(): "key binding",
	verifier.DPoPInvalid.String():       "dpop",
	verifier.DPoPReplayed.String():      "dpop",
	verifier.MTLSMismatch.String():      "mtls",
	verifier.Expired.String():           "time",
	verifier.NotYetValid.String():       "time",
}

func meaningOf(word string) (meaning, remedy string) {
	for _, r := range verifier.Reasons() {
		if r.String() == word {
			return r.Meaning(), r.Remedy()
		}
	}
	return "", ""
}

// shown is text from outside, made fit for a terminal: a control character
// could otherwise rewrite what stands there.
func shown(s string) string {
	for _, c := range s {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return strconv.QuoteToGraphic(s)
		}
	}
	return s
}
