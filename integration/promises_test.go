package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// A promise is a credential, and what its verifier knows of it, that a daemon confirms with every check that is asked for.
type promise struct {
	token   string // as it stands in JSON
	media   string // the type of the token alone
	options bound  // check, aud, nonce and the rest, by their names in the query
}

// with returns the promise with other options beside its own; nil takes one away.
func (p promise) with(options bound) promise {
	p.options = maps.Clone(p.options)
	for name, value := range options {
		if p.options[name] = value; value == nil {
			delete(p.options, name)
		}
	}
	return p
}

// A flip changes one thing of a promise.
type flip struct {
	claim  string
	change func(t *testing.T, p *promise)
	want   string // outcome and reason, or status and problem
	detail string // what the verdict says of the rule, or a part of that
}

// flips shows that the daemon keeps the promise, then, of each flip alone, what it comes to. Asked for no check, not even of
// the time, the daemon confirms all the same: it is the check that finds out, and nothing else is wrong. What is a
// problem is one whatever is asked for.
func (d *daemon) flips(t *testing.T, p promise, flips []flip) {
	t.Helper()
	for _, f := range flips {
		t.Run(f.claim, func(t *testing.T) {
			d.keeps(t, p)
			flipped := p.with(nil)
			f.change(t, &flipped)
			if reflect.DeepEqual(flipped, p) {
				t.Fatal("nothing is changed")
			}
			d.comes(t, flipped, f.want, f.detail)
			bare := flipped.with(bound{"check": nil, "aud": nil, "nonce": nil, "time": false})
			if strings.HasPrefix(f.want, "4") {
				d.comes(t, bare, f.want, f.detail)
			} else {
				d.keeps(t, bare)
			}
		})
	}
}

// keeps asks and wants a confirmation by every check of the promise, and by no other.
func (d *daemon) keeps(t testing.TB, p promise) {
	t.Helper()
	v := d.examine(t, p)
	word := func(check string) string {
		if list, _ := p.options["check"].(string); strings.Contains(","+list+",", ","+check+",") {
			return "valid"
		}
		return "not_checked"
	}
	if v.String() != confirmed || v.Signature != word("signature") || v.KeyBinding != word("key_binding") || v.Detail != "" {
		t.Fatalf("%v, signature %s, key binding %s, %q: %s", v, v.Signature, v.KeyBinding, v.Detail, v.whole())
	}
}

// comes asks and wants that reason for that rule.
func (d *daemon) comes(t testing.TB, p promise, want, detail string) {
	t.Helper()
	if v := d.examine(t, p); v.String() != want || !strings.Contains(v.Detail, detail) {
		t.Errorf("%v (%q), want %s (%q): %s", v, v.Detail, want, detail, v.whole())
	}
}

// examine asks for a verdict in JSON, and with the token alone as the body. Both must say the same.
func (d *daemon) examine(t testing.TB, p promise) checked {
	t.Helper()
	v, w := d.inJSON(t, p), d.alone(t, p)
	if v.String() != w.String() || v.Detail != w.Detail || v.Signature != w.Signature || v.KeyBinding != w.KeyBinding {
		t.Errorf("in JSON %v (%s), alone %v (%s)", v, v.Detail, w, w.Detail)
	}
	return v
}

// inJSON asks over TCP.
func (d *daemon) inJSON(t testing.TB, p promise) checked {
	t.Helper()
	question := bound{"token": p.token}
	maps.Copy(question, p.options)
	if list, there := p.options["check"]; there {
		question["check"] = strings.Split(list.(string), ",")
	}
	body, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	return examine(t, http.DefaultClient, "http://"+d.tcp+"/v1/verify", "application/json", body)
}

// alone asks over the unix socket, with the options in the query; a CWT is in octets then.
func (d *daemon) alone(t testing.TB, p promise) checked {
	t.Helper()
	query, body := url.Values{}, []byte(p.token)
	for name, value := range p.options {
		query.Set(name, fmt.Sprint(value))
	}
	if p.media == "application/cwt" {
		body = octetsOf(t, p.token)
	}
	return examine(t, d.local(), "http://cnfd/v1/verify?"+query.Encode(), p.media, body)
}

// examine returns a verdict; of a problem, status and type stand where outcome and reason do.
func examine(t testing.TB, client *http.Client, to, mediaType string, body []byte) (v checked) {
	t.Helper()
	response, err := client.Post(to, mediaType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct{ Type, Detail string }
	if response.StatusCode != http.StatusOK {
		err = json.Unmarshal(text, &problem)
		v.Outcome, v.Reason, v.Detail = fmt.Sprint(response.StatusCode), strings.TrimPrefix(problem.Type, "urn:cnfd:problem:"), problem.Detail
	} else {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// newDomain starts an internet on addresses 127.number.0.x in which one domain below example. has these records, signed all
// the way up from the root.
func newDomain(t testing.TB, number int, kinds tiers, domain string, set ...dns.RR) *internet {
	t.Helper()
	lab(t)
	network := network(t, number)
	in := &internet{
		trust: trust{net: network, hints: []string{network + "1"}},
		root:  newHost(t, kinds.root, network+"1"),
		tld:   newHost(t, kinds.tld, network+"2"),
		leaf:  newHost(t, kinds.leaf, network+"3"),
		zones: map[string]*zone{},
	}
	root, example := in.add(t, in.root, ".", dns.ECDSAP256SHA256), in.add(t, in.tld, "example.", dns.ECDSAP256SHA256)
	leaf := in.add(t, in.leaf, domain, dns.ED25519)
	for parent, child := range map[*zone]*zone{root: example, example: leaf} {
		parent.edit(nil, append(child.set(child.name, dns.TypeNS), child.set(child.under("ns"), dns.TypeA)...))
	}
	leaf.edit(nil, set)
	for _, h := range []*host{in.root, in.tld, in.leaf} {
		h.launch(t)
	}
	for _, h := range []*host{in.root, in.tld, in.leaf} {
		h.awaitZones(t)
	}
	in.chain(t)
	return in
}

// madeBy runs a script of tokens/ with wishes as its input, and skips the test naming what it needs and is not there.
func madeBy(t testing.TB, wishes, made any, argv ...string) {
	t.Helper()
	if argv[0] == "node" {
		testneeds.Binary(t, "node", "nodejs")
		for _, name := range []string{"jose", "@sd-jwt/sd-jwt-vc", "@auth0/cose"} {
			if _, err := os.Stat(filepath.Join("tokens", "node_modules", name)); err != nil {
				testneeds.Lacking(t, "npm's "+name+" is missing: (cd integration/tokens && npm ci)")
			}
		}
	} else if _, err := try("", "", argv[0], "-c", "import cbor2, cryptography"); err != nil {
		testneeds.Lacking(t, "Python libraries are missing: apt-get install python3-cbor2 python3-cryptography")
	}
	stdin, err := json.Marshal(wishes)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(run(t, "tokens", string(stdin), argv...)), made); err != nil {
		t.Fatal(err)
	}
}

// keyFile writes the keys of an issuer where a configuration can name them.
func keyFile(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var b64u = base64.RawURLEncoding

func octetsOf(t testing.TB, text string) []byte {
	t.Helper()
	octets, err := b64u.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}
