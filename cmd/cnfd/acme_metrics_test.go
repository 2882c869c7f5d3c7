package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/metrics"
)

// TestACMEMetrics reads what a daemon counts of its ACME server, before and after something is refused, and when what it shows ends.
func TestACMEMetrics(t *testing.T) {
	dir, root := madeCA(t)
	d := start(t, parse(t, acmeConfig, dir))
	page := func() string { return string(d.decisions.counts.Append(nil)) }
	client, plain := at(trusting(root), d.Addresses().ACME), at(trusting(nil), d.Addresses().ACMEPlain)
	answer, _ := fetch(t, client, "https://localhost:8256/directory")
	shown := answer.TLS.PeerCertificates[0]
	_, list := fetch(t, plain, "http://localhost"+crlOf(shown))
	crl, err := x509.ParseRevocationList([]byte(list))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(root)
	top, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(answer.TLS.PeerCertificates[1].Raw)
	if err != nil {
		t.Fatal(err)
	}
	rootList, err := d.acme.ca.RootList()
	if err != nil || rootList == nil {
		t.Fatal(rootList, err)
	}
	before := page()
	for _, want := range []string{
		`cnfd_acme_orders_total{outcome="begun"} 0`, `cnfd_acme_orders_total{outcome="failed"} 0`, `cnfd_acme_certificates_total{profile="default"} 0`,
		`cnfd_acme_challenges_total{type="http-01",outcome="unproven"} 0`, `cnfd_acme_problems_total{type="badNonce"} 0`, `cnfd_acme_problems_total{type="rateLimited"} 0`,
		`cnfd_acme_finalize_duration_seconds_bucket{le="90"} 0`, `cnfd_acme_finalize_duration_seconds_count 0`, `cnfd_acme_open 1`,
		`cnfd_acme_turns_waiting{for="order"} 0`, `cnfd_acme_turns_waiting{for="begun"} 0`, `cnfd_acme_turns_waiting{for="validation"} 0`,
		fmt.Sprintf(`cnfd_acme_certificate_not_after_seconds{certificate="root"} %d`, top.NotAfter.Unix()),
		fmt.Sprintf(`cnfd_acme_certificate_not_after_seconds{certificate="intermediate"} %d`, issuer.NotAfter.Unix()),
		fmt.Sprintf(`cnfd_acme_certificate_not_after_seconds{certificate="own"} %d`, shown.NotAfter.Unix()),
		fmt.Sprintf(`cnfd_acme_crl_next_update_seconds{of="intermediates"} %d`, crl.NextUpdate.Unix()),
		fmt.Sprintf(`cnfd_acme_crl_next_update_seconds{of="root"} %d`, rootList.NextUpdate.Unix()),
	} {
		if !strings.Contains(before, "\n"+want+"\n") {
			t.Errorf("%s is not there:\n%s", want, before)
		}
	}
	if answer, _ := fetch(t, client, "https://localhost:8256/nowhere"); answer.StatusCode != http.StatusNotFound {
		t.Fatal(answer.Status)
	}
	const counted = `cnfd_acme_problems_total{type="malformed"} 1`
	if after := page(); strings.Contains(before, counted) || !strings.Contains(after, counted) {
		t.Errorf("%s is not there:\n%s", counted, after)
	}
	for line := range strings.Lines(page()) {
		if strings.HasPrefix(line, "cnfd_acme_") && strings.Contains(line, "localhost") {
			t.Errorf("it names somebody: %s", line)
		}
	}
}

// TestACMEMetricsWhileItIsNotOpen: the page is there, and says so.
func TestACMEMetricsWhileItIsNotOpen(t *testing.T) {
	c := parse(t, acmeConfig, "/nowhere")
	d := &daemon{acme: &acmeService{opening: newOpening()}}
	page := string(metrics.New(d.acmeFamilies(c)...).Append(nil))
	if !strings.Contains(page, "\ncnfd_acme_open 0\n") || strings.Contains(page, "cnfd_acme_turns_waiting{") || strings.Contains(page, "cnfd_acme_certificate_not_after_seconds{") {
		t.Error(page)
	}
	c.ACME.Listen = ""
	if n := len(d.acmeFamilies(c)); n > 0 {
		t.Errorf("%d families where it is off", n)
	}
}

