// Package hook writes records by running a program, for places that no other package
// knows. It runs once for each operation: a JSON object comes in on its standard input,
// the exit code says what came of it.
//
// To read:
//
//	{"version":1,"do":"read","name":"jwk.cnf.vendor.example."}
//
// The program prints the TLSA records that stand at the name, as the place itself holds
// them and no cache, and ends with 0:
//
//	{"ttl":300,"records":["255 255 255 80D5…"],"alias":""}
//
// records is always there, and empty where there is none; each is in presentation form
// (RFC 6698 §2.2), others' among them. ttl is in seconds, and needed where there are
// records. alias is the target of a CNAME at the name, and may be left out where none
// is. Other members, members that are there twice or are null, and anything before or
// after the object are errors.
//
// To write:
//
//	{"version":1,"do":"write","name":"jwk.cnf.vendor.example.",
//	 "before":{"ttl":300,"records":["3 1 1 01AB…"],"alias":""},
//	 "after":{"ttl":300,"records":["3 1 1 01AB…","255 255 255 80D5…"],"alias":""},
//	 "add":["255 255 255 80D5…"],"remove":[]}
//
// The program makes of before after, which is to add and remove those records and to
// leave every other alone, and ends with 0 once the place has taken it. Where what
// stands there is not before, it ends with 10 and changes nothing. What it prints is
// not read. A program that can only write will not do: without reading, others'
// records could be lost and nobody would know what was done.
//
// The exit codes:
//
//	 0  done
//	10  conflict      the set is not what before says
//	11  refused       the place does not allow this
//	12  bad_key       the place does not take the credentials
//	13  unsupported   the place cannot carry the record, or not with that TTL
//	14  wrong_zone    the place has no zone that holds the name
//	15  unreachable   the place does not answer
//	16  rate_limited  the place wants fewer calls
//	75  servfail      the place fails for now (EX_TEMPFAIL of sysexits.h)
//
// Any other is a failure of which nothing more is known. The last line on standard
// error is shown to people, cut short: it must not hold a secret.
//
// No shell is between: program and arguments are handed on as they are. The program
// brings its own credentials: of the environment it gets PATH, HOME and LANG alone, and
// what Config.Env adds; CNFD_PUBLISH_CREDENTIALS is not handed on. It runs in a process
// group of its own, which is killed (SIGKILL) when time is up or the caller gives up;
// on Linux what it leaves running in that group is killed as well when it ends by itself.
// A write that is killed may have been done or not: it is read again to find out.
package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// Config says which program is run, and how. Program is required.
type Config struct {
	// Program is an absolute path, or a name that PATH has.
	Program string
	// Args are its arguments, without its name. Other users of the machine see them:
	// they are no place for secrets.
	Args []string
	// Env is set beside PATH, HOME and LANG, each "NAME=value".
	Env []string
	// Dir is where it runs, an absolute path. Default: where this process does.
	Dir string
	// Timeout is the longest that one run may take. Default: 60 seconds.
	Timeout time.Duration
	// MaxOutput is how many octets it may print when it reads. Default: 1 MiB.
	MaxOutput int
	// Guarded: it keeps the promise to end with 10 where the set is not before. What
	// does not is told of in the target's Limits.
	Guarded bool
}

const (
	defaultTimeout   = 60 * time.Second
	defaultMaxOutput = 1 << 20 // a set is under 100 KiB everywhere
)

// New returns the target that a program is. It looks for the program and does not run it.
func New(c Config) (publish.Target, error) {
	switch {
	case c.Program == "":
		return publish.Target{}, errors.New("hook: no program")
	case strings.ContainsRune(c.Program, filepath.Separator) && !filepath.IsAbs(c.Program):
		return publish.Target{}, fmt.Errorf("hook: %s: want an absolute path, or a name that PATH has", c.Program)
	case c.Dir != "" && !filepath.IsAbs(c.Dir):
		return publish.Target{}, fmt.Errorf("hook: directory %s: want an absolute path", c.Dir)
	case c.Timeout < 0 || c.MaxOutput < 0:
		return publish.Target{}, errors.New("hook: timeout, output: want more than nothing")
	}
	for _, v := range slices.Concat(c.Args, c.Env) {
		if strings.ContainsRune(v, 0) {
			return publish.Target{}, errors.New("hook: argument or variable with a NUL octet")
		}
	}
	for _, v := range c.Env {
		if i := strings.IndexByte(v, '='); i < 1 {
			return publish.Target{}, errors.New("hook: variable: want NAME=value") // not repeated: it may be a secret
		}
	}
	path, err := exec.LookPath(c.Program)
	if err != nil {
		return publish.Target{}, fmt.Errorf("hook: %w: want a program that may be executed", err)
	}
	c.Program = path
	c.Args, c.Env = slices.Clone(c.Args), append(inherited(), c.Env...)
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxOutput == 0 {
		c.MaxOutput = defaultMaxOutput
	}
	p := &program{Config: c, where: "hook " + path}
	return publish.Target{Name: p.where, Zone: p, Limits: publish.Limits{Unguarded: !c.Guarded}}, nil
}

// inherited is what a program gets of this process' environment, which may hold
// secrets that are none of its business.
func inherited() (env []string) {
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// program is a publish.Zone.
type program struct {
	Config
	where string // for errors
}

// Read asks the program for the set at a name. The error is an *publish.Error.
func (p *program) Read(ctx context.Context, name string) (publish.Set, error) {
	out, err := p.run(ctx, "read", readRequest(name))
	if err != nil {
		return publish.Set{}, err
	}
	set, err := readSet(name, out)
	if err != nil {
		return publish.Set{}, &publish.Error{Kind: publish.Failed, Where: p.where, What: "output for read: " + err.Error(),
			Do: `want one object like {"ttl":300,"records":["255 255 255 80D5…"],"alias":""}`}
	}
	return set, nil
}

// Write has the program make of c.Before c.After. The error is an *publish.Error.
func (p *program) Write(ctx context.Context, c publish.Change) error {
	_, err := p.run(ctx, "write", writeRequest(c))
	return err
}
