package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
	"cnfd/publish/provider"

	"github.com/miekg/dns"
)

// powerdnsAPI is PowerDNS with its web server and its API, and one key for it.
type powerdnsAPI struct{ powerdns }

const powerdnsKey = "eekieX9Aiy6u"

func (p powerdnsAPI) configure(t testing.TB, h *host) {
	t.Helper()
	p.powerdns.configure(t, h)
	text, err := os.ReadFile(h.path("pdns.conf"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, h.path("pdns.conf"), string(text)+fmt.Sprintf("webserver=yes\nwebserver-address=%s\nwebserver-port=8081\nwebserver-allow-from=127.0.0.0/8\napi=yes\napi-key=%s\n", h.addr, powerdnsKey))
}

// An overHTTP is a PowerDNS whose zones are edited over HTTP, below a root that Knot signs.
type overHTTP struct {
	*internet
	t *testing.T
}

func newOverHTTP(t *testing.T, number int) *overHTTP {
	t.Helper()
	lab(t)
	network := network(t, number)
	in := &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}}
	in.root, in.leaf = newHost(t, knot{}, network+"1"), newHost(t, powerdnsAPI{}, network+"2")
	in.tld = in.leaf
	root := in.add(t, in.root, ".", dns.ECDSAP256SHA256)
	for _, name := range []string{"vendor.example.", "third.example."} {
		z := in.add(t, in.leaf, name, dns.ECDSAP256SHA256)
		z.nsec3 = name == "third.example."
		z.edit(nil, records(t, name+" A 192.0.2.1", "www."+name+" A 192.0.2.2", "other."+name+" TXT \"beside\"", "*.wild."+name+" TXT \"any\""))
		root.edit(nil, slices.Concat(z.set(name, dns.TypeNS), z.set("ns."+name, dns.TypeA)))
	}
	for _, h := range []*host{in.root, in.leaf} {
		h.start(t)
	}
	in.chain(t)
	for _, z := range in.leaf.zones {
		powerdns{}.util(t, in.leaf, "set-meta", z.name, "SOA-EDIT-API", "DEFAULT")
	}
	e := &overHTTP{in, t}
	await(t, "the API", func() error {
		_, err := e.target(func(c *provider.Config) {}).Zone.Read(t.Context(), "jwk.cnf.vendor.example.")
		return err
	})
	return e
}

func (e *overHTTP) target(change func(*provider.Config)) publish.Target {
	e.t.Helper()
	c := provider.Config{Endpoint: "http://" + e.leaf.addr + ":8081", Credentials: []byte(powerdnsKey + "\n"), Now: time.Now}
	change(&c)
	target, err := provider.New("powerdns", c)
	if err != nil {
		e.t.Fatal(err)
	}
	return target
}

// raw makes one call as it stands.
func (e *overHTTP) raw(t testing.TB, method, path, body string) (status int, reply string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+e.leaf.addr+":8081/api/v1/servers/localhost"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", powerdnsKey)
	s, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Body.Close()
	text, err := io.ReadAll(s.Body)
	if err != nil {
		t.Fatal(err)
	}
	return s.StatusCode, string(text)
}

// sql asks the database that the server keeps its zones in.
func (e *overHTTP) sql(t testing.TB, statement string) []string {
	t.Helper()
	out := run(t, e.leaf.dir, "", "sqlite3", e.leaf.path("zones.sqlite3"), statement)
	return strings.Split(strings.TrimSpace(out), "\n")
}

// rows is all that the database holds for people, but for SOA records, whose serial every change counts up.
func (e *overHTTP) rows(t testing.TB) []string {
	t.Helper()
	return append(
		e.sql(t, "select name, type, content, ttl, disabled from records where type != 'SOA' and type is not null order by 1, 2, 3"),
		e.sql(t, "select name, type, account, comment from comments order by 1, 2, 3, 4")...)
}

