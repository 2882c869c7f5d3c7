package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/replay"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// sources is a DNS in memory with several records.
type sources []*source

func (s sources) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	for _, one := range s {
		if one.name == q.Name.String() {
			return one.Lookup(ctx, q)
		}
	}
	return s[0].Lookup(ctx, q)
}

// TestPartsOfTwoPresentations: two holders have what the same issuer signed for them,
// and each is confirmed with all that is its own. Whoever has seen both, one of the two
// among them, is confirmed with no other mixture of the parts.
func TestPartsOfTwoPresentations(t *testing.T) {
	type parts struct{ jws, disclosure, binding, proof, cert string }
	issuer := newSomebody(t)
	var all [2]parts
	var records sources
	var config verifier.Config
	for i, domain := range []string{"vendor.example", "other.vendor.example"} {
		s := newScene(t)
		s.issuer, s.key.Key = issuer, issuer.key
		s.claim("sub", "https://"+domain)
		s.claim("_sd", []string{s.disclose(`["` + domain + `","role","` + domain + `"]`)})
		s.proof["jti"] = domain
		records = append(records, &source{name: "jwk.cnf." + domain + ".", data: append([]byte{255, 255, 255}, s.holder.key.JKT(thumbprint.SHA256).AppendSum(nil)...)})
		s.config.Source = records
		if a := s.ask(); !a.is("record_matches", "") {
			t.Fatalf("%s: %+v", domain, a)
		}
		jws, rest, _ := strings.Cut(s.sent, "~")
		disclosure, binding, _ := strings.Cut(rest, "~")
		all[i] = parts{jws, disclosure + "~", binding, s.envelope["dpop"].(object)["proof"].(string), s.envelope["client_cert"].(string)}
		config = s.config
	}
	config.Source = records
	confirmed := 0
	for n := range 2 * 3 * 3 * 2 * 2 {
		jws, disclosure, binding, proof, cert := n%2, n/2%3, n/6%3, n/18%2, n/36
		of := [3]string{all[0].disclosure, all[1].disclosure, ""}
		by := [3]string{all[0].binding, all[1].binding, ""}
		body := inJSON(t, object{
			"token": all[jws].jws + "~" + of[disclosure] + by[binding],
			"check": []string{"signature", "key_binding", "dpop", "mtls"}, "aud": ourName, "nonce": ourNonce,
			"dpop": object{"proof": all[proof].proof, "htm": "GET", "htu": ourURL}, "client_cert": all[cert].cert,
		})
		memory, err := replay.New(replay.Config{Now: clock})
		must(t, err)
		config.Proofs = memory // a new one, so that no replay hides what is wrong
		v, err := verifier.New(config)
		must(t, err)
		a := read(t, send(newHandler(t, Config{Verifier: v}), "POST", "/v1/verify", string(body), asJSON))
		own := disclosure == jws && binding == jws && proof == jws && cert == jws
		if (a.Outcome == "confirmed") != own || !own && a.Detail == "" {
			t.Errorf("%s: %+v", fmt.Sprint(jws, disclosure, binding, proof, cert), a)
		}
		if own {
			confirmed++
		}
	}
	if confirmed != 2 {
		t.Errorf("%d are each other's own", confirmed)
	}
}

// TestItemsOfABatchKnowNothingOfEachOther: what came with one item, its proof, its
// certificate, its nonce, stands in for nothing that the next one lacks.
func TestItemsOfABatchKnowNothingOfEachOther(t *testing.T) {
	s := newScene(t)
	s.envelope["check"] = []string{"signature", "key_binding", "mtls"} // a proof is taken once
	if a := s.ask(); !a.is("record_matches", "") {
		t.Fatalf("got %+v", a)
	}
	whole := func(without ...string) string {
		o := object{}
		for name, value := range s.envelope {
			o[name] = value
		}
		for _, name := range without {
			delete(o, name)
		}
		return string(inJSON(t, o))
	}
	dpop := func(proof bool) string {
		o := object{"token": s.sent, "check": []string{"dpop"}, "nonce": ourNonce, "dpop": object{"htm": "GET", "htu": ourURL}}
		if proof {
			o["dpop"] = s.envelope["dpop"]
		}
		return string(inJSON(t, o))
	}
	lines := []struct{ item, want, words string }{
		{whole(), "record_matches", ""},
		{whole("client_cert"), "mtls_mismatch", "no client certificate"},
		{whole(), "record_matches", ""},
		{whole("nonce"), "malformed", "key_binding needs aud and nonce"},
		{whole(), "record_matches", ""},
		{whole("aud"), "malformed", "key_binding needs aud and nonce"},
		{dpop(true), "record_matches", ""},
		{dpop(false), "dpop_invalid", "no proof"},
		{whole("check"), "audience_mismatch", "claims.aud: missing"}, // the key binding was not checked
		{whole("token"), "malformed", "exactly one of token and claims"},
		{whole("check", "aud"), "record_matches", ""},
	}
	var body strings.Builder
	for _, l := range lines {
		body.WriteString(l.item + "\n")
	}
	r := send(s.handler, "POST", "/v1/verify/batch", body.String(), "Content-Type: application/x-ndjson")
	answers := strings.Split(strings.TrimSpace(text(t, r)), "\n")
	if len(answers) != len(lines) {
		t.Fatalf("%d answers: %q", len(answers), answers)
	}
	for i, l := range lines {
		var a answer
		must(t, json.Unmarshal([]byte(answers[i]), &a))
		a.Status = 200
		if a.Type != "" {
			a.Status = 400
		}
		if !a.is(l.want, l.words) {
			t.Errorf("%d: got %s, want %s, %q", i, answers[i], l.want, l.words)
		}
		if l.want == "record_matches" && i == len(lines)-1 && a.Signature+a.KeyBinding+a.DPoP+a.MTLS != strings.Repeat("not_checked", 4) {
			t.Errorf("%d: checked, and nobody has asked: %s", i, answers[i])
		}
	}
}
