package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// print shows what is there, or went wrong, and counts the names without a record. Of
// names of which the same is to be said it is said once.
func (d *listDoc) print(w io.Writer) {
	fmt.Fprintln(w, d.counts())
	if d.Testing {
		fmt.Fprintln(w, "TESTING: made with testing settings, which make an answer worthless.")
	}
	absent, unheard := 0, 0
	var told []*seenSetDoc
	for i := range d.Sets {
		switch s := &d.Sets[i]; {
		case s.State == stateAbsent && len(s.Aliases) == 0:
			absent++
		case s.SomeSilent && len(s.Heard) == 0:
			unheard++
		default:
			told = append(told, s)
		}
	}
	for _, alike := range together(told) {
		alike.print(w, len(d.Sets))
	}
	if absent > 0 {
		fmt.Fprintf(w, "no record at %d of the names (--json tells which)\n", absent)
	}
	if unheard > 0 {
		fmt.Fprintf(w, "no record at %d of the names, as far as servers answer (--json tells which)\n", unheard)
	}
	for _, line := range d.silent() {
		fmt.Fprintln(w, shown(line))
	}
	for _, z := range d.Zones {
		until := ""
		if z.KeysUntil != "" {
			until = ", signatures over its keys until " + z.KeysUntil
		}
		fmt.Fprintln(w, shown(fmt.Sprintf("zone %s %s%s", z.Zone, z.Security, until)))
		if z.Lacks != "" {
			fmt.Fprintf(w, "  %s\n  What to do: %s\n", shown(z.Lacks), shown(z.Do))
		}
	}
}

// counts is the first line.
func (d *listDoc) counts() string {
	records, names, unknown, heard, at := 0, 0, 0, 0, 0
	for i := range d.Sets {
		s := &d.Sets[i]
		records += len(s.Records)
		heard += len(s.Heard)
		if len(s.Heard) > 0 {
			at++
		}
		switch s.State {
		case statePresent:
			names++
		case stateUnknown:
			unknown++
		}
	}
	text := fmt.Sprintf("%s: %s at %d of %d names", d.Domain, plural(records, "record"), names, len(d.Sets))
	if unknown > 0 {
		text += fmt.Sprintf("; what is at %d is not known", unknown)
	}
	if heard > 0 {
		text += fmt.Sprintf(": not all servers answer, and those that do have %s at %d of them", plural(heard, "record"), at)
	}
	return shown(text)
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// silent are the servers that said nothing of names of which others did, a line each.
func (d *listDoc) silent() (lines []string) {
	var told []string
	for i := range d.Sets {
		for _, v := range d.Sets[i].Servers {
			if d.Sets[i].SomeSilent && v.Silent && !slices.Contains(told, v.Server) {
				told = append(told, v.Server)
				lines = append(lines, "server "+v.Server+": "+v.Says)
			}
		}
	}
	return lines
}

// alike are sets of which the same is to be said, but for their own names.
type alike struct {
	sets []*seenSetDoc
	body []string
}

// together puts sets of which the same is to be said into one, in the order of the first.
func together(sets []*seenSetDoc) (all []alike) {
	for _, s := range sets {
		body := s.body()
		for i := range body {
			body[i] = strings.ReplaceAll(body[i], s.Name, "the name")
		}
		i := slices.IndexFunc(all, func(a alike) bool { return slices.Equal(a.body, body) })
		if i < 0 {
			i = len(all)
			all = append(all, alike{body: body})
		}
		all[i].sets = append(all[i].sets, s)
	}
	return all
}

// many is how many names are too many to be told one by one where all there are are alike.
const many = 4

func (a alike) print(w io.Writer, of int) {
	body, first := a.body, ""
	switch n := len(a.sets); {
	case n == 1:
		body = a.sets[0].body()
	case n == of && n >= many:
		fmt.Fprintf(w, "  all %d names\n", n)
		a.sets = nil
	case n == 2:
		first = "both: "
	default:
		first = fmt.Sprintf("each of the %d: ", n)
	}
	for _, s := range a.sets {
		fmt.Fprintf(w, "  %s\n", shown(fmt.Sprintf("%s  method %s, %s form", s.Name, s.Method, s.Form)))
	}
	for i, line := range body {
		if i > 0 {
			first = ""
		}
		fmt.Fprintf(w, "    %s\n", shown(first+line))
	}
}

// body is what there is to say of a set behind its name, for people, in lines.
func (d *seenSetDoc) body() []string {
	lines := []string{strings.Join(d.facts(), ", ")}
	if d.Trouble != "" && !d.SomeSilent {
		lines = append(lines, d.Trouble)
	}
	for _, r := range slices.Concat(d.Records, d.Heard) {
		note := strings.Join(r.Keys, ", ")
		if !r.Usable {
			note = "not usable: " + r.Why
		}
		lines = append(lines, strings.TrimSpace(r.Record+"  "+note))
	}
	for _, p := range d.Parents {
		lines = append(lines, p.Server+": "+p.Says)
	}
	for _, v := range d.Servers {
		if d.ServersDiffer && !d.SomeSilent || v.Skipped {
			lines = append(lines, v.Server+": "+v.Says)
		}
	}
	return lines
}

// facts is what there is to say of a set in a line.
func (d *seenSetDoc) facts() []string {
	facts := []string{d.Security}
	add := func(says bool, format string, args ...any) {
		if says {
			facts = append(facts, fmt.Sprintf(format, args...))
		}
	}
	add(d.State == stateAbsent, "no record")
	add(len(d.Aliases) > 0, "alias to %s", strings.Join(d.Aliases, " to "))
	add(d.Wildcard, "from a wildcard")
	add(d.Delegated, "in the delegated zone %s", d.Zone)
	add(d.TTL > 0, "TTL %d s", d.TTL)
	add(d.SignaturesUntil != "", "signatures until %s", d.SignaturesUntil)
	add(d.ServersDiffer && !d.SomeSilent, "SERVERS DIFFER")
	add(d.SomeSilent, "NOT FROM ALL SERVERS: %s", heardAt(d.Servers))
	add(d.ServersNotAsked, "servers not asked")
	add(!d.ServersDiffer && d.State != stateUnknown && len(d.Servers) > 0, "%s", alikeAt(d.Servers))
	return facts
}

// heardAt counts those that say something, of those that count.
func heardAt(servers []seenServerDoc) string {
	heard, of := 0, 0
	for _, v := range servers {
		if v.Skipped {
			continue
		}
		if of++; !v.Silent {
			heard++
		}
	}
	return fmt.Sprintf("%d of %d addresses answer", heard, of)
}

func alikeAt(servers []seenServerDoc) string {
	n := 0
	for _, v := range servers {
		if !v.Skipped {
			n++
		}
	}
	if n == 1 {
		return "one server address"
	}
	return fmt.Sprintf("alike at %d server addresses", n)
}
