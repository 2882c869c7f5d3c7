package publish

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func midway() Rotation {
	r := fresh()
	r.Stage, r.TTL = NextPublished, 300*time.Second
	r.Began = time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
	r.Absence, r.Seen = time.Hour, r.Began.Add(time.Second)
	r.Since, r.Until = r.Began.Add(41*time.Second), r.Began.Add(343*time.Second+123)
	return r
}

func TestRotationIsReadAsItIsWritten(t *testing.T) {
	for s := Planned; s <= Retired; s++ {
		for _, want := range []Rotation{fresh(), midway()} {
			want.Stage = s
			got, err := ParseRotation(want.Text())
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, want %+v: %v", got, want, err)
			}
		}
	}
}

func TestRotationsThatAreRefused(t *testing.T) {
	m := midway()
	good := string(m.Text())
	if _, err := ParseRotation([]byte(good)); err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) string {
		t.Helper()
		if strings.Count(good, old) == 0 {
			t.Fatalf("no %q in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	// resummed is a document that says something else and has its own right sum.
	resummed := func(change func(*Rotation)) string {
		r := midway()
		change(&r)
		return string(r.Text())
	}
	for claim, tt := range map[string]struct{ text, says string }{
		"nothing":                    {"", "cut off or damaged"},
		"cut off":                    {good[:len(good)/2], "cut off or damaged"},
		"zeros":                      {strings.Repeat("\x00", len(good)), "cut off or damaged"},
		"something else":             {`{"a":1}`, "no version"},
		"another version":            {swap(`"version": 1`, `"version": 2`), "version 2, this cnfd knows 1"},
		"an unknown member":          {swap(`"ttl": 300`, `"ttl": 300, "speed": 1`), `unknown field "speed"`},
		"a member twice":             {swap(`"ttl": 300`, `"ttl": 1, "ttl": 300`), "damaged"},
		"a shorter wait":             {swap("06:45:43", "06:41:43"), "its SHA-256 is not that of what it says"},
		"an earlier step":            {swap("next_published", "spread"), "its SHA-256 is not that of what it says"},
		"a step that there is not":   {swap("next_published", "next_publishef"), `step "next_publishef": there is none`},
		"the stranger's own stage":   {resummed(func(r *Rotation) { r.Stage = Retired + 1 }), `step "unknown": there is none`},
		"another sum":                {swap(`"sha256": "`, `"sha256": "0`), "SHA-256"},
		"something behind it":        {good + "{}", "damaged"},
		"other spaces":               {strings.ReplaceAll(good, "  ", " "), "edited"},
		"a record that is none":      {swap(`"old": "255 255 255`, `"old": "256 255 255`), "want a number from 0 to 255"},
		"one key":                    {resummed(func(r *Rotation) { r.Swaps[0].New = r.Swaps[0].Old }), "they are one key"},
		"no records":                 {resummed(func(r *Rotation) { r.Swaps = nil }), "want as many"},
		"a TTL that there is not":    {resummed(func(r *Rotation) { r.TTL = 1 << 31 * time.Second }), "ttl 2147483648"},
		"an absence of no length":    {resummed(func(r *Rotation) { r.Absence = -2 * time.Second }), "absence -1"},
		"an absence without end":     {resummed(func(r *Rotation) { r.Absence = 1 << 31 * time.Second }), "absence 2147483648"},
		"a shorter absence":          {swap(`"absence": 3600`, `"absence": 600`), "SHA-256"},
		"a time that is none":        {swap("2026-11-22T06:40:41Z", "2026-13-22T06:40:41Z"), "month out of range"},
		"a time in another notation": {swap("2026-11-22T06:40:41Z", "2026-11-22T07:40:41+01:00"), "edited"},
		"a file of another program":  {strings.Repeat(" ", maxState) + good, "too long"},
	} {
		r, err := ParseRotation([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", claim, err, tt.says)
		}
		if !reflect.DeepEqual(r, Rotation{}) {
			t.Errorf("%s: read as %+v", claim, r)
		}
	}
	for i := range good { // any octet that is lost, or is another
		for _, text := range []string{good[:i] + good[i+1:], good[:i] + string(good[i]^1) + good[i+1:]} {
			if _, err := ParseRotation([]byte(text)); err == nil {
				t.Fatalf("octet %d: read", i)
			}
		}
	}
}

func TestNewRotation(t *testing.T) {
	other := entriesOf(next)
	other[1].Name = "5.8.vendor.example."
	for claim, tt := range map[string]struct {
		old, next []Entry
		want      string
	}{
		"two keys":        {entriesOf(ours), entriesOf(next), ""},
		"one key":         {entriesOf(ours), entriesOf(ours), "they are one key"},
		"no records":      {nil, nil, "want as many"},
		"more of one":     {entriesOf(ours), entriesOf(next)[:1], "want as many"},
		"the zero record": {entriesOf(ours), entriesOf(Record{}), "no record"},
		"other names":     {entriesOf(ours), other, "want the same names"},
	} {
		if _, err := NewRotation("s", "a", "b", tt.old, tt.next); fmt.Sprint(err) != "<nil>" && tt.want == "" || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", claim, err, tt.want)
		}
	}
}

func TestContinues(t *testing.T) {
	for claim, tt := range map[string]struct {
		change func(*Rotation)
		says   string
	}{
		"the same":            {func(*Rotation) {}, ""},
		"further on":          {func(r *Rotation) { r.Stage, r.TTL, r.Began = Aged, 1, time.Unix(1, 0) }, ""},
		"another subject":     {func(r *Rotation) { r.Subject = "https://other.example" }, "of the subject"},
		"from another key":    {func(r *Rotation) { r.From = "urn:x" }, "from the key"},
		"to another key":      {func(r *Rotation) { r.To = "urn:x" }, "to the key"},
		"of fewer names":      {func(r *Rotation) { r.Swaps = r.Swaps[:1] }, "of 1 records, not 2"},
		"of another form":     {func(r *Rotation) { r.Swaps[1].Old.Form, r.Swaps[1].New.Form = "underscore", "underscore" }, "same methods and forms"},
		"with another record": {func(r *Rotation) { r.Swaps[0].New.Record = theirs }, "same methods and forms"},
	} {
		r, asked := fresh(), fresh()
		tt.change(&r)
		if err := r.Continues(&asked); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", claim, err, tt.says)
		}
	}
}

func openState(t *testing.T, path string) *StateFile {
	t.Helper()
	f, err := OpenState(path, domain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "state.json")
	f := openState(t, path)
	if r, found, err := f.Load(); found || err != nil {
		t.Fatalf("%v, %v, %v", r, found, err)
	}
	for s := Planned; s <= Retired; s++ {
		want := midway()
		want.Stage = s
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
		if got, found, err := f.Load(); !found || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, %v", got, found, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestStateFileThatCannotBeWrittenStaysAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	f := openState(t, path)
	if err := f.Save(midway()); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := os.MkdirAll(filepath.Join(path+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	later := midway()
	later.Stage = Retired
	if err := f.Save(later); err == nil {
		t.Error("saved")
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, before) {
		t.Errorf("now %s", now)
	}
	os.RemoveAll(path + ".new")
	if err := os.WriteFile(path+".new", []byte("of a crash in the middle"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(later); err != nil {
		t.Error(err)
	}
	if r, _, err := f.Load(); err != nil || r.Stage != Retired {
		t.Errorf("%v, %v", r.Stage, err)
	}
}

func TestStateFileSaysWhichFileIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	f := openState(t, path)
	m := midway()
	os.WriteFile(path, m.Text()[:40], 0o600)
	if r, found, err := f.Load(); found || err == nil || !strings.Contains(err.Error(), path+": it is no state of a rotation, or cut off or damaged") {
		t.Errorf("%v, %v, %v", r, found, err)
	}
}

func TestOneRotationOfADomainAtATime(t *testing.T) {
	dir := t.TempDir()
	first := openState(t, filepath.Join(dir, "a.json"))
	if f, err := OpenState(filepath.Join(dir, "b.json"), domain); err == nil || !strings.Contains(err.Error(), "another rotation of this domain is at work") {
		t.Errorf("%v, %v", f, err)
	}
	if f, err := OpenState(filepath.Join(dir, "b.json"), "other.example"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	first.Close()
	if f, err := OpenState(filepath.Join(dir, "b.json"), domain); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

// TestUnfinished finds what is under way beside a file, of that domain, and nothing else.
func TestUnfinished(t *testing.T) {
	of := func(s Stage) string {
		r := midway()
		r.Stage = s
		return string(r.Text())
	}
	elsewhere := midway()
	for i := range elsewhere.Swaps {
		elsewhere.Swaps[i].Old.Domain, elsewhere.Swaps[i].New.Domain = "other.example", "other.example"
	}
	for _, tt := range []struct {
		claim, name, text string
		found             bool
		says              string
	}{
		{"one that waits for the switch", "b.json", of(Spread), true, ""},
		{"one of which nothing is known to be written", "b.json", of(Planned), true, ""},
		{"one whose old key is not retired", "b.json", of(Aged), true, ""},
		{"one that is over", "b.json", of(Retired), false, ""},
		{"that of the file itself", "a.json", of(Spread), false, ""},
		{"one of another domain", "b.json", string(elsewhere.Text()), false, ""},
		{"a file of another kind", "b.json", "{}", false, ""},
		{"a copy", "b.json.old", of(Spread), false, ""},
		{"one that is damaged and named as the domain's", "rotate-vendor.example-01-02.json", of(Spread)[:50], false, "rotate-vendor.example-01-02.json: it is no state"},
		{"one that is damaged and named as another's", "rotate-other.example-01-02.json", of(Spread)[:50], false, ""},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, tt.name)
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		others, err := Unfinished(filepath.Join(dir, "a.json"), domain)
		if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.claim, err, tt.says)
		}
		if found := len(others) == 1 && others[0].Path == path; found != tt.found || len(others) > 1 {
			t.Errorf("%s: %v", tt.claim, others)
		}
	}
	if others, err := Unfinished(filepath.Join(t.TempDir(), "none", "a.json"), domain); others != nil || err != nil {
		t.Errorf("where there is no directory: %v, %v", others, err)
	}
}

func TestStateFileIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	f := openState(t, path)
	over := midway()
	over.Stage = Retired
	if err := f.Save(over); err != nil {
		t.Fatal(err)
	}
	aside := Aside(path, time.Date(2026, 11, 22, 21, 17, 45, 0, time.UTC))
	if want := strings.TrimSuffix(path, ".json") + "-20261122T211745Z.json"; aside != want {
		t.Fatalf("%s, want %s", aside, want)
	}
	if err := f.PutAside(aside); err != nil {
		t.Fatal(err)
	}
	if _, found, err := f.Load(); found || err != nil {
		t.Errorf("it is still there: %v", err)
	}
	if r, found, err := ReadState(aside); !found || err != nil || !reflect.DeepEqual(r, over) {
		t.Errorf("%+v, %v, %v", r, found, err)
	}
	if err := f.Save(midway()); err != nil {
		t.Fatal(err)
	}
	if err := f.PutAside(aside); err == nil || !strings.Contains(err.Error(), "it is there already") {
		t.Errorf("over what was there: %v", err)
	}
	if r, _, err := ReadState(aside); err != nil || r.Stage != Retired {
		t.Errorf("%v, %v", r.Stage, err)
	}
}

func FuzzParseRotation(f *testing.F) {
	m, z := midway(), fresh()
	f.Add(m.Text())
	f.Add(z.Text())
	f.Add([]byte(`{"version":1,"records":[{"old":"255 255 255 00"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRotation(text)
		if err != nil {
			if !reflect.DeepEqual(r, Rotation{}) {
				t.Errorf("an error, and %+v", r)
			}
			return
		}
		if !bytes.Equal(r.Text(), text) {
			t.Error("read, and written otherwise")
		}
	})
}
