package rollover

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"
)

// Text is the point as a state file: zone-file lines of the keys, and comments
// with their states. Its last line is a digest of all above, so that a file that
// was cut short or changed is told from a whole one.
func (p Point) Text() string {
	var b strings.Builder
	b.WriteString(firstLine + "\n")
	b.WriteString("; Written by cnfd as it follows the keys (RFC 5011). A file that was changed is put aside.\n")
	fmt.Fprintf(&b, "; point: %s\n; checked: %s\n", p.Name, stamp(p.Checked))
	for _, r := range Records(p.Name, p.Configured) {
		fmt.Fprintf(&b, "; configured: %s\n", r)
	}
	for _, k := range p.Keys {
		fmt.Fprintf(&b, "%s%s%s since %s until %s\n", keyRecord(p.Name, k), mark, k.State, stamp(k.Since), stamp(k.Until))
	}
	return b.String() + lastLine(b.String())
}

const (
	firstLine = "; cnfd trust anchor state 1"
	mark      = " ;; "
	never     = "never"
)

func lastLine(above string) string {
	return fmt.Sprintf("; end sha256:%x\n", sha256.Sum256([]byte(above)))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return never
	}
	return t.UTC().Format(time.RFC3339)
}

func parseStamp(s string) (time.Time, error) {
	if s == never {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, s)
}

func keyRecord(name string, k Key) string {
	return fmt.Sprintf("%s IN DNSKEY %d %d %d %s", name, k.DNSKEY.Flags, k.DNSKEY.Protocol, k.DNSKEY.Algorithm, k.DNSKEY.PublicKey)
}

// Records are the zone-file lines of what is trusted at a name, sorted.
func Records(name string, tr *dnssec.Trust) []string {
	if tr == nil {
		return nil
	}
	var out []string
	for _, ds := range tr.DS {
		out = append(out, fmt.Sprintf("%s IN DS %d %d %d %s", name, ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest)))
	}
	for _, k := range tr.Keys {
		out = append(out, keyRecord(name, Key{DNSKEY: k}))
	}
	slices.Sort(out)
	return out
}

// Parse reads a state file. The error says what is wrong with it; nothing of
// such a file is to be used.
func Parse(text string) (Point, error) {
	above, ok := strings.CutSuffix(text, "\n")
	i := strings.LastIndex(above, "\n")
	if !ok || i < 0 {
		return Point{}, errors.New("not a whole state file: it ends in the middle of a line or is empty")
	}
	if !strings.HasPrefix(text, firstLine+"\n") {
		return Point{}, fmt.Errorf("not a state file: its first line is not %q", firstLine)
	}
	if text[i+1:] != lastLine(text[:i+1]) {
		return Point{}, errors.New("cut short or changed: its last line is not the digest of what stands above")
	}
	var p Point
	var configured []string
	lines := bufio.NewScanner(strings.NewReader(text[:i+1]))
	for n := 1; lines.Scan(); n++ {
		if err := p.readLine(lines.Text(), &configured); err != nil {
			return Point{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Point{}, err
	}
	if p.Name == "" {
		return Point{}, errors.New("it does not say of which name")
	}
	if len(configured) > 0 {
		tr, err := trustOf(p.Name, configured)
		if err != nil {
			return Point{}, fmt.Errorf("configured: %w", err)
		}
		p.Configured = tr
	}
	return p, nil
}

func (p *Point) readLine(line string, configured *[]string) (err error) {
	if name, ok := strings.CutPrefix(line, "; point: "); ok {
		if normal, ok := dnssec.Normal(name); !ok || normal != name || p.Name != "" {
			return fmt.Errorf("%q is not the one name of the file", name)
		}
		p.Name = name
		return nil
	}
	if at, ok := strings.CutPrefix(line, "; checked: "); ok {
		p.Checked, err = parseStamp(at)
		return err
	}
	if record, ok := strings.CutPrefix(line, "; configured: "); ok {
		*configured = append(*configured, record)
		return nil
	}
	if strings.HasPrefix(line, ";") {
		return nil
	}
	i := strings.LastIndex(line, mark)
	if i < 0 {
		return errors.New("a record without its state")
	}
	tr, err := trustOf(p.Name, []string{line[:i]})
	if err != nil {
		return err
	}
	if len(tr.Keys) != 1 {
		return errors.New("not a DNSKEY")
	}
	k := Key{DNSKEY: unrevoked(p.Name, tr.Keys[0])}
	if p.find(k.DNSKEY) != nil {
		return errors.New("a key that was there before")
	}
	if k.State, k.Since, k.Until, err = readState(line[i+len(mark):]); err != nil {
		return err
	}
	p.Keys = append(p.Keys, k)
	return nil
}

// readState reads "valid since 2026-11-22T06:40:00Z until never".
func readState(text string) (s State, since, until time.Time, err error) {
	words := strings.Split(text, " ")
	if len(words) != 5 || words[1] != "since" || words[3] != "until" {
		return 0, since, until, fmt.Errorf("%q is no state", text)
	}
	i := slices.Index(stateNames[:], words[0])
	if i <= int(Start) {
		return 0, since, until, fmt.Errorf("%q is no state", words[0])
	}
	if since, err = parseStamp(words[2]); err == nil {
		until, err = parseStamp(words[4])
	}
	s = State(i)
	// A hold-down without an end would be over at once.
	if err == nil && until.IsZero() == (s == AddPend || s == Revoked) {
		err = fmt.Errorf("a key that is %s until %s", s, words[4])
	}
	return s, since, until, err
}

// trustOf reads zone-file lines, all of which must be of one name.
func trustOf(name string, lines []string) (*dnssec.Trust, error) {
	a, err := dnssec.ParseAnchors(lines)
	if err != nil {
		return nil, err
	}
	tr := a.At(name)
	if tr == nil || len(tr.DS)+len(tr.Keys) != len(lines) {
		return nil, fmt.Errorf("a record of another name than %q", name)
	}
	return tr, nil
}