func pdnsRecord(t testing.TB, text string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (e *overHTTP) read(t testing.TB, z publish.Zone, name string) publish.Set {
	t.Helper()
	set, err := z.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const pdnsOurs = "255 255 255 80D55420B982E8C5F4D3671C215987A9E8C9B657C5C87F466475FC95857264BD"

// TestPowerDNSOverHTTP writes to a real one, and asks whoever judges by himself what it serves then.
func TestPowerDNSOverHTTP(t *testing.T) {
	t.Parallel()
	e := newOverHTTP(t, 147)
	for _, zone := range []string{"vendor.example.", "third.example."} {
		t.Run("beside others in "+zone, func(t *testing.T) { e.besideOthers(t, zone) })
		t.Run("alone in "+zone, func(t *testing.T) { e.alone(t, zone) })
	}
	t.Run("a set of 255 records, and long data", e.many)
	t.Run("somebody else at the last moment", e.lastMoment)
	t.Run("what is not written to", e.notWritten)
	t.Run("an alias", func(t *testing.T) {
		z := e.target(func(*provider.Config) {}).Zone
		if got := e.read(t, z, "alias.vendor.example."); got.Alias != "" {
			t.Fatal(got)
		}
		e.patch(t, `{"name":"alias.vendor.example.","type":"CNAME","ttl":300,"changetype":"REPLACE","records":[{"content":"www.vendor.example.","disabled":false}]}`)
		if got := e.read(t, z, "alias.vendor.example."); got.Alias != "www.vendor.example." {
			t.Errorf("%+v", got)
		}
	})
	t.Run("what the fake of package provider answers too", e.asTheFake)
	t.Run("the command writes, waits and proves", e.command)
}

// patch sends one RRset, which must be taken.
func (e *overHTTP) patch(t testing.TB, set string) {
	t.Helper()
	if status, reply := e.raw(t, "PATCH", "/zones/vendor.example.", `{"rrsets":[`+set+`]}`); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, reply)
	}
}

// secured fails unless everybody who judges proves the records at name to be these, or that there are none.
func (e *overHTTP) secured(t testing.TB, name string, want publish.Set) {
	t.Helper()
	r, err := e.leaf.ask(name, dns.TypeTLSA)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rr := range r.Answer {
		if x, ok := rr.(*dns.TLSA); ok {
			got = append(got, fmt.Sprintf("%d %d %d %s", x.Usage, x.Selector, x.MatchingType, strings.ToUpper(x.Certificate)))
			if x.Hdr.Ttl != uint32(want.TTL/time.Second) {
				t.Errorf("%s: TTL %d, want %v", name, x.Hdr.Ttl, want.TTL)
			}
		}
	}
	var text []string
	for _, r := range want.Records {
		text = append(text, r.String())
	}
	slices.Sort(got)
	slices.Sort(text)
	if !slices.Equal(got, text) {
		t.Errorf("%s: served %q, want %q", name, got, text)
	}
	for _, n := range []string{name, "beside-" + name, strings.SplitN(name, ".", 2)[1], "zz." + name} {
		if s := e.unbound(t, n, "TLSA"); s != "secure" {
			t.Errorf("Unbound: %s is %s", n, s)
		}
	}
	if s := e.resolve(t, name, "TLSA", settings{}); s != "secure" {
		t.Errorf("cnfd: %s is %s", name, s)
	}
}

func (e *overHTTP) besideOthers(t *testing.T, zone string) {
	name, z := "jwk.cnf."+zone, e.target(func(*provider.Config) {}).Zone
	if status, reply := e.raw(t, "PATCH", "/zones/"+zone, `{"rrsets":[{"name":"`+name+`","type":"TLSA","ttl":7200,"changetype":"REPLACE",
		"records":[{"content":"3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971","disabled":false},
			{"content":"0 0 1 aabb","disabled":true},{"content":"255 255 255 `+strings.Repeat("a5", 48)+`","disabled":false}],
		"comments":[{"content":"of the mail people","account":"mail","modified_at":1}]}]}`); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, reply)
	}
	before, ours := e.rows(t), pdnsRecord(t, pdnsOurs)
	c := publish.Change{Name: name, Before: e.read(t, z, name)}
	c.After = c.Before.With(ours, time.Minute)
	if len(c.Before.Records) != 2 || c.Before.TTL != 2*time.Hour {
		t.Fatalf("%+v", c.Before)
	}
	if err := z.Write(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := e.read(t, z, name); !got.Same(c.After) || got.TTL != c.After.TTL {
		t.Errorf("read back %+v", got)
	}
	gone, come := rowsApart(before, e.rows(t))
	if len(gone) != 0 || len(come) != 1 || !strings.Contains(come[0], strings.ToLower(pdnsOurs)) {
		t.Errorf("rows gone: %q; come: %q", gone, come)
	}
	e.secured(t, name, c.After)
	if err := z.Write(t.Context(), c.Undo()); err != nil {
		t.Fatal(err)
	}
	if gone, come := rowsApart(before, e.rows(t)); len(gone)+len(come) != 0 {
		t.Errorf("rows gone: %q; come: %q", gone, come)
	}
	e.secured(t, name, c.Before)
}

