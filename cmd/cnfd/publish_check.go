package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cnfd/publish"

	"github.com/spf13/cobra"
)

func newPublishCheck() *cobra.Command {
	var o monitorOptions
	cmd := &cobra.Command{
		Use:   "check --subject URL [--key FILE]",
		Short: "For monitoring: is the key published everywhere, proven, and for how long",
		Long: `Check what a domain publishes, for a monitoring system: the first line says how it is, the exit code too. Every
name of the given methods and forms has to hold every given key, or where none is given, a record that verifiers
can use. Every name server of the zone is asked, and nothing that is cached is used.

Critical: a zone that is not signed, or bogus; servers that differ; a key that is not published.
Warning: signatures that end soon, records that verifiers cannot use, a TTL that is too long for the wanted
revocation time, cnf delegated to another zone, a wildcard.
Unknown: nobody could be asked.

Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown, and errors, which are on the first line too.`,
		Example: `  cnfd publish check --subject https://vendor.example --key key.jwk
  cnfd publish check --subject https://vendor.example --key key.jwk --method jwk,1 --revocation 5m --signatures 48h --json`,
		Args:        noArgs,
		Annotations: map[string]string{monitored: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			level, err := o.run(cmd)
			if err == nil && level != publish.LevelOK {
				err = exit(level.Exit())
			}
			return err
		},
	}
	o.addNameFlags(cmd)
	f := cmd.Flags()
	f.Lookup("form").Usage = "the `FORM` of the names, dotted, underscore or both, where each has to hold it (of precheck one is enough; default: record.forms of the configuration, which is dotted)"
	f.StringArrayVar(&o.keys, "key", nil, "the `FILE` with the key that has to be there; may be given again; - for standard input")
	f.DurationVar(&o.revocation, "revocation", 0, "warn of TTLs over this `DURATION`, such as 5m: how long a key may be believed once its record is gone (default: any)")
	f.DurationVar(&o.signatures, "signatures", 72*time.Hour, "warn of signatures that end within this `DURATION`; 0: of none")
	return cmd
}

// monitored is the annotation of a command that monitoring systems run: they read
// standard output and nothing else, so that what keeps it from an answer is told there.
const monitored = "monitored"

// tellMonitor says on standard output what went wrong before anything could be checked,
// in the form that the arguments ask for: they may be what is wrong.
func tellMonitor(w io.Writer, cmd *cobra.Command, args []string, what string) {
	d := unknownDoc{Level: publish.LevelUnknown.String(), Error: what, Findings: []findingDoc{}, Sets: []seenSetDoc{}, Zones: []seenZoneDoc{}}
	d.Summary = fitForMonitor("UNKNOWN: " + what)
	if understood, _ := cmd.Flags().GetBool("json"); !understood && !asksForJSON(args) {
		fmt.Fprintln(w, d.Summary)
		return
	}
	printJSON(w, d) // where that fails nobody reads it
}

// asksForJSON reads --json from arguments that may not all be understood.
func asksForJSON(args []string) (asks bool) {
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if value, has := strings.CutPrefix(arg, "--json="); has {
			asks, _ = strconv.ParseBool(value)
		} else if arg == "--json" {
			asks = true
		}
	}
	return asks
}

// unknownDoc is what `publish check --json` prints in the place of a checkDoc where
// nothing could be checked: its lists are empty.
type unknownDoc struct {
	Level    string        `json:"level"` // unknown
	Summary  string        `json:"summary"`
	Error    string        `json:"error"` // as on standard error
	Findings []findingDoc  `json:"findings"`
	Sets     []seenSetDoc  `json:"sets"`
	Zones    []seenZoneDoc `json:"zones"`
}

type monitorOptions struct {
	publishOptions
	keys                   []string
	revocation, signatures time.Duration
}

// checkDoc is what `publish check --json` prints: what it comes to, then what was seen.
type checkDoc struct {
	Level    string       `json:"level"`   // ok, warning, critical, unknown
	Summary  string       `json:"summary"` // the first line
	Findings []findingDoc `json:"findings"`
	listDoc
}

