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
	"reflect"
	"strings"
	"testing"
	"time"
)

// signatureOf asks for the signature of a token alone.
func signatureOf(g grant) bound { return bound{"token": g.Token, "check": []string{"signature"}} }

const townThing = townResource + "/things?of=7"

// called is what a gateway asks of a call that the grant's holder has just made.
func (n *town) called(t testing.TB, g grant) bound {
	t.Helper()
	h := n.call(t, g, g.Holder, "GET", townThing)
	q := bound{"token": h.token, "check": []string{"signature", g.Binding}, "aud": g.Resource}
	if g.Binding == "mtls" {
		q["client_cert"] = h.cert
		return q
	}
	q["dpop"] = map[string]string{"proof": h.proof, "htm": h.method, "htu": h.url}
	return q
}

func proof(q bound) map[string]string { return q["dpop"].(map[string]string) }

// A twist changes one thing of a question that confirms.
type twist struct {
	claim        string
	change       func(q bound)
	want, detail string // the verdict, and a word of its detail
}

// ofAnyToken are the twists that concern the token, whatever it is bound to.
var ofAnyToken = []twist{
	{"a byte of the token's signature is another", func(q bound) { q["token"] = flipped(q["token"].(string)) }, "refuted signature_invalid", "signature"},
	{"a byte of the token's claims is another", func(q bound) {
		parts := strings.Split(q["token"].(string), ".")
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		parts[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(claims, []byte(`"scope":"read"`), []byte(`"scope":"reap"`), 1))
		q["token"] = strings.Join(parts, ".")
	}, "refuted signature_invalid", "signature"},
	{"it is for another resource", func(q bound) { q["aud"] = "https://other.example" }, "refuted audience_mismatch", "aud"},
}

// flipped is a JWT whose signature begins with another bit.
func flipped(jwt string) string {
	i := strings.LastIndexByte(jwt, '.') + 1
	first := "A"
	if jwt[i] == 'A' {
		first = "B"
	}
	return jwt[:i] + first + jwt[i+1:]
}

// twists shows for each that the question confirms, that it does not with the one thing changed, and that it was that alone.
func (n *town) twists(t *testing.T, d *daemon, g grant, fresh func() bound, all []twist) {
	for _, f := range all {
		t.Run(f.claim, func(t *testing.T) {
			d.confirms(t, g, fresh())
			q := fresh()
			changed := maps.Clone(q)
			if of, ok := q["dpop"].(map[string]string); ok {
				changed["dpop"] = maps.Clone(of)
			}
			if f.change(changed); reflect.DeepEqual(changed, q) {
				t.Fatal("nothing is changed")
			}
			d.refuses(t, changed, f.want, f.detail)
			d.confirms(t, g, q)
		})
	}
}

// commanded asks `cnfd verify` what twists asks the daemon, and wants the same.
func (n *town) commanded(t *testing.T, s settings, fresh func() bound, all []twist) {
	t.Helper()
	config := n.newConfig(t, s)
	says := func(q bound, code int, reason string) {
		t.Helper()
		argv := []string{"verify", "--json", "--config", config, "--check", strings.Join(q["check"].([]string), ",")}
		flag := func(name string, file bool, value string) {
			switch {
			case value == "": // what there is none of is left out
			case file:
				argv = append(argv, "--"+name, keyFile(t, name, []byte(value)))
			default:
				argv = append(argv, "--"+name, value)
			}
		}
		text := func(name string) string { value, _ := q[name].(string); return value }
		flag("aud", false, text("aud"))
		flag("nonce", false, text("nonce"))
		flag("client-cert", true, text("client_cert"))
		if of, ok := q["dpop"].(map[string]string); ok {
			flag("dpop", true, of["proof"])
			flag("htm", false, of["htm"])
			flag("htu", false, of["htu"])
		}
		if out, got := commandLine(t, q["token"].(string), append(argv, "-")...); got != code || !strings.Contains(out, reason) {
			t.Errorf("exit code %d, want %d and %s: %s", got, code, reason, out)
		}
	}
	for _, f := range all {
		t.Run(f.claim, func(t *testing.T) {
			q := fresh()
			says(q, 0, `"record_matches"`)
			f.change(q)
			outcome, reason, _ := strings.Cut(f.want, " ")
			says(q, exitOf[outcome], `"`+reason+`"`)
		})
	}
}

