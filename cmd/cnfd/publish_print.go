package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	// NotPublished: the key that was to be removed was at none of the names, and nothing was written.
	NotPublished bool `json:"not_published,omitempty"`
	Testing      bool `json:"testing,omitempty"` // proven under testing settings, which make a proof worthless

	printed bool // what is to be written was printed, and somebody else writes it
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
	Mangled  bool        `json:"mangled,omitempty"` // taken by the place, and what was read back is something else
	Undone   bool        `json:"undone,omitempty"`
	Unsure   bool        `json:"unsure,omitempty"`
	Served   bool        `json:"served"`
	Proven   bool        `json:"proven"`
	Security string      `json:"security,omitempty"`
	Why      string      `json:"why,omitempty"`
	Servers  []serverDoc `json:"servers"`
	Before   int         `json:"cached_before"`            // seconds that caches may hold what was there before
	Unknown  bool        `json:"cached_unknown,omitempty"` // nobody can tell: it was gone before this call, or of a dry run: nothing is there yet
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

// planned is the set of a change that a dry run shows.
func planned(c publish.Change, entries []publish.Entry) setDoc {
	one := setOf(c)
	if i := slices.IndexFunc(entries, func(e publish.Entry) bool { return e.Name == c.Name }); i >= 0 {
		e := entries[i]
		one.Method, one.Form, one.Record = e.Method, e.Form, e.Record.String()
	}
	switch {
	case len(c.Before.Records) > 0 && !c.None():
		one.Before = int(c.Before.TTL / time.Second)
	case len(c.Before.Records) == 0: // how long an absence is cached the zone says, which is not looked for here
		one.Unknown = true
	}
	return one
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
	new(publishDoc).printReport(w, r, nil, now)
}

// printReport is that of a command that ended with err.
func (d *publishDoc) printReport(w io.Writer, r *publish.Report, err error, now time.Time) {
	const column = "  %-9s %s\n"
	for i := range r.Sets {
		s := &r.Sets[i]
		fmt.Fprintf(w, "%s (%s, %s)\n", s.Entry.Name, s.Entry.Method, s.Entry.Form)
		if !d.printed { // what stands there was not read, and may have another TTL
			for _, line := range s.Change.Diff() {
				fmt.Fprintf(w, "  %s\n", line)
			}
			fmt.Fprintf(w, column, "written", writtenWord(s, err))
		}
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
		if says := d.cachesWord(s, now); says != "" {
			fmt.Fprintf(w, column, "caches", says)
		}
	}
}

// cachesWord says how long caches may hold what was there before; "" where nothing was.
func (d *publishDoc) cachesWord(s *publish.SetReport, now time.Time) string {
	ends := fmt.Sprintf("until %s (in %v)", untilWord(s.Until, now), s.Until.Sub(now).Round(time.Second))
	switch {
	case s.Unknown && !s.Written:
		return "it was not there when this call began: if it was until just then, they may hold it for as long as its TTL was"
	case !s.Until.After(now) && s.Written && !s.Served && s.Before > 0:
		return fmt.Sprintf("may say the old for %v more once every server has the change", s.Before)
	case !s.Until.After(now):
		return ""
	case d.Command == "remove" && !d.printed && s.Change.None():
		return "it was not there when this call began: if it was until just then, they may hold it " + ends
	}
	return "may still say the old " + ends
}

// mangled reports whether what was read back of a set is not what was written. A set that
// failed by itself has its error in Why; one that ended the call, in err.
func mangled(s *publish.SetReport, err error) bool {
	for e := (*publish.Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Kind == publish.Mangled && e.Where == s.Entry.Name {
			return true
		}
	}
	return s.Written && strings.HasPrefix(s.Why, s.Entry.Name+": what ") && strings.Contains(s.Why, " is not what was written: ")
}

// notWaited is what a set is told to lack where nothing was waited for.
const notWaited = "not waited for"

func writtenWord(s *publish.SetReport, err error) string {
	switch {
	case mangled(s, err):
		return "accepted; what stands there is not what was written"
	case s.Unsure:
		return "not known: the place failed in the middle of it"
	case s.Undone:
		return "yes, and taken back"
	case !s.Written && s.Change.None() && len(s.Servers) == 0 && s.Why != "" && s.Why != notWaited:
		return "no" // it failed before it was known what there is to do
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
	case s.Change.None():
		return "does not have it"
	}
	return "has it no more"
}
