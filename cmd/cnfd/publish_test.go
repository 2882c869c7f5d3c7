package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
	"cnfd/publish"

	"github.com/miekg/dns"
)

// TestTargetsAreOneList holds --to, publish.to and the providers there are together.
func TestTargetsAreOneList(t *testing.T) {
	_, err := config.Parse("c", []byte("publish: {to: nowhere}\n"), config.Default(user()))
	if err == nil {
		t.Fatal("nowhere is taken")
	}
	_, words, _ := strings.Cut(err.Error(), " is not one of ")
	configured := strings.Split(words, ", ")
	configured = slices.DeleteFunc(configured, func(w string) bool { return w == "" })
	all := targets()
	slices.Sort(all)
	slices.Sort(configured)
	if !slices.Equal(all, configured) {
		t.Errorf("--to takes %q, publish.to %q", all, configured)
	}
	usage := newPublishAdd().Flags().Lookup("to").Usage
	for _, w := range all {
		if !strings.Contains(usage, w) {
			t.Errorf("-h does not name %s", w)
		}
	}
}

// TestChoose: another target than the configuration's gets nothing of what is said of that one.
func TestChoose(t *testing.T) {
	configured := config.Publish{To: "rfc2136", Server: "192.0.2.1", Zone: "vendor.example.", Credentials: "/k", GSS: true}
	for _, tt := range []struct {
		claim, to string
		want      config.Publish
	}{
		{"the same", "rfc2136", configured},
		{"another", "cloudflare", config.Publish{To: "cloudflare", Zone: "vendor.example."}},
	} {
		got := configured
		(&publishOptions{to: tt.to}).choose(&got)
		if got.To != tt.want.To || got.Server != tt.want.Server || got.Zone != tt.want.Zone || got.Credentials != tt.want.Credentials || got.GSS != tt.want.GSS {
			t.Errorf("%s: %+v", tt.claim, got)
		}
	}
}

func TestPublishExitCodes(t *testing.T) {
	proven := publish.Report{Sets: []publish.SetReport{{Written: true, Served: true, Proven: true, Security: dnssec.Secure}}}
	there := publish.Report{Sets: []publish.SetReport{{Served: true, Proven: true, Security: dnssec.Secure}}}
	unsigned := publish.Report{Sets: []publish.SetReport{{Written: true, Served: true, Proven: true, Security: dnssec.Insecure}}}
	written := publish.Report{Sets: []publish.SetReport{{Written: true, Served: true}}}
	undone := publish.Report{Sets: []publish.SetReport{{Written: true, Undone: true}, {}}}
	dark := publish.Report{Sets: []publish.SetReport{{Unsure: true}}}
	half := publish.Report{Sets: []publish.SetReport{{Written: true}, {}}}
	for _, tt := range []struct {
		claim  string
		report publish.Report
		kind   publish.Kind
		failed bool
		want   int
		says   string
	}{
		{"written and proven", proven, 0, false, 0, "published, and proven"},
		{"there before, and proven", there, 0, false, 0, "published before, and proven: nothing was written"},
		{"written, and all that an unsigned zone can say", unsigned, 0, false, 0, "published, as every server says: nothing proves it, since the zone is not signed"},
		{"written, not proven in time", written, publish.NotProven, true, 1, "written, not proven"},
		{"there before, not proven in time", publish.Report{Sets: []publish.SetReport{{}}}, publish.NotProven, true, 1, "not proven: nothing was written now"},
		{"stopped after the writing", written, publish.Stopped, true, 1, "written, not proven"},
		{"half of it written", half, publish.Partial, true, 1, "written, not proven"},
		{"written, for all that is known", dark, publish.Unreachable, true, 1, "not known whether it was written, and not proven"},
		{"all taken back", undone, publish.Partial, true, 2, "nothing written"},
		{"refused", publish.Report{}, publish.Refused, true, 2, "nothing written"},
		{"stopped before the writing", publish.Report{}, publish.Stopped, true, 2, "nothing written"},
		{"no report and no error", publish.Report{}, 0, false, 1, "not proven: nothing was written now"},
	} {
		var e *publish.Error
		if tt.failed {
			e = &publish.Error{Kind: tt.kind}
		}
		got := exitOf(&tt.report, e)
		if got != tt.want {
			t.Errorf("%s: exit code %d, want %d", tt.claim, got, tt.want)
		}
		if says := outcome("add", &tt.report, got); says != tt.says {
			t.Errorf("%s: %q, want %q", tt.claim, says, tt.says)
		}
	}
}