// withdrawals has the user's domain publish another key, and then none.
func (n *town) withdrawals(t *testing.T, d *daemon, g grant, fresh func() bound) {
	latest := func() bound {
		q := fresh()
		q["max_age"] = 0
		return q
	}
	for claim, f := range map[string]struct{ thumbprint, want string }{
		"another record is published": {strings.Repeat("ab", 32), "refuted record_differs"},
		"the record is withdrawn":     {"", absent},
	} {
		t.Run(claim, func(t *testing.T) {
			d.confirms(t, g, latest())
			n.vouch(t, g, f.thumbprint)
			d.refuses(t, latest(), f.want, "")
			n.vouch(t, g, g.Named)
			d.confirms(t, g, latest())
		})
	}
}

// ages moves a daemon's clock to where the question still confirms, and to where it does not.
func (n *town) ages(t *testing.T, fresh func() bound, good, bad time.Duration, want, detail string) {
	t.Helper()
	c := newClock(t, &n.trust)
	d := n.daemon(t, n.settings(c))
	c.set(t, good)
	await(t, "the clock", func() error {
		q := fresh()
		q["max_age"] = 0
		v := d.asks(t, q, false)
		if v.String() != confirmed || v.ValidUntil.Before(time.Now().Add(ttl*time.Second+good/2)) { // as the daemon counts
			return fmt.Errorf("it has not moved, or the verdict with it: %s", v.whole())
		}
		return nil
	})
	c.set(t, bad)
	v := d.becomes(t, fresh, want)
	if !strings.Contains(v.Detail, detail) {
		t.Errorf("detail %q, want a word of %s", v.Detail, detail)
	}
}

// checked is a verdict with what it says of the checks.
type checked struct {
	verdict
	Detail, Signature, DPoP, MTLS, Time string
	KeyBinding                          string    `json:"key_binding"`
	ValidUntil                          time.Time `json:"valid_until"`
}

// asks asks a question in JSON over the unix socket, or over TCP with the token alone as the body and all else in the query.
func (d *daemon) asks(t testing.TB, q bound, alone bool) (v checked) {
	t.Helper()
	client, to, media := d.local(), "http://cnfd/v1/verify", "application/json"
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if alone {
		query := url.Values{}
		for name, value := range q {
			switch value := value.(type) {
			case []string:
				query.Set(name, strings.Join(value, ","))
			case map[string]string:
				query.Set("dpop", value["proof"])
				query.Set("htm", value["htm"])
				query.Set("htu", value["htu"])
			default:
				query.Set(name, fmt.Sprint(value))
			}
		}
		query.Del("token")
		client, to, media = http.DefaultClient, "http://"+d.tcp+"/v1/verify?"+query.Encode(), "application/jwt"
		body = []byte(q["token"].(string))
	}
	response, err := client.Post(to, media, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &v)
	}
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", response.Status, text, err)
	}
	return v
}

// confirms asks and wants the verdict to confirm what the grant names, with every check that was asked for made and no other.
func (d *daemon) confirms(t testing.TB, g grant, q bound) {
	t.Helper()
	v := d.asks(t, q, false)
	if v.String() != confirmed || v.Detail != "" {
		t.Fatalf("%s: %s", v, v.whole())
	}
	if v.Thumbprint.Hex != g.Named || v.Record.Name != g.owner() || v.Subject != g.User || v.DNS.Security != "secure" {
		t.Errorf("confirmed is another thing: %s", v.whole())
	}
	if q["check"] == nil {
		q = bound{"check": []string{"signature", "dpop"}} // as it is configured
	}
	made := map[string]string{"signature": v.Signature, "key_binding": v.KeyBinding, "dpop": v.DPoP, "mtls": v.MTLS}
	for _, name := range q["check"].([]string) {
		if made[name] != "valid" {
			t.Errorf("%s is %s", name, made[name])
		}
		delete(made, name)
	}
	for name, said := range made {
		if said != "not_checked" {
			t.Errorf("%s is %s", name, said)
		}
	}
}

// refuses asks both ways and wants this verdict, for this reason.
func (d *daemon) refuses(t testing.TB, q bound, want, detail string) {
	t.Helper()
	for _, alone := range []bool{false, true} {
		if v := d.asks(t, q, alone); v.String() != want || !strings.Contains(v.Detail, detail) || (v.Detail == "") != (detail == "") {
			t.Errorf("%s, want %s and a word of %q: %s", v, want, detail, v.whole())
		}
	}
}

// becomes asks until the verdict is so.
func (d *daemon) becomes(t testing.TB, fresh func() bound, want string) (v checked) {
	t.Helper()
	await(t, "the verdict", func() error {
		if v = d.asks(t, fresh(), false); v.String() != want {
			return fmt.Errorf("%s, want %s", v.whole(), want)
		}
		return nil
	})
	return v
}

func (v checked) whole() string {
	text, _ := json.Marshal(v)
	return string(text)
}