// alone writes a name that was not there, with an empty one above it: the order of denials changes, which the server
// is told here not to keep by itself.
func (e *overHTTP) alone(t *testing.T, zone string) {
	name, z := "1.8."+zone, e.target(func(*provider.Config) {}).Zone
	powerdns{}.util(t, e.leaf, "set-meta", zone, "API-RECTIFY", "0")
	defer powerdns{}.util(t, e.leaf, "set-meta", zone, "API-RECTIFY")
	unordered := func() []string {
		return e.sql(t, "select name from records where ordername is null and type = 'TLSA' and name = '"+strings.TrimSuffix(name, ".")+"'")
	}
	raw := `{"rrsets":[{"name":"` + name + `","type":"TLSA","ttl":300,"changetype":"REPLACE","records":[{"content":"3 1 1 aabb","disabled":false}]}]}`
	if status, reply := e.raw(t, "PATCH", "/zones/"+zone, raw); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, reply)
	}
	if got := unordered(); got[0] == "" {
		t.Fatal("with API-RECTIFY off, PATCH alone has put the name in order")
	}
	if status, _ := e.raw(t, "PATCH", "/zones/"+zone, `{"rrsets":[{"name":"`+name+`","type":"TLSA","changetype":"DELETE"}]}`); status != http.StatusNoContent {
		t.Fatal(status)
	}
	before := e.rows(t)
	add := publish.Change{Name: name, Before: e.read(t, z, name)}
	add.After = add.Before.With(pdnsRecord(t, pdnsOurs), 5*time.Minute)
	if err := z.Write(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	if got := unordered(); got[0] != "" {
		t.Errorf("not in order: %q", got)
	}
	e.secured(t, name, add.After)
	if err := z.Write(t.Context(), add.Undo()); err != nil {
		t.Fatal(err)
	}
	e.secured(t, name, add.Before)
	if gone, come := rowsApart(before, e.rows(t)); len(gone)+len(come) != 0 {
		t.Errorf("rows gone: %q; come: %q", gone, come)
	}
}

