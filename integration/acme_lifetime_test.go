package integration

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// TestACMELosesRenewal has a Caddy that runs as its users run it, and renews by itself, lose its certificate within one lifetime of
// the record's deletion: nothing is forced, and all of it is waited out. Lives are as short as the configuration allows. Once the
// record is there again, so is a certificate.
func TestACMELosesRenewal(t *testing.T) {
	t.Parallel()
	// Of five minutes four are over at the beginning; Caddy renews when less than its share of the whole is left.
	s := newACMEScene(t, 210, "record, life: 5m, backdate: 4m")
	a := s.actor(t, &caddy{testneeds.Binary(t, "caddy", "caddy")}, 0, "caddy", acmeNone)
	a.names = a.names[:1]
	p := a.client.(*caddy).watches(t, a.acmeOrder, "1s", 0.15)
	said := func() string { text, _ := os.ReadFile(p.log); return string(text) }

	var first, last *x509.Certificate
	outlast(t, "a certificate", func() (err error) { first, err = a.served(t); return err })
	outlast(t, "a renewal by itself", func() (err error) {
		if last, err = a.served(t); err == nil && last.SerialNumber.Cmp(first.SerialNumber) == 0 {
			err = fmt.Errorf("it is the first one still\n%s", tail(p.log, 10))
		}
		return err
	})
	if !last.NotAfter.After(first.NotAfter) {
		t.Errorf("the one until %v was renewed to one until %v", first.NotAfter, last.NotAfter)
	}
	if strings.Contains(said(), "record_absent") {
		t.Fatalf("a refusal while the record is there:\n%s", said())
	}

	told := s.daemon.logged(t, "reasons=record_absent")
	s.publish(t, "remove", a.key, a.names[0])
	outlast(t, "a refused renewal", func() error {
		if !strings.Contains(said(), "record_absent") {
			return fmt.Errorf("Caddy says nothing of it:\n%s", tail(p.log, 10))
		}
		return nil
	})
	issued := s.issued(t, "--all")
	outlast(t, "its end", func() (err error) {
		if last, err = a.served(t); err == nil && !time.Now().After(last.NotAfter) {
			err = fmt.Errorf("it is good until %v", last.NotAfter)
		}
		return err
	})
	if now := s.issued(t, "--all"); now != issued {
		t.Errorf("%d certificates after the deletion", now-issued)
	}
	if s.daemon.logged(t, "reasons=record_absent") == told {
		t.Error("the server's log does not say why")
	}
	if why := a.seenByOpenSSL(t, s); !strings.Contains(why, "certificate has expired") {
		t.Errorf("OpenSSL on what Caddy serves: %s", why)
	}

	s.publish(t, "add", a.key, a.names[0])
	outlast(t, "a certificate again", func() error {
		now, err := a.served(t)
		if err == nil && time.Now().After(now.NotAfter) {
			err = fmt.Errorf("it has ended")
		}
		return err
	})
	if now := s.issued(t, "--all"); now == issued {
		t.Error("the server knows of no further certificate")
	}
	if why := a.seenByOpenSSL(t, s); !strings.Contains(why, "Verification: OK") {
		t.Errorf("OpenSSL on what Caddy serves: %s", why)
	}
}