func tlsa(t *testing.T, text string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNotOurs: only what is removed, and is none of the entries' at that name.
func TestNotOurs(t *testing.T) {
	const name = "jwk.cnf.vendor.example."
	ours, theirs := tlsa(t, "255 255 255 AA"), tlsa(t, "3 1 1 BB")
	before := publish.Set{Name: name, TTL: time.Minute, Records: []publish.Record{ours, theirs}}
	entry := []publish.Entry{{Name: name, Record: ours}}
	for _, tt := range []struct {
		claim   string
		after   publish.Set
		entries []publish.Entry
		want    []string
	}{
		{"ours goes", before.Without(ours), entry, nil},
		{"nothing goes", before, entry, nil},
		{"theirs goes", before.Without(theirs), entry, []string{name + " 60 IN TLSA 3 1 1 BB"}},
		{"all goes", before.Without(ours, theirs), entry, []string{name + " 60 IN TLSA 3 1 1 BB"}},
		{"ours at another name is theirs here", before.Without(ours), []publish.Entry{{Name: "x.", Record: ours}}, []string{name + " 60 IN TLSA 255 255 255 AA"}},
		{"without a key all is theirs", before.Without(ours), []publish.Entry{{Name: name}}, []string{name + " 60 IN TLSA 255 255 255 AA"}},
	} {
		if got := notOurs([]publish.Change{{Name: name, Before: before, After: tt.after}}, tt.entries); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.claim, got, tt.want)
		}
	}
}

// TestReportShows what people and programs are shown of one report.
func TestReportShows(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ours, theirs := tlsa(t, "255 255 255 AA"), tlsa(t, "3 1 1 BB")
	before := publish.Set{Name: "jwk.cnf.vendor.example.", TTL: time.Minute, Records: []publish.Record{theirs}}
	r := publish.Report{Until: at.Add(time.Minute), Sets: []publish.SetReport{{
		Entry:   publish.Entry{Name: before.Name, Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: ours},
		Change:  publish.Change{Name: before.Name, Before: before, After: before.With(ours, time.Hour)},
		Written: true, Served: true, Proven: true, Security: dnssec.Secure, Before: time.Minute, Until: at.Add(time.Minute),
		Servers: []publish.ServerState{{Server: "ns1.vendor.example. 192.0.2.1", Ready: true}, {Server: "ns2.vendor.example. 2001:db8::1", Skipped: true, Why: "not\asked"}},
	}}}
	var b bytes.Buffer
	printReport(&b, &r, at.Add(10*time.Second))
	const want = `jwk.cnf.vendor.example. (jwk, dotted)
  + jwk.cnf.vendor.example. 60 IN TLSA 255 255 255 AA
    jwk.cnf.vendor.example. 60 IN TLSA 3 1 1 BB
  written   yes, and read back octet by octet
  servers   ns1.vendor.example. 192.0.2.1: has the record
            ns2.vendor.example. 2001:db8::1: "not\asked"
  security  secure
  caches    may still say the old until 12:01:00 UTC (in 50s)
`
	if b.String() != want {
		t.Errorf("people are shown\n%s, want\n%s", b.String(), want)
	}
	d := publishDoc{Command: "add", Subject: "https://vendor.example", Target: "rfc2136"}
	d.reported(&r)
	d.failed(&publish.Error{Kind: publish.BadTime, Where: "192.0.2.1:53", What: "clocks differ", Do: "set one", Theirs: at})
	b.Reset()
	if err := d.print(&b); err != nil {
		t.Fatal(err)
	}
	const doc = `{"command":"add","subject":"https://vendor.example","target":"rfc2136","written":true,"proven":true,"sets":[{` +
		`"name":"jwk.cnf.vendor.example.","method":"jwk","form":"dotted","record":"255 255 255 AA","ttl":60,"added":["255 255 255 AA"],"removed":[],"kept":["3 1 1 BB"],` +
		`"written":true,"served":true,"proven":true,"security":"secure","servers":[{"server":"ns1.vendor.example. 192.0.2.1","ready":true},` +
		`{"server":"ns2.vendor.example. 2001:db8::1","ready":false,"skipped":true,"why":"not\u0007sked"}],"cached_before":60,"until":"2026-11-22T12:01:00Z"}],` +
		`"until":"2026-11-22T12:01:00Z","error":{"kind":"bad_time","where":"192.0.2.1:53","what":"clocks differ","do":"set one","theirs":"2026-11-22T12:00:00Z"}}` + "\n"
	if b.String() != doc {
		t.Errorf("programs are shown\n%s, want\n%s", b.String(), doc)
	}
}

