package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// flood measures what hot verifies wait for while others flood the daemon with
// names that nobody has asked for: rounds of quiet and flood in turn (A B A B), and
// the ratio of the two 99th percentiles within each round. The daemon is as it comes, but
// for its trust anchor; it, the name servers and both loads share this machine.
type flood struct {
	cnfd        string
	rounds      int
	each        time.Duration
	kinds       string // of kinds, by comma
	rate        int    // cold questions a second
	connections int    // of the flood
	calm        float64
}

// kinds of floods, in the order in which they are played.
var kinds = []floodKind{
	{name: "chains", what: "each a fresh signed zone: 3 exchanges, 3 checks", of: "c"},
	{name: "absent", what: "names that are not in a signed zone: 2 exchanges, 2 checks", of: "n"},
	{name: "silent", what: "zones whose servers never answer", of: "s"},
	{name: "mixed", what: "all three, by 4 2 1", of: "cncsccn"},
	{name: "limited", what: "chains, from one peer over its limits.peer_misses of 100", of: "c", limit: 100},
}

type floodKind struct {
	name, what string
	of         string // the kinds of names, in turn: see world
	limit      int
}

func (f *flood) run() error {
	wanted := strings.Split(f.kinds, ",")
	for _, w := range wanted {
		if w != "all" && !slices.ContainsFunc(kinds, func(k floodKind) bool { return k.name == w }) {
			return fmt.Errorf("-kinds: %q is none", w)
		}
	}
	for _, k := range kinds {
		if slices.Contains(wanted, "all") || slices.Contains(wanted, k.name) {
			if err := f.play(k); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	return nil
}

// play starts name servers and a daemon, floods it, and prints what came of it.
func (f *flood) play(k floodKind) (err error) {
	dir, err := os.MkdirTemp("", "cnfd-flood")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tries := f.rounds
	if !math.IsInf(f.calm, 1) {
		tries *= 3
	}
	names := hotNames + int(float64(f.rate)*(f.each+2*settle).Seconds())*tries
	var at world
	authority, err := part("authority", worldOrder{Names: names, Of: k.of}, &at)
	if err != nil {
		return err
	}
	defer authority.end()
	api, daemon, err := f.serve(dir, &at, k.limit)
	if err != nil {
		return err
	}
	defer daemon.end()
	hot := &hotLoad{sockets: map[string]string{"tcp": strings.TrimPrefix(api, "http://"), "unix": filepath.Join(dir, "cnfd.sock")}}
	if err := hot.warm(); err != nil {
		return err
	}
	var began struct{}
	cold, err := part("load", coldOrder{Names: names, Address: hot.sockets["tcp"], Of: k.of, Rate: f.rate, Connections: f.connections}, &began)
	if err != nil {
		return err
	}
	defer cold.end()
	return f.rounded(k, hot, cold, authority, daemon, api, tries)
}

// rounded plays the rounds.
func (f *flood) rounded(k floodKind, hot *hotLoad, cold, authority, daemon *process, api string, tries int) error {
	table := table{kind: k, over: f.each + 2*settle}
	for ; len(table.rounds) < f.rounds && tries > 0; tries-- {
		before := use(daemon, authority, cold)
		r, err := f.round(hot, cold, api)
		if err != nil {
			return err
		}
		r.used = use(daemon, authority, cold).since(before)
		fmt.Fprintf(os.Stderr, "%-8s %s\n", k.name, r)
		if r.cold.Came[outOfNames] > 0 {
			return errors.New("the flood has no more names that nobody knows")
		}
		if r.used.others <= f.calm {
			table.rounds = append(table.rounds, r)
		}
	}
	if len(table.rounds) == 0 {
		return fmt.Errorf("in no round did others take less than -calm %.2f of a processor", f.calm)
	}
	table.print()
	return nil
}

// serve starts the daemon on its own configuration, and tells where its API is.
func (f *flood) serve(dir string, at *world, limit int) (api string, _ *process, err error) {
	config := fmt.Sprintf(`testing: true
state_dir: %q
api: {listen: "127.0.0.1:0", unix: %q}
resolver:
  allow_local_servers: true
  ipv6: false
  server_port: %d
  trust_anchors: [%q]
  trust_anchor_updates: false
  root_hints: [{name: ns.root., addresses: [%s]}]
limits: {peer_misses: %d}
`, filepath.Join(dir, "state"), filepath.Join(dir, "cnfd.sock"), at.Port, at.Anchor, rootAt, limit)
	file := filepath.Join(dir, "cnfd.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(f.cnfd, "serve", "--config", file)
	said, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	p := &process{cmd: cmd}
	api, err = listening(said)
	if err != nil {
		p.end()
		return "", nil, err
	}
	go io.Copy(io.Discard, said)
	return api, p, nil
}

// listening reads the line that says where the API is.
func listening(said io.Reader) (api string, err error) {
	var heard strings.Builder
	for lines := bufio.NewScanner(said); lines.Scan(); {
		fmt.Fprintln(&heard, lines.Text())
		if _, addresses, ok := strings.Cut(lines.Text(), "cnfd: listening on "); ok {
			return strings.Fields(addresses)[0], nil
		}
	}
	return "", fmt.Errorf("the daemon does not listen: %s", heard.String())
}

// round is what a time of quiet, and one of flood, have shown.
type round struct {
	quiet, flood map[string]latencies // by socket
	cold         coldCount
	counts       map[string]float64 // the daemon's, of the flood
	used         usage
}

// settle is how long a flood takes to be one, and to ebb away.
const settle = 200 * time.Millisecond

func (f *flood) round(hot *hotLoad, cold *process, api string) (r round, err error) {
	if r.quiet, err = hot.run(f.each); err != nil {
		return r, err
	}
	before, err := scrape(api)
	if err != nil {
		return r, err
	}
	if err := cold.tell(f.each + 2*settle); err != nil {
		return r, err
	}
	time.Sleep(settle)
	if r.flood, err = hot.run(f.each); err != nil {
		return r, err
	}
	during, err := scrape(api)
	if err != nil {
		return r, err
	}
	if err := cold.hear(&r.cold); err != nil {
		return r, err
	}
	if r.counts, err = scrape(api); err != nil {
		return r, err
	}
	for name := range r.counts {
		r.counts[name] -= before[name]
	}
	r.counts[inFlight] = during[inFlight]
	time.Sleep(settle)
	return r, nil
}

// scrape reads the daemon's counters.
func scrape(api string) (map[string]float64, error) {
	r, err := http.Get(api + "/metrics")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			out[name] = v
		}
	}
	return out, nil
}

// process is a part of the bench that runs for itself.
type process struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
}

// part starts this program as one of its parts, which is given order and then says what it is.
func part(name string, order, is any) (*process, error) {
	cmd := exec.Command(os.Args[0], "-part", name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, in: json.NewEncoder(in), out: json.NewDecoder(out)}
	if err := cmp.Or(p.tell(order), p.hear(is)); err != nil {
		p.end()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p *process) tell(v any) error { return p.in.Encode(v) }
func (p *process) hear(v any) error { return p.out.Decode(v) }

func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM) // a shell has its background jobs ignore the other
	p.cmd.Wait()
}

// asPart is this program as one of its own parts.
func asPart(name string) error {
	switch name {
	case "authority":
		return serveWorld(os.Stdin, os.Stdout)
	case "load":
		return loadCold(os.Stdin, os.Stdout)
	}
	return errors.New("-part: authority or load")
}