// outlast is await for what takes a certificate's lifetime.
func outlast(t *testing.T, what string, ready func() error) {
	t.Helper()
	deadline := time.Now().Add(10 * patience)
	for {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// watches runs Caddy until the end of the test. It looks so often whether less than the share of a certificate's life is left.
func (c *caddy) watches(t *testing.T, o *acmeOrder, every string, share float64) *process {
	t.Helper()
	text := run(t, o.dir, "", c.program, "adapt", "--config", c.configure(t, o))
	var config map[string]any
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	automation := config["apps"].(map[string]any)["tls"].(map[string]any)["automation"].(map[string]any)
	automation["renew_interval"] = every
	for _, policy := range automation["policies"].([]any) {
		policy.(map[string]any)["renewal_window_ratio"] = share
	}
	changed, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, o.path("caddy.json"), string(changed))
	return start(t, o.path("watching.log"), append(append([]string{"env", "-i"}, o.env()...), c.program, "run", "--config", o.path("caddy.json"))...)
}

// served is the certificate that the client's web server shows now.
func (a *acmeActor) served(t testing.TB) (*x509.Certificate, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", a.address+":443", &tls.Config{ServerName: a.names[0], InsecureSkipVerify: true}) // whatever it is
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// seenByOpenSSL is what OpenSSL says of it.
func (a *acmeActor) seenByOpenSSL(t testing.TB, s *acmeScene) string {
	t.Helper()
	return said("sh", "-c", `exec "$0" "$@" </dev/null`, testneeds.Binary(t, "openssl", "openssl"), "s_client", "-connect", a.address+":443",
		"-servername", a.names[0], "-verify_hostname", a.names[0], "-CAfile", s.dir+"/ca/root.pem")
}

// TestACMELosesRenewalByDays has certbot run `renew` every day, under a clock that is the server's, of a certificate for a week.
// It decides by itself that one is due; once the record is removed none is issued, and the last one comes to its end.
func TestACMELosesRenewalByDays(t *testing.T) {
	t.Parallel()
	f := newACMEFault(t, 212, bind{}, false, "")
	f.serve(t)
	o := &acmeOrder{directory: f.url("/directory"), root: f.authority.ca, names: []string{"certbot.vendor.example"}, challenge: acmeNone, dir: filepath.Join(f.dir, "certbot")}
	c := &certbot{o.path("certbot")}
	program := testneeds.Binary(t, "certbot", "certbot")
	today := func(d int) {
		f.jumps(t, time.Duration(d)*day)
		write(t, c.program, fmt.Sprintf("#!/bin/sh\nexec %s -f +%dd %s \"$@\"\n", testneeds.Binary(t, "faketime", "faketime"), d, program))
		if err := os.Chmod(c.program, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	today(0)
	key := c.account(t, o)
	f.leaf.edit(t, f.zone, nil, records(t, o.names[0]+". A 127.0.0.1", fmt.Sprintf(`%s. CAA 0 issue "%s; validationmethods=ca-cnf-01"`, o.names[0], faultCA)))
	// The owner's machine goes by the clock of the name server.
	owner := f.newConfig(t, settings{sections: fmt.Sprintf("publish: {to: rfc2136, credentials: %q, ttl: 5s, wait: 1m}", f.leaf.path("tsig"))})
	publish := func(verb string) {
		if out, code := commandLine(t, "", "publish", verb, "--config", owner, "--subject", "https://"+o.names[0], "--key", key); code != 0 {
			t.Fatalf("publish %s: exit code %d: %s", verb, code, out)
		}
	}
	publish("add")
	chain, told, err := c.obtain(t, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, acmeSaid(told))
	}
	settings := o.path("etc", "renewal", o.names[0]+".conf")
	write(t, settings, "renew_before_expiry = 3 days\n"+string(o.had(settings)))

	// renews is what the certificate is after a day's run, and what certbot said of it.
	renews := func(d int) (changed bool, told string, err error) {
		today(d)
		told, err = c.runs(o, "renew", "--no-random-sleep-on-renew")
		before := chain
		chain = o.had(c.chain(o))
		return string(chain) != string(before), told, err
	}
	ends := func() time.Time { return leafIn(t, chain).NotAfter }
	d, first := 1, ends()
	for ; ; d++ {
		changed, told, err := renews(d)
		if err != nil || time.Now().Add(f.later).After(first) {
			t.Fatalf("day %d: %v\n%s", d, err, acmeSaid(told))
		}
		if changed {
			break
		}
		if !strings.Contains(told, "not due for renewal") {
			t.Errorf("day %d:\n%s", d, acmeSaid(told))
		}
	}
	if d == 1 || !ends().After(first) {
		t.Errorf("the one until %v was renewed on day %d to one until %v", first, d, ends())
	}
	publish("remove")
	refused, last := 0, ends()
	for d++; !time.Now().Add(f.later).After(last); d++ {
		changed, told, err := renews(d)
		switch why := string(o.had(o.path("log", "letsencrypt.log"))); {
		case changed:
			t.Fatalf("day %d: a certificate without the record, until %v", d, ends())
		case err == nil && !strings.Contains(told, "not due for renewal"):
			t.Errorf("day %d:\n%s", d, acmeSaid(told))
		case err != nil && !strings.Contains(why, "(record_absent). Add to its zone: jwk.cnf."+o.names[0]):
			t.Errorf("day %d: %v: certbot's log does not say why:\n%s", d, err, acmeSaid(why))
		case err != nil:
			refused++
		}
	}
	if told := f.served.logged(t, "reasons=record_absent"); refused == 0 || told < refused {
		t.Errorf("%d refusals, %d of them in the server's log", refused, told)
	}
	publish("add")
	if changed, told, err := renews(d); !changed || err != nil || !ends().After(last) {
		t.Errorf("with the record there again: %v\n%s", err, acmeSaid(told))
	}
}

// leafIn is the first certificate of a chain in PEM.
func leafIn(t testing.TB, chain []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(chain)
	if block == nil {
		t.Fatalf("no certificate in %q", chain)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