func (e *overHTTP) many(t *testing.T) {
	const name = "many.vendor.example."
	z := e.target(func(*provider.Config) {}).Zone
	c := publish.Change{Name: name, Before: e.read(t, z, name)}
	c.After = c.Before.With(pdnsRecord(t, "3 0 0 "+strings.Repeat("3082", 600)), time.Hour)
	for i := range 254 {
		c.After = c.After.With(pdnsRecord(t, fmt.Sprintf("255 255 255 %064x", i)), time.Hour)
	}
	if err := z.Write(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := e.read(t, z, name); !got.Same(c.After) || len(got.Records) != 255 {
		t.Errorf("%d records read back", len(got.Records))
	}
	if err := z.Write(t.Context(), c.Undo()); err != nil {
		t.Fatal(err)
	}
	if got := e.read(t, z, name); len(got.Records) != 0 {
		t.Errorf("%d records left", len(got.Records))
	}
}

// between lets somebody else do something just before a PATCH.
type between struct{ do func() }

func (b *between) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch && b.do != nil {
		b.do()
		b.do = nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (e *overHTTP) lastMoment(t *testing.T) {
	const name = "moment.vendor.example."
	b := &between{}
	z := e.target(func(c *provider.Config) { c.Client = &http.Client{Transport: b} }).Zone
	theirs := `{"name":"` + name + `","type":"TLSA","ttl":300,"changetype":"REPLACE","records":[{"content":"3 1 1 aabb","disabled":false}%s]}`
	e.patch(t, fmt.Sprintf(theirs, ""))
	ours := pdnsRecord(t, pdnsOurs)
	c := publish.Change{Name: name, Before: e.read(t, z, name)}
	c.After = c.Before.With(ours, 0)
	if err := z.Write(t.Context(), c); err != nil {
		t.Fatal("with nobody else:", err)
	}
	if err := z.Write(t.Context(), c.Undo()); err != nil {
		t.Fatal("with nobody else:", err)
	}
	e.patch(t, fmt.Sprintf(theirs, `,{"content":"3 1 1 aadd","disabled":false}`))
	if err := z.Write(t.Context(), c); pdnsKind(err) != publish.Conflict {
		t.Errorf("after another write: %v", err)
	}
	e.patch(t, fmt.Sprintf(theirs, ""))
	b.do = func() { e.patch(t, fmt.Sprintf(theirs, `,{"content":"3 1 1 aacc","disabled":false}`)) }
	if err := z.Write(t.Context(), c); err == nil || !strings.Contains(err.Error(), "somebody else changed the zone in the same moment") {
		t.Errorf("at the last moment: %v", err)
	}
}

func pdnsKind(err error) publish.Kind {
	var e *publish.Error
	if !errors.As(err, &e) {
		return 255
	}
	return e.Kind
}

func (e *overHTTP) notWritten(t *testing.T) {
	const name = "no.vendor.example."
	ours := pdnsRecord(t, pdnsOurs)
	good := e.target(func(*provider.Config) {}).Zone
	c := publish.Change{Name: name, Before: publish.Set{Name: name}}
	c.After = c.Before.With(ours, time.Minute)
	if err := good.Write(t.Context(), c); err != nil {
		t.Fatal("without a fault:", err)
	}
	if err := good.Write(t.Context(), c.Undo()); err != nil {
		t.Fatal("without a fault:", err)
	}
	before := e.rows(t)
	meta := func(kind, value string) { powerdns{}.util(t, e.leaf, "set-meta", "vendor.example", kind, value) }
	kind := func(k string) { e.sql(t, "update domains set type = '"+k+"' where name = 'vendor.example'") }
	for _, tt := range []struct {
		name     string
		config   func(*provider.Config)
		at       string
		put, end func()
		want     publish.Kind
	}{
		{"a wrong key", func(c *provider.Config) { c.Credentials = []byte("eekieX9Aiy6v") }, name, nil, nil, publish.BadKey},
		{"a name in none of its zones", nil, "no.nobody.test.", nil, nil, publish.WrongZone},
		{"another zone than its own", func(c *provider.Config) { c.Zone = "third.example" }, name, nil, nil, publish.WrongZone},
		{"a zone that is signed elsewhere", nil, name, func() { meta("PRESIGNED", "1") }, func() { powerdns{}.util(t, e.leaf, "set-meta", "vendor.example", "PRESIGNED") }, publish.Unsupported},
		{"a zone that is a copy", nil, name, func() { kind("SLAVE") }, func() { kind("NATIVE") }, publish.Unsupported},
	} {
		if tt.put != nil {
			tt.put()
		}
		if tt.config == nil {
			tt.config = func(*provider.Config) {}
		}
		c := publish.Change{Name: tt.at, Before: publish.Set{Name: tt.at}}
		c.After = c.Before.With(ours, time.Minute)
		if err := e.target(tt.config).Zone.Write(t.Context(), c); pdnsKind(err) != tt.want {
			t.Errorf("%s: %v, want kind %s", tt.name, err, tt.want)
		}
		if tt.end != nil {
			tt.end()
		}
		if gone, come := rowsApart(before, e.rows(t)); len(gone)+len(come) != 0 {
			t.Errorf("%s: rows gone: %q; come: %q", tt.name, gone, come)
		}
	}
	if err := good.Write(t.Context(), c); err != nil {
		t.Errorf("without a fault again: %v", err)
	}
}

// asTheFake are the answers that package provider's fake is held to by a table of the same calls (TestPowerDNSFakeIsHonest).
func (e *overHTTP) asTheFake(t *testing.T) {
	const set = `{"rrsets":[{"name":"%s","type":"%s","ttl":300,"changetype":"%s","records":[%s]}]}`
	record := func(content string) string { return `{"content":"` + content + `","disabled":false}` }
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		words                    string
	}{
		{"a zone that is not there", "GET", "/zones/nobody.example.", "", 404, "Not Found"},
		{"none of that name", "GET", "/zones?zone=nobody.example.", "", 200, "[]"},
		{"a name without its dot", "GET", "/zones?zone=vendor.example", "", 422, "is not canonical"},
		{"an owner without its dot", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "is not canonical"},
		{"an owner in another zone", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.other.example.", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "out of zone"},
		{"blanks in the hex", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa bb")), 422, "Not in expected format"},
		{"a field over 255", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("256 1 1 aa")), 422, "Record a.vendor.example./TLSA"},
		{"a record twice", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa")+","+record("3 1 1 aa")), 422, "Duplicate record"},
		{"a change of no known type", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "EXTEND", record("3 1 1 aa")), 422, "Changetype not understood"},
		{"a record", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "alias.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "Conflicts with pre-existing RRset"},
		{"a name with what no host has", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "x5t#s256.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "unsupported characters"},
		{"no JSON", "PATCH", "/zones/vendor.example.", `{"rrsets":`, 400, ""},
		{"upper-case hex", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("3 1 1 AABB")), 204, ""},
		{"which is kept in lower case", "GET", "/zones/vendor.example.", "", 200, `"3 1 1 aabb"`},
		{"a set that is not there any more", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "DELETE", ""), 204, ""},
		{"again", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "DELETE", ""), 204, ""},
	} {
		status, reply := e.raw(t, tt.method, tt.path, tt.body)
		if status != tt.status || !bytes.Contains([]byte(reply), []byte(tt.words)) {
			t.Errorf("%s: %d %s, want %d and %q", tt.name, status, reply, tt.status, tt.words)
		}
	}
}

// command has the record written and taken back as people do it.
func (e *overHTTP) command(t *testing.T) {
	const name = "jkt.cnf.third.example."
	if status, reply := e.raw(t, "PATCH", "/zones/third.example.", `{"rrsets":[{"name":"`+name+`","type":"TLSA","ttl":600,"changetype":"REPLACE","records":[{"content":"3 1 1 aabb","disabled":false}]}]}`); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, reply)
	}
	write(t, e.leaf.path("key.jwk"), pairKey)
	write(t, e.leaf.path("api-key"), powerdnsKey+"\n")
	write(t, e.leaf.path("wrong-key"), "eekieX9Aiy6v\n")
	config, before := e.newConfig(t, settings{}), e.rows(t)
	call := func(verb, credentials string) (string, int) {
		return commandLine(t, "", "publish", verb, "--config", config, "--subject", "https://third.example", "--key", e.leaf.path("key.jwk"), "--method", "jkt",
			"--to", "powerdns", "--server", "http://"+e.leaf.addr+":8081", "--credentials", e.leaf.path(credentials), "--wait", "20s")
	}
	if out, code := call("add", "wrong-key"); code != 2 || !strings.Contains(out, "check the credentials") || strings.Contains(out, "eekieX9Aiy6v") {
		t.Errorf("with a wrong key: exit code %d: %s", code, out)
	}
	if gone, come := rowsApart(before, e.rows(t)); len(gone)+len(come) != 0 {
		t.Errorf("rows gone: %q; come: %q", gone, come)
	}
	if out, code := call("add", "api-key"); code != 0 {
		t.Errorf("add: exit code %d: %s", code, out)
	}
	gone, come := rowsApart(before, e.rows(t))
	if len(gone) != 0 || len(come) != 1 || !strings.Contains(come[0], strings.ToLower(subjectsKey)) {
		t.Errorf("rows gone: %q; come: %q", gone, come)
	}
	if got := e.unbound(t, name, "TLSA"); got != "secure" {
		t.Errorf("Unbound: %s", got)
	}
	if out, code := call("remove", "api-key"); code != 0 {
		t.Errorf("remove: exit code %d: %s", code, out)
	}
	if gone, come := rowsApart(before, e.rows(t)); len(gone)+len(come) != 0 {
		t.Errorf("rows gone: %q; come: %q", gone, come)
	}
}

// rowsApart returns the lines that are only in before and only in after.
func rowsApart(before, after []string) (gone, come []string) {
	only := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
	}
	return only(before, after), only(after, before)
}
