package main

import (
	"fmt"
	"io"
	"slices"

	"cnfd/dnssec"
	"cnfd/publish"
)

// The exit codes of what writes, beside 0 for done and proven and 3 for errors of
// usage and of this machine.
const (
	exitNotProven = 1 // written, or there before; not proven in time
	exitUnwritten = 2
)

func exitOf(r *publish.Report, e *publish.Error) int {
	switch {
	case e == nil && r.Proven():
		return 0
	case e == nil, e.Kind == publish.NotProven, r.Written(), unsure(r):
		return exitNotProven
	}
	return exitUnwritten
}

// unsure reports whether something may be written without anybody knowing.
func unsure(r *publish.Report) bool {
	return slices.ContainsFunc(r.Sets, func(s publish.SetReport) bool { return s.Unsure })
}

// secure reports whether every set is proven, and not only what an unsigned zone says.
func secure(r *publish.Report) bool {
	return !slices.ContainsFunc(r.Sets, func(s publish.SetReport) bool { return s.Security != dnssec.Secure })
}

// absent reports whether a key that was to be removed was not there, and proven so.
func (d *publishDoc) absent(r *publish.Report, code int) bool {
	return d.Command == "remove" && !d.printed && code == 0 && !r.Written() && !changing(changesOf(r))
}

// outcome is the first line of a report.
func (d *publishDoc) outcome(r *publish.Report, code int) string {
	switch {
	case d.printed && code == 0 && !secure(r):
		return "printed, and there as every server says: nothing proves it, since the zone is not signed"
	case d.printed && code == 0:
		return "printed, and proven"
	case d.printed:
		return "printed, and not proven"
	case !d.absent(r, code):
		return outcome(d.Command, r, code)
	}
	return notHere(changesOf(r))
}

// outcome is the first line of a report on what was written.
func outcome(command string, r *publish.Report, code int) string {
	done := map[string]string{"add": "published", "remove": "withdrawn"}[command]
	switch {
	case code == 0 && !secure(r):
		return done + ", as every server says: nothing proves it, since the zone is not signed"
	case code == 0 && r.Written():
		return done + ", and proven"
	case code == 0:
		return done + " before, and proven: nothing was written"
	case code == exitNotProven && r.Written():
		return "written, not proven"
	case unsure(r):
		return "not known whether it was written, and not proven"
	case code == exitNotProven:
		return "not proven: nothing was written now"
	}
	return "nothing written"
}

// changing reports whether there is anything to do.
func changing(changes []publish.Change) bool {
	return slices.ContainsFunc(changes, func(c publish.Change) bool { return !c.None() })
}

// notHere says of a key that was to be removed that it is at none of the names, and what is.
func notHere(changes []publish.Change) string {
	stay := 0
	for _, c := range changes {
		stay += len(c.Before.Records)
	}
	switch stay {
	case 0:
		return "nothing is published here: nothing was written"
	case 1:
		return "this key is not published here: 1 record of another key stays (is it the right file?)"
	}
	return fmt.Sprintf("this key is not published here: %d records of other keys stay (is it the right file?)", stay)
}

// changesOf are the changes of a report.
func changesOf(r *publish.Report) (changes []publish.Change) {
	for _, s := range r.Sets {
		changes = append(changes, s.Change)
	}
	return changes
}

// lossy keeps the first error of a Writer. What has become of a record is told by the
// exit code, also where nothing more can be printed.
type lossy struct {
	io.Writer
	err error
}

// Write writes, and notes an error.
func (l *lossy) Write(p []byte) (int, error) {
	n, err := l.Writer.Write(p)
	if l.err == nil {
		l.err = err
	}
	return n, err
}
