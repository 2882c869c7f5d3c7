package main

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/record"
)

// wiredKey is a key of section acme, and where what it says arrives.
type wiredKey struct {
	says string                                // as YAML
	at   func(d *daemon, c *config.Config) any // of a daemon that was started with it
	want any
}

// server, gated and profiled are where most of them arrive: at what acme.New, gate.New and validate.New were given.
func server(read func(*acme.Server) any) func(*daemon, *config.Config) any {
	return func(d *daemon, _ *config.Config) any { return read(d.acme.server) }
}

func profiled(read func(acme.Profile) any) func(*daemon, *config.Config) any {
	return server(func(s *acme.Server) any { return read(s.Profiles[0]) })
}

// acmeKeys are all keys of the section, but for those that TestEveryKeyOfACMEArrives adds.
var acmeKeys = map[string]wiredKey{
	"listen":         {"127.0.0.2:0", func(d *daemon, _ *config.Config) any { return strings.Split(d.Addresses().ACME, ":")[1] }, "//127.0.0.2"},
	"listen_plain":   {"127.0.0.2:0", func(d *daemon, _ *config.Config) any { return strings.Split(d.Addresses().ACMEPlain+"::", ":")[1] }, "//127.0.0.2"},
	"url":            {"https://other.example", server(func(s *acme.Server) any { return s.URL }), "https://other.example"},
	"terms":          {"https://ca.example/terms", server(func(s *acme.Server) any { return s.Terms }), "https://ca.example/terms"},
	"terms_required": {"true\n  terms: https://ca.example/terms", server(func(s *acme.Server) any { return s.TermsRequired }), true},
	"website":        {"https://ca.example/about", server(func(s *acme.Server) any { return s.Website }), "https://ca.example/about"},
	"caa_identities": {"[ca.example]", func(d *daemon, c *config.Config) any {
		return append(d.acme.server.CAAIdentities, d.gateConfig(c, nil, []record.Form{record.Dotted}).Identities...)
	}, []string{"ca.example", "ca.example"}},
	"external_accounts": {"true", server(func(s *acme.Server) any { return s.ExternalAccounts }), true},
	"await_record":      {"true", server(func(s *acme.Server) any { return s.AwaitRecord }), true},
	"order_life":        {"7h", server(func(s *acme.Server) any { return s.OrderLife }), 7 * time.Hour},
	"max_names":         {"7", server(func(s *acme.Server) any { return s.MaxNames }), 7},
	"new_accounts":      {"7", server(func(s *acme.Server) any { return s.NewAccounts }), 7},
	"new_orders":        {"7", server(func(s *acme.Server) any { return s.NewOrders }), 7},
	"allow_networks":    {"[10.0.0.0/8]", func(d *daemon, c *config.Config) any { return d.validatorConfig(c).AllowNetworks }, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	"http_port":         {"81", func(d *daemon, c *config.Config) any { return d.validatorConfig(c).HTTPPort }, uint16(81)},
	"tls_port":          {"444", func(d *daemon, c *config.Config) any { return d.validatorConfig(c).TLSPort }, uint16(444)},

	"profiles[].name":        {"other", profiled(func(p acme.Profile) any { return p.Name }), "other"},
	"profiles[].description": {"of my own", profiled(func(p acme.Profile) any { return p.Description }), "of my own"},
	"profiles[].bind":        {"csr", profiled(func(p acme.Profile) any { return p.Bind }), acme.BindCSR},
	"profiles[].grant":       {"record", profiled(func(p acme.Profile) any { return p.Grant }), acme.GrantRecord},
	"profiles[].methods":     {"[http-01]", profiled(func(p acme.Profile) any { return p.Methods }), []string{"http-01"}},
	"profiles[].identifiers": {"[dns]", profiled(func(p acme.Profile) any { return p.Identifiers }), []string{"dns"}},
	"profiles[].wildcards":   {"false", profiled(func(p acme.Profile) any { return p.Wildcards }), false},
	"profiles[].key_types":   {"[p384]", profiled(func(p acme.Profile) any { return p.KeyTypes }), []acme.KeyType{acme.P384}},
	"profiles[].usages":      {"[client]", profiled(func(p acme.Profile) any { return p.ExtUsage }), []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	"profiles[].life":        {"7h", profiled(func(p acme.Profile) any { return p.Life }), 7 * time.Hour},
	"profiles[].backdate":    {"7m", profiled(func(p acme.Profile) any { return p.Backdate }), 7 * time.Minute},
}

// TestEveryKeyOfACMEArrives: for each key that section acme has, one that a later release adds included, a daemon that is started with it does another thing
// than one that is started without.
func TestEveryKeyOfACMEArrives(t *testing.T) {
	dir, _ := madeCA(t)
	place := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(place, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	cert, key := filepath.Join(place, "cert.pem"), filepath.Join(place, "key.pem")
	selfSigned(t, cert, key, "localhost", "127.0.0.1")
	other, _ := madeCA(t)
	chain, err := os.ReadFile(filepath.Join(dir, "intermediate-1.pem"))
	must(t, err)
	own := func(d *daemon, _ *config.Config) any { return d.acme.own == nil }
	keys := map[string]wiredKey{
		"tls.cert":     {cert + ", key: " + key, own, true},
		"tls.key":      {key + ", cert: " + cert, own, true},
		"directory":    {other, func(d *daemon, _ *config.Config) any { return d.acme.ca.Issuers()[0] }, issuerIn(t, other)},
		"blocked_keys": {file("blocked", strings.Repeat("ab", 32)), server(func(s *acme.Server) any { return s.Blocked().Len() }), 1},
		"alternate_chains": {"[" + file("chain.pem", string(chain)) + "]", func(d *daemon, _ *config.Config) any {
			return chainsOf(t, d)
		}, 2},
	}
	for name, k := range acmeKeys {
		keys[name] = k
	}
	for _, name := range keysOf("", reflect.TypeFor[config.ACME]()) {
		k, ok := keys[name]
		if !ok {
			t.Errorf("acme.%s: nobody looks where it arrives", name)
			continue
		}
		delete(keys, name)
		t.Run(name, func(t *testing.T) {
			section := map[string]string{"listen": "127.0.0.1:0", "url": "https://localhost:8256", "directory": dir}
			with := func() any {
				must(t, os.RemoveAll(filepath.Join(dir, ownFile))) // so that each has one issued
				text := "testing: true\nresolver: {trust_anchors: [none]}\napi: {listen: '', unix: ''}\nacme:\n"
				for name, says := range section {
					text += fmt.Sprintf("  %s: %s\n", name, says)
				}
				c := parse(t, "%s", text)
				d := start(t, c)
				if why := d.acme.trouble(); why != "" {
					t.Fatal(why)
				}
				return k.at(d, c)
			}
			if before := with(); reflect.DeepEqual(before, k.want) {
				t.Fatalf("without it there is %v already", before)
			}
			switch group, below, nested := strings.Cut(name, "."); {
			case !nested:
				section[name] = k.says
			case group == "tls":
				section[group] = "{" + below + ": " + k.says + "}"
			case below == "name":
				section["profiles"] = "[{name: " + k.says + "}]"
			default:
				section["profiles"] = "[{name: default, " + below + ": " + k.says + "}]"
			}
			if after := with(); !reflect.DeepEqual(after, k.want) {
				t.Errorf("with %s there is %v, want %v", k.says, after, k.want)
			}
		})
	}
	for name := range keys {
		t.Errorf("acme.%s: there is no such key", name)
	}
}

// keysOf are the keys of a section, those of its sections and lists of sections too.
func keysOf(path string, section reflect.Type) (all []string) {
	for f := range section.Fields() {
		name := path + f.Tag.Get("yaml")
		switch {
		case f.Type.Kind() == reflect.Struct:
			all = append(all, keysOf(name+".", f.Type)...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && f.Type.Elem() != reflect.TypeFor[netip.Prefix]():
			all = append(all, keysOf(name+"[].", f.Type.Elem())...)
		default:
			all = append(all, name)
		}
	}
	return all
}

// issuerIn is the id of the intermediate in a directory.
func issuerIn(t *testing.T, dir string) string {
	t.Helper()
	d := start(t, parse(t, acmeConfig, dir))
	return d.acme.ca.Issuers()[0]
}

// chainsOf counts the chains of the certificate that a daemon has issued to itself.
func chainsOf(t *testing.T, d *daemon) (n int) {
	t.Helper()
	must(t, d.acme.store.View(t.Context(), func(tx acme.Tx) error {
		c, err := tx.Certificate(fmt.Sprintf("%032x", d.acme.own.leaf.SerialNumber))
		if err == nil {
			n = len(c.Chains)
		}
		return err
	}))
	return n
}

// TestLogSubjectsArrives: of the keys outside the section, the one that its server goes by.
func TestLogSubjectsArrives(t *testing.T) {
	for word, want := range map[string]bool{"none": false, "hash": false, "full": true} {
		dir, _ := madeCA(t)
		if got := start(t, parse(t, acmeConfig+"log: {subjects: %s}\n", dir, word)).acme.server.LogDetails; got != want {
			t.Errorf("%s: %t", word, got)
		}
	}
}