// TestTeller: a line an event, the looking at a name once, and nothing of seconds where no person reads.
func TestTeller(t *testing.T) {
	var b bytes.Buffer
	teller := newTeller(&b)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, e := range []publish.Event{
		{At: at, Step: publish.Looking, Name: "a.", Text: "asking"},
		{At: at, Step: publish.Looking, Name: "a.", Text: "asking"},
		{At: at, Step: publish.Warning, Name: "a.", Text: "odd\n"},
		{At: at, Step: publish.Written, Text: "done"},
	} {
		teller.tell(e)
	}
	teller.second()
	teller.rest()
	teller.second()
	if _, err := (quietly{&b, teller}).Write([]byte("end\n")); err != nil {
		t.Fatal(err)
	}
	teller.close()
	const want = "12:00:00 a: asking\n12:00:00 a: warning: \"odd\\n\"\n12:00:00 done\n\r\033[K… 1 s\r\033[Kend\n"
	if b.String() != want {
		t.Errorf("told %q, want %q", b.String(), want)
	}
}

// TestAsk: only yes is consent, and Ctrl-C is none.
func TestAsk(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, " y ": true, "n\n": false, "\n": false, "": false, "yesterday\n": false} {
		if err := ask(context.Background(), strings.NewReader(answer)); (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
	in, w := io.Pipe() // nobody types
	defer w.Close()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	var e *publish.Error
	if err := ask(ctx, in); !errors.As(err, &e) || e.Kind != publish.Stopped {
		t.Errorf("Ctrl-C: %v", err)
	}
}

// TestSIG0Files: the private half alone is named, and the public one beside it is needed.
func TestSIG0Files(t *testing.T) {
	k := &dns.KEY{DNSKEY: dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "update.vendor.example.", Rrtype: dns.TypeKEY, Class: dns.ClassINET},
		Flags: 0x200, Protocol: 3, Algorithm: dns.ED25519,
	}}
	private, err := k.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "Kupdate.vendor.example.+015+00001")
	secret := k.PrivateKeyString(private)
	for file, text := range map[string]string{".private": secret, ".key": k.String() + "\n"} {
		if err := os.WriteFile(base+file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := updateKey([]byte(secret), base+".private")
	if err != nil || !strings.Contains(key.String(), "SIG(0) key update.vendor.example.") {
		t.Fatalf("%v, %v", key, err)
	}
	if _, err := updateKey([]byte(secret), base+".other"); err == nil || !strings.Contains(err.Error(), ".key file is wanted") {
		t.Errorf("a private half by another name: %v", err)
	}
	if err := os.Remove(base + ".key"); err != nil {
		t.Fatal(err)
	}
	if _, err := updateKey([]byte(secret), base+".private"); err == nil || !strings.Contains(err.Error(), "the public half of the key") {
		t.Errorf("without its public half: %v", err)
	}
}

// TestProviderIsCalled: --to and --server reach a provider with the credentials of the
// file, and what it says comes back with nothing of them.
func TestProviderIsCalled(t *testing.T) {
	p := play(t, sandboxOptions{})
	const token = "s3cret-t0ken-of-the-test"
	var asked []string
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"detail":"Invalid token."}`))
	}))
	defer fake.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run([]string{"publish", "add", "--config", p.path(configFile), "--to", "desec", "--server", fake.URL, "--credentials", file,
		"--subject", "https://empty.test", "--key", p.path(clientFile), "--json"}, strings.NewReader(""), &out, &errs)
	var doc publishDoc
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || code != exitUnwritten || doc.Error == nil || doc.Error.Kind != "bad_key" || doc.Target != "desec" {
		t.Errorf("exit code %d, %v: %s\n%s", code, err, out.String(), errs.String())
	}
	if len(asked) == 0 || asked[0] != "Token "+token {
		t.Errorf("asked with %q", asked)
	}
	if strings.Contains(out.String()+errs.String(), token) {
		t.Errorf("the token is repeated: %s%s", out.String(), errs.String())
	}
}