// findingDoc is one thing to say, the worst first.
type findingDoc struct {
	Level  string   `json:"level"`
	What   string   `json:"what"`             // one word, such as key_not_published
	Name   string   `json:"name,omitempty"`   // of the record, or of the zone
	Record string   `json:"record,omitempty"` // that is not there, or not usable
	Keys   []string `json:"keys,omitempty"`   // of the given ones those that the record vouches for
	Text   string   `json:"text"`
	Do     string   `json:"do,omitempty"`
}

func (o *monitorOptions) run(cmd *cobra.Command) (publish.Level, error) {
	switch {
	case o.subject == "":
		return 0, errors.New("--subject: say whose records, such as https://vendor.example")
	case o.revocation < 0:
		return 0, errors.New("--revocation: want a duration, such as 5m")
	case o.signatures < 0:
		return 0, errors.New("--signatures: want a duration, such as 72h; 0 for no warning")
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return 0, err
	}
	domain, owners, err := o.owners(&c)
	if err != nil {
		return 0, err
	}
	keys, err := readKeys(cmd, o.keys)
	if err != nil {
		return 0, err
	}
	s, err := seek(domain, owners, keys, true)
	if err != nil {
		return 0, err
	}
	l, err := lookAround(cmd, &c, s.entries)
	if err != nil {
		return 0, err
	}
	within := o.signatures
	if within == 0 {
		within = -1 // which is Check's word for none
	}
	v := publish.Check(l, publish.CheckConfig{Revocation: o.revocation, Within: within})
	doc := s.checkDoc(&v, s.doc(o.subject, &l, c.Testing))
	if o.json {
		return v.Level, printJSON(cmd.OutOrStdout(), doc)
	}
	doc.print(cmd.OutOrStdout())
	return v.Level, nil
}

func (s *sought) checkDoc(v *publish.Verdict, seen listDoc) checkDoc {
	d := checkDoc{Level: v.Level.String(), Findings: []findingDoc{}, listDoc: seen}
	for _, f := range v.Findings {
		d.Findings = append(d.Findings, findingDoc{
			Level: f.What.Level().String(), What: f.What.String(), Name: f.Name,
			Record: f.Record.String(), Keys: s.labels[f.Record], Text: f.Text, Do: f.Do,
		})
	}
	d.Summary = fitForMonitor(strings.ToUpper(d.Level) + ": " + d.summary())
	return d
}

// summary is the worst in a line, or what is right.
func (d *checkDoc) summary() string {
	n := 0
	for _, f := range d.Findings {
		if f.Level != publish.LevelOK.String() {
			n++
		}
	}
	if n > 0 {
		text := d.Findings[0].line()
		if n > 1 {
			text += fmt.Sprintf(" (and %d more)", n-1)
		}
		return text
	}
	var names []string
	for i := range d.Sets {
		s := &d.Sets[i]
		names = append(names, fmt.Sprintf("%s (%s)", s.Name, strings.Join(s.facts(), ", ")))
	}
	return d.Domain + ": " + strings.Join(names, "; ")
}

func (f *findingDoc) line() string {
	text := f.What
	if f.Name != "" {
		text += " " + f.Name
	}
	text += ": " + f.Text
	if len(f.Keys) > 0 {
		text += " (" + strings.Join(f.Keys, ", ") + ")"
	}
	return text
}

// print shows it for people, and for monitoring systems, which take the first line.
func (d *checkDoc) print(w io.Writer) {
	fmt.Fprintln(w, d.Summary)
	if d.Testing {
		fmt.Fprintln(w, "TESTING: made with testing settings, which make an answer worthless.")
	}
	for _, f := range d.Findings {
		fmt.Fprintf(w, "  %-8s %s\n", f.Level, fitForMonitor(f.line()))
		if f.Do != "" {
			fmt.Fprintf(w, "  %-8s What to do: %s\n", "", fitForMonitor(f.Do))
		}
	}
}

// fitForMonitor is text without the bar, behind which monitoring systems look for figures.
func fitForMonitor(text string) string {
	return shown(strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "/"))
}
