package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

// publishDoc is what a publishing command prints with --json.
type publishDoc struct {
	Command string    `json:"command"` // "add", "remove"
	Subject string    `json:"subject"`
	Target  string    `json:"target,omitempty"`
	DryRun  bool      `json:"dry_run,omitempty"`
	Written bool      `json:"written"` // something was changed, and not taken back
	Proven  bool      `json:"proven"`  // every set is proven to be as wanted
	Sets    []setDoc  `json:"sets"`
	Until   string    `json:"until,omitempty"` // when the last cache has forgotten what was there before
	Error   *errorDoc `json:"error,omitempty"`
	Testing bool      `json:"testing,omitempty"` // proven under testing settings, which make a proof worthless
}

// setDoc is one set of records.
type setDoc struct {
	Name     string      `json:"name"`
	Method   string      `json:"method"`
	Form     string      `json:"form"`
	Record   string      `json:"record,omitempty"` // "255 255 255 80D5…"
	TTL      int         `json:"ttl"`              // seconds, of the set as it is to be
	Added    []string    `json:"added"`
	Removed  []string    `json:"removed"`
	Kept     []string    `json:"kept"`
	Written  bool        `json:"written"`
	Undone   bool        `json:"undone,omitempty"`
	Unsure   bool        `json:"unsure,omitempty"`
	Served   bool        `json:"served"`
	Proven   bool        `json:"proven"`
	Security string      `json:"security,omitempty"`
	Why      string      `json:"why,omitempty"`
	Servers  []serverDoc `json:"servers"`
	Before   int         `json:"cached_before"`            // seconds that caches may hold what was there before
	Unknown  bool        `json:"cached_unknown,omitempty"` // it was gone before: how long caches hold it nobody can tell any more
	Until    string      `json:"until,omitempty"`
}

type serverDoc struct {
	Server  string `json:"server"`
	Ready   bool   `json:"ready"`
	Skipped bool   `json:"skipped,omitempty"`
	Why     string `json:"why,omitempty"`
}

// errorDoc is a *publish.Error. Theirs is the place's clock, where it differs too much.
type errorDoc struct {
	Kind   string `json:"kind"`
	Where  string `json:"where,omitempty"`
	What   string `json:"what"`
	Do     string `json:"do,omitempty"`
	Theirs string `json:"theirs,omitempty"`
}

func setOf(c publish.Change) setDoc {
	return setDoc{
		Name: c.Name, TTL: int(max(c.After.TTL, 0) / time.Second),
		Added: presented(c.Added()), Removed: presented(c.Removed()), Kept: presented(c.Kept()), Servers: []serverDoc{},
	}
}

func presented(records []publish.Record) []string {
	all := []string{}
	for _, r := range records {
		all = append(all, r.String())
	}
	return all
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// reported fills in what was done.
func (d *publishDoc) reported(r *publish.Report) {
	d.Written, d.Proven, d.Until = r.Written(), r.Proven() && secure(r), stamp(r.Until)
	for i := range r.Sets {
		s := &r.Sets[i]
		one := setOf(s.Change)
		one.Name, one.Method, one.Form, one.Record = s.Entry.Name, s.Entry.Method, s.Entry.Form, s.Entry.Record.String()
		one.Written, one.Undone, one.Unsure, one.Served, one.Proven = s.Written, s.Undone, s.Unsure, s.Served, s.Proven
		one.Why, one.Before, one.Until = s.Why, int(s.Before/time.Second), stamp(s.Until)
		one.Unknown = s.Unknown
		if s.Served || s.Security != dnssec.Indeterminate {
			one.Security = s.Security.String()
		}
		for _, v := range s.Servers {
			one.Servers = append(one.Servers, serverDoc(v))
		}
		d.Sets = append(d.Sets, one)
	}
}

// failed fills in why it ended.
func (d *publishDoc) failed(err error) {
	var e *publish.Error
	switch {
	case errors.As(err, &e):
		d.Error = &errorDoc{Kind: e.Kind.String(), Where: e.Where, What: e.What, Do: e.Do, Theirs: stamp(e.Theirs)}
	case err != nil:
		d.Error = &errorDoc{Kind: publish.Failed.String(), What: err.Error()}
	}
}

func (d *publishDoc) print(w io.Writer) error {
	if d.Sets == nil {
		d.Sets = []setDoc{}
	}
	doc, err := json.Marshal(d)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", doc)
	}
	return err
}

// printReport says of each set what was done and what is seen of it, for people. now
// is the time that what caches hold is counted from.
func printReport(w io.Writer, r *publish.Report, now time.Time) {
	const column = "  %-9s %s\n"
	for i := range r.Sets {
		s := &r.Sets[i]
		fmt.Fprintf(w, "%s (%s, %s)\n", s.Entry.Name, s.Entry.Method, s.Entry.Form)
		for _, line := range s.Change.Diff() {
			fmt.Fprintf(w, "  %s\n", line)
		}
		fmt.Fprintf(w, column, "written", writtenWord(s))
		for i, v := range s.Servers {
			label := ""
			if i == 0 {
				label = "servers"
			}
			fmt.Fprintf(w, column, label, shown(v.Server)+": "+serverWord(s, &v))
		}
		if s.Served {
			fmt.Fprintf(w, column, "security", s.Security)
		}
		if s.Why != "" {
			fmt.Fprintf(w, column, "missing", shown(s.Why))
		}
		if s.Until.After(now) {
			fmt.Fprintf(w, column, "caches", fmt.Sprintf("may still say the old until %s (in %v)", s.Until.UTC().Format("15:04:05 MST"), s.Until.Sub(now).Round(time.Second)))
		} else if s.Unknown {
			fmt.Fprintf(w, column, "caches", "it was gone before this call: if only just, they may hold it for as long as its TTL was")
		} else if s.Written && !s.Served && s.Before > 0 {
			fmt.Fprintf(w, column, "caches", fmt.Sprintf("may say the old for %v more once every server has the change", s.Before))
		}
	}
}

func writtenWord(s *publish.SetReport) string {
	switch {
	case s.Unsure:
		return "not known: the place failed in the middle of it"
	case s.Undone:
		return "yes, and taken back"
	case s.Written:
		return "yes, and read back octet by octet"
	case s.Change.None():
		return "nothing to do"
	}
	return "no"
}

func serverWord(s *publish.SetReport, v *publish.ServerState) string {
	switch {
	case !v.Ready:
		return shown(v.Why)
	case !s.Entry.Record.IsZero() && s.Change.After.Has(s.Entry.Record):
		return "has the record"
	}
	return "has it no more"
}
