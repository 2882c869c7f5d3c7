package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/dnssec"
	"cnfd/publish"
	"cnfd/record"
	"cnfd/thumbprint"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"
)

func newPublish() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Write the records that vouch for a key, and wait until everybody sees them",
		Long: `Write the confirmation records of a domain, or take them away, and wait until every name server of the zone
says so and a validating resolver proves it.

The record is made from your own key, in a file: never from what a server says. Beside it nothing is changed.`,
		Example: `  cnfd publish add --subject https://vendor.example --key key.jwk --to rfc2136 --credentials update.key
  cnfd publish remove --subject https://vendor.example --key key.jwk --config cnfd.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPublishAdd(), newPublishRemove(), newPublishRotate(), newPublishList(), newPublishCheck())
	return cmd
}

// publishOptions are the flags of the commands that publish, and of those that look
// at what is published.
type publishOptions struct {
	subject, key, form, config            string
	methods                               []string
	to, server, zone, credentials         string
	ttl, wait                             time.Duration
	dryRun, json, insecure, cut, yes, all bool
	targetFlag                            string // what the flag of o.to is called

	revokes bool // records are only taken away: what the DNS looks like must not keep that back

	now    func() time.Time // the engine's clock, while there is a Publisher
	teller *teller          // what tells of its progress
	places []string         // where dynamic updates go, as it was found: "192.0.2.1:53 (zone vendor.example.)"
}

// addFlags adds the flags of a command that writes the record of one key.
func (o *publishOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var(&once{value: &o.key, what: "key"}, "key", "the `FILE` with your own key, of which a private one is used by its public part; - for standard input")
	o.addNameFlags(cmd)
	o.addTargetFlags(cmd, "to")
}

// addNameFlags adds the flags that say which names, and how the answer is shown.
func (o *publishOptions) addNameFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&once{value: &o.subject, what: "subject"}, "subject", "whose key it is: the `SUBJECT` that credentials have, such as https://vendor.example")
	f.StringSliceVar(&o.methods, "method", []string{"jwk"}, "the confirmation `METHODS` of the credentials: jwk (JWT, SD-JWT), 1 (CWT), jkt jwe kid x5t#S256 tbh 2 3 5 323")
	f.StringVar(&o.form, "form", "", "the `FORM` of the names, dotted, underscore or both (default: record.forms of the configuration, which is dotted)")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	configFlag(cmd, &o.config)
}

// addTargetFlags adds the flags that say where and how it is written. to is the name
// of the flag for the place: a command may need --to for something else.
func (o *publishOptions) addTargetFlags(cmd *cobra.Command, to string) {
	o.targetFlag = to
	f := cmd.Flags()
	f.StringVar(&o.to, to, "", "the `TARGET`: rfc2136, powerdns, cloudflare, route53, google, azure, desec, ovh, gandi, hetzner, hook; or print: zone, nsupdate, generic, octodns (default: publish.to)")
	f.StringVar(&o.server, "server", "", "of rfc2136 the primary's `ADDRESS`, a port may follow; of the others the API's base URL (default: publish.server)")
	f.StringVar(&o.zone, "zone", "", "the `ZONE` that is written to (default: publish.zone, or the one that holds the name)")
	f.StringVar(&o.credentials, "credentials", "", "the `FILE` with what the target asks for (default: publish.credentials, or the text itself in $CNFD_PUBLISH_CREDENTIALS)")
	f.Var(seconds{&o.ttl}, "ttl", "the TTL of a new set, in `SECONDS` or as 5m, which is how long a revocation takes (default: publish.ttl, 300); a set that is there keeps its own")
	f.DurationVar(&o.wait, "wait", 0, "the longest `TIME` to wait until every name server has it and it is proven, 0: not at all (default: publish.wait, 10m)")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be changed, and change nothing")
	f.BoolVar(&o.insecure, "allow-insecure", false, "be content with a zone that is not signed: only verifiers that allow it confirm what stands there")
	f.BoolVar(&o.cut, "allow-delegated", false, "be content with a record that lies in another zone than the domain: only verifiers that allow it confirm it")
	f.BoolVar(&o.yes, "yes", false, "ask nothing of a person at a terminal (a script is not asked); and agree that records of others go, where they would")
}

// load reads the configuration, with the flags in their place.
func (o *publishOptions) load(cmd *cobra.Command) (*config.Config, error) {
	if o.subject == "" {
		return nil, errors.New("--subject: say whose key it is, such as https://vendor.example")
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	p, given := &c.Publish, cmd.Flags().Changed
	if o.targetFlag != "" && given(o.targetFlag) { // the first: what the others say is of this target
		o.choose(p)
	}
	for flag, set := range map[string]func(){
		"server":      func() { p.Server = o.server },
		"zone":        func() { p.Zone = o.zone },
		"credentials": func() { p.Credentials = o.credentials },
		"ttl":         func() { p.TTL = o.ttl },
		"wait":        func() { p.Wait = o.wait },
	} {
		if given(flag) {
			set()
		}
	}
	switch {
	case p.TTL < time.Second || p.TTL > 24*time.Hour:
		return nil, errors.New("--ttl: want 1 to 86400 seconds")
	case p.Wait < 0 || p.Wait > 24*time.Hour:
		return nil, errors.New("--wait: want a duration such as 10m, 24h at the most; 0: not at all")
	}
	if p.Zone != "" {
		if _, ok := dns.IsDomainName(p.Zone); !ok {
			return nil, fmt.Errorf("--zone: %q is not a domain name", p.Zone)
		}
		p.Zone = dnssec.Canonical(p.Zone)
	}
	return &c, nil
}

// choose takes another target than the configuration's: what is said there of that
// one's server and secrets is no business of this one's.
func (o *publishOptions) choose(p *config.Publish) {
	if p.To != "" && p.To != o.to {
		p.Server, p.Credentials, p.GSS = "", "", false
	}
	p.To = o.to
}

// owners are the subject's domain and the names of its records, by method and form.
func (o *publishOptions) owners(c *config.Config) (domain string, all []owner, err error) {
	if domain, err = record.Domain(o.subject, subjects(c)); err != nil {
		return "", nil, err
	}
	words := c.Record.Forms
	if o.form == "both" {
		words = []string{"dotted", "underscore"}
	} else if o.form != "" {
		words = []string{o.form}
	}
	for _, word := range o.methods {
		m, err := thumbprint.ParseMethod(strings.TrimSpace(word))
		if err != nil {
			return "", nil, fmt.Errorf("--method: %w", err)
		}
		for _, word := range words {
			forms, err := parseForms(word)
			if err != nil {
				return "", nil, err
			}
			name, err := record.Name(m, domain, forms[0])
			if err != nil {
				return "", nil, err
			}
			if !slices.ContainsFunc(all, func(o owner) bool { return o.name == name }) {
				all = append(all, owner{m, forms[0], name})
			}
		}
	}
	if len(all) == 0 {
		return "", nil, errors.New("--method: name one or more, such as jwk")
	}
	return domain, all, nil
}

// keyOctets reads the file of --key.
func (o *publishOptions) keyOctets(cmd *cobra.Command) ([]byte, error) {
	octets, err := readInput(cmd, []string{o.key}, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	return octets, nil
}

// ofKey names the flag and the file where the key is what is wrong.
func (o *publishOptions) ofKey(err error) error {
	what, ok := strings.CutPrefix(err.Error(), "key: ")
	if !ok {
		return err
	}
	file := o.key
	if file == "-" {
		file = "standard input"
	}
	return fmt.Errorf("--key: %s: %s", shown(file), strings.TrimPrefix(what, "key file: "))
}

// entriesOf are the records of the one key that a file holds.
func (o *publishOptions) entriesOf(c *config.Config, file []byte) (all []publish.Entry, err error) {
	domain, owners, err := o.owners(c)
	if err != nil {
		return nil, err
	}
	for _, at := range owners {
		e, err := entryAt(domain, at, file)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// entryAt is the record of the one key in a file at one of the domain's names.
func entryAt(domain string, at owner, file []byte) (publish.Entry, error) {
	cnf, err := confirmationIn(file, at.method)
	if err != nil {
		return publish.Entry{}, fmt.Errorf("key: %w", err)
	}
	r, err := publish.RecordOf(record.RDATA(cnf.Thumbprint))
	if err != nil {
		return publish.Entry{}, err
	}
	return publish.Entry{Name: at.name, Domain: domain, Method: at.method.String(), Form: at.form.String(), Record: r}, nil
}

// withPublisher runs f with a Publisher that writes where c says, looks at the world
// as c's resolver does, and tells of its progress on standard error. Ctrl-C and SIGTERM
// end cmd.Context(); a second one ends the process.
func (o *publishOptions) withPublisher(cmd *cobra.Command, c *config.Config, f func(*publish.Publisher, publish.Target, *engine) error) error {
	defer interruptible(cmd)()
	return withEngine(c, func(e *engine, now func() time.Time) error {
		t, err := o.target(c, e.resolver, now)
		if err != nil {
			return err
		}
		return o.publisher(cmd, c, t, e, now, f)
	})
}

// withPublisherTo is withPublisher with a target that is known.
func (o *publishOptions) withPublisherTo(cmd *cobra.Command, c *config.Config, t publish.Target, f func(*publish.Publisher, publish.Target, *engine) error) error {
	defer interruptible(cmd)()
	return withEngine(c, func(e *engine, now func() time.Time) error { return o.publisher(cmd, c, t, e, now, f) })
}

func (o *publishOptions) publisher(cmd *cobra.Command, c *config.Config, t publish.Target, e *engine, now func() time.Time, f func(*publish.Publisher, publish.Target, *engine) error) error {
	o.now, o.teller = now, newTeller(cmd.ErrOrStderr())
	defer o.teller.close()
	out := cmd.OutOrStdout()
	cmd.SetOut(quietly{out, o.teller})
	defer cmd.SetOut(out)
	wait := c.Publish.Wait
	if wait == 0 {
		wait = -1 // which is the Publisher's word for not at all
	}
	p, err := publish.New(publish.Config{
		Target: t, World: e.resolver, Now: now, TTL: c.Publish.TTL, Timeout: wait,
		Insecure: o.insecure, Delegated: o.cut, Progress: o.teller.tell,
	})
	if err != nil {
		return err
	}
	return f(p, t, e)
}

// interruptible has Ctrl-C and SIGTERM end cmd's context, so that what is half done is
// undone or told of; the next one ends the process at once. Nor does a reader of the
// output that goes away end it in the middle.
func interruptible(cmd *cobra.Command) (done func()) {
	before := cmd.Context()
	ctx, stop := signal.NotifyContext(before, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	cmd.SetContext(ctx)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE) // writing then fails, and nothing more
	return func() { stop(); signal.Stop(pipe); cmd.SetContext(before) }
}