// TestWhatTheACMEServerSaysIsShown: each figure in its words, those that come for the first time too.
func TestWhatTheACMEServerSaysIsShown(t *testing.T) {
	d := &daemon{acme: &acmeService{opening: newOpening()}}
	shown := metrics.New(d.acmeFamilies(parse(t, acmeConfig, "/nowhere"))...)
	for _, tt := range []struct {
		f     acme.Figure
		words []string
		want  string
	}{
		{acme.Orders, []string{acme.OrderRefused}, `cnfd_acme_orders_total{outcome="refused"}`},
		{acme.Issuances, []string{"short"}, `cnfd_acme_certificates_total{profile="short"}`},
		{acme.Refusals, []string{"order", "record_absent"}, `cnfd_acme_refusals_total{at="order",reason="record_absent"}`},
		{acme.Validations, []string{acme.MethodDNS, string(acme.Invalid)}, `cnfd_acme_challenges_total{type="dns-01",outcome="invalid"}`},
		{acme.Problems, []string{string(acme.RateLimited)}, `cnfd_acme_problems_total{type="rateLimited"}`},
		{acme.Revocations, []string{"1"}, `cnfd_acme_revocations_total{reason="1"}`},
	} {
		for n := 1; n < 3; n++ {
			d.figures.Count(tt.f, tt.words...)
			if page := string(shown.Append(nil)); !strings.Contains(page, fmt.Sprintf("\n%s %d\n", tt.want, n)) {
				t.Errorf("%s %d is not there:\n%s", tt.want, n, page)
			}
		}
	}
	d.figures.Finalized(2 * time.Second)
	page := string(shown.Append(nil))
	for _, want := range []string{`_bucket{le="1"} 0`, `_bucket{le="2.5"} 1`, `_bucket{le="+Inf"} 1`, "_sum 2", "_count 1"} {
		if !strings.Contains(page, "\ncnfd_acme_finalize_duration_seconds"+want+"\n") {
			t.Errorf("%s is not there:\n%s", want, page)
		}
	}
}

// TestMetricsAreInTheManual: each that there is, with its labels where it has any at once, and none besides.
func TestMetricsAreInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	dir, _ := madeCA(t)
	d := start(t, parse(t, acmeConfig, dir))
	there := map[string]bool{}
	for line := range strings.Lines(string(d.decisions.counts.Append(nil))) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			there[name] = true
		}
	}
	told, first := map[string]bool{}, ""
	for _, m := range regexp.MustCompile("`(cnfd_[a-z_]+|_[a-z]+_total)(?:\\{([a-z_,]+)\\})?`").FindAllStringSubmatch(section, -1) {
		name := m[1]
		if strings.HasPrefix(name, "_") { // goes on where the one before began: cnfd_cache_hits_total, _misses_total
			name = first[:strings.LastIndex(strings.TrimSuffix(first, "_total"), "_")] + name
		} else {
			first = name
		}
		told[name] = true
		for f := range acmeFigures {
			if acmeFigures[f].name == name && m[2] != strings.Join(acmeFigures[f].labels, ",") {
				t.Errorf("docs/operating.md: %s has the labels %s", name, acmeFigures[f].labels)
			}
		}
	}
	for name := range there {
		if !told[name] {
			t.Errorf("docs/operating.md does not speak of %s", name)
		}
	}
	for name := range told {
		if !there[name] {
			t.Errorf("docs/operating.md speaks of %s, which there is not", name)
		}
	}
	if len(there) < 30 {
		t.Errorf("%d metrics: nothing is shown", len(there))
	}
}
