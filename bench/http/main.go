// Http measures what /v1/verify costs beside a handler that does nothing but
// answer as many octets: CPU of the server process a request, in turn (A B A B),
// the median of the rounds' ratios. Both servers run with GOMAXPROCS=1; the load
// is eight connections from this process. Linux only (/proc).
//
//	make build && go run ./bench/http -rounds 9
//	make build && go run ./bench/http -rounds 9 -batch 1000
//	make build && go run ./bench/http -rounds 9 -batch 1000 -different 5000
//
//	make build && go run ./bench/http -rounds 9 -flood
//
// With -batch it is the CPU of one item of a batch beside one request to that handler; with
// -flood it is what hot requests wait for while others ask for names that nobody knows.
// The daemon is cnfd sandbox, hot: the record is in its cache.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	cnfd := flag.String("cnfd", "bin/cnfd", "the binary to measure")
	rounds := flag.Int("rounds", 7, "rounds of each")
	seconds := flag.Float64("seconds", 1, "how long each is asked in a round")
	batch := flag.Int("batch", 0, "measure an item of a batch of as many, over TCP")
	trivial := flag.String("trivial", "", "serve as the yardstick: network and address")
	size := flag.Int("size", 0, "octets that the yardstick answers")
	different := flag.Int("different", 1, "credentials in turn, each with claims of its own, about one subject and key")
	f := flood{}
	flooding := flag.Bool("flood", false, "measure what hot requests wait for while others flood the daemon with cold names")
	flag.StringVar(&f.kinds, "kinds", "all", "of floods: chains, absent, silent, mixed, limited, by comma")
	flag.IntVar(&f.rate, "rate", 4000, "cold names a second of a flood")
	flag.IntVar(&f.connections, "connections", 512, "over which a flood comes")
	flag.Float64Var(&f.calm, "calm", math.Inf(1), "play a round again in which others used more processors than this; three times as many rounds at the most")
	role := flag.String("part", "", "be one of the parts of a flood's measurement")
	flag.Parse()
	each := time.Duration(*seconds * float64(time.Second))
	var err error
	if *role != "" {
		err = asPart(*role)
	} else if *flooding {
		f.cnfd, f.rounds, f.each = *cnfd, *rounds, each
		err = f.run()
	} else if *trivial != "" {
		network, address, _ := strings.Cut(*trivial, " ")
		err = serveTrivial(network, address, *size)
	} else {
		err = compare(*cnfd, *batch, *different, *rounds, each)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/http:", err)
		os.Exit(1)
	}
}

// serveTrivial is the yardstick: it reads the body and answers size octets.
func serveTrivial(network, address string, size int) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	answer := bytes.Repeat([]byte("x"), size)
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Write(answer)
	}))
}

func compare(cnfd string, batch, different, rounds int, each time.Duration) error {
	dir, err := os.MkdirTemp("", "cnfd-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	daemon := exec.Command(cnfd, "sandbox", "--json", "--dir", dir)
	api, stop, err := startDaemon(daemon)
	if err != nil {
		return err
	}
	defer stop()
	body, size, err := question(dir, api)
	if err != nil {
		return err
	}
	one, networks := load{items: 1}, []string{"unix", "tcp"}
	bodies := differing(body, different)
	for _, b := range bodies {
		one.requests = append(one.requests, request("/v1/verify", "application/json", b))
	}
	many := one
	if batch > 0 {
		many, networks = load{items: batch}, networks[1:]
		for at := 0; at < max(batch, different); at += batch {
			var lines []byte
			for i := range batch {
				lines = append(append(lines, bodies[(at+i)%len(bodies)]...), '\n')
			}
			many.requests = append(many.requests, request("/v1/verify/batch", "application/x-ndjson", lines))
		}
	}
	for _, network := range networks {
		address := filepath.Join(dir, "trivial.sock")
		target := filepath.Join(dir, "cnfd.sock")
		if network == "tcp" {
			address, target = "127.0.0.1:18099", strings.TrimPrefix(api, "http://")
		}
		yard, err := start(exec.Command(os.Args[0], "-trivial", network+" "+address, "-size", strconv.Itoa(size)), network, address)
		if err != nil {
			return err
		}
		err = play(network, address, yard.Pid, target, daemon.Process.Pid, one, many, rounds, each)
		yard.Kill()
		if err != nil {
			return err
		}
	}
	return nil
}

// play asks both in turn and prints the medians.
func play(network, address string, yard int, target string, daemon int, one, many load, rounds int, each time.Duration) error {
	var ratios, a, b []float64
	for range rounds {
		t, err := cost(network, address, yard, one, each)
		if err != nil {
			return err
		}
		c, err := cost(network, target, daemon, many, each)
		if err != nil {
			return err
		}
		a, b, ratios = append(a, t), append(b, c), append(ratios, c/t)
		fmt.Fprintf(os.Stderr, "%-4s trivial %.1f µs, cnfd %.2f µs, %.3f\n", network, t, c, c/t)
	}
	fmt.Printf("%-4s  trivial %.1f µs  cnfd %.2f µs  × %.3f (%.3f–%.3f)  CPU a credential, medians of %d rounds\n",
		network, median(a), median(b), median(ratios), slices.Min(ratios), slices.Max(ratios), rounds)
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// startDaemon starts the sandbox and reads where its API is.
func startDaemon(cmd *exec.Cmd) (api string, stop func(), err error) {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }
	var said struct {
		API string `json:"api"`
	}
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		stop()
		return "", nil, fmt.Errorf("what %s sandbox --json says: %w", cmd.Path, err)
	}
	return said.API, stop, nil
}

// start starts a server and waits until it listens.
func start(cmd *exec.Cmd, network, address string) (*os.Process, error) {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if c, err := net.Dial(network, address); err == nil {
			c.Close()
			return cmd.Process, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Kill()
	return nil, fmt.Errorf("nobody listens on %s %s", network, address)
}

// load is what is sent in turn, over and over, and how many credentials each holds.
type load struct {
	requests [][]byte
	items    int
}

// differing gives as many questions, each of claims that differ from all others.
func differing(body []byte, n int) [][]byte {
	if n <= 1 {
		return [][]byte{body}
	}
	all := make([][]byte, n)
	for i := range all {
		all[i] = bytes.Replace(body, []byte(`{"claims":{`), fmt.Appendf(nil, `{"claims":{"jti":"%08d",`, i), 1)
	}
	return all
}

func request(path, kind string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path, kind, len(body), body)
}

// question is the body of a request, and the size of the answer that it gets.
func question(dir, api string) (request []byte, size int, err error) {
	token, err := os.ReadFile(filepath.Join(dir, "vendor.jwt"))
	if err != nil {
		return nil, 0, err
	}
	payload := strings.Split(strings.TrimSpace(string(token)), ".")[1]
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, 0, err
	}
	body := fmt.Sprintf(`{"claims":%s}`, claims)
	r, err := http.Post(api+"/v1/verify", "application/json", strings.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	defer r.Body.Close()
	verdict, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, 0, err
	}
	if !bytes.Contains(verdict, []byte(`"outcome":"confirmed"`)) {
		return nil, 0, fmt.Errorf("not confirmed: %s", verdict)
	}
	return []byte(body), len(verdict), nil
}

// connections is how many ask at once.
const connections = 8

// cost is the CPU time, in µs, that a process spends on a credential.
func cost(network, address string, pid int, l load, each time.Duration) (float64, error) {
	before, err := cpu(pid)
	if err != nil {
		return 0, err
	}
	counts, errs := make([]int, connections), make([]error, connections)
	var done sync.WaitGroup
	until := time.Now().Add(each)
	for i := range connections {
		done.Go(func() { counts[i], errs[i] = hammer(network, address, l.requests, i, until) })
	}
	done.Wait()
	after, err := cpu(pid)
	if err = errors.Join(append(errs, err)...); err != nil {
		return 0, err
	}
	n := 0
	for _, c := range counts {
		n += c
	}
	return float64((after-before)/time.Microsecond) / float64(n*l.items), nil
}

// hammer sends the requests in turn, from the first-th, over one connection until the time is up.
func hammer(network, address string, requests [][]byte, first int, until time.Time) (n int, err error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for ; time.Now().Before(until); n++ {
		request := requests[(n+first*len(requests)/connections)%len(requests)]
		sent := make(chan error, 1)
		if len(request) < 16<<10 {
			_, err := c.Write(request)
			sent <- err
		} else { // a batch is answered while it is read
			go func() { _, err := c.Write(request); sent <- err }()
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return n, err
		}
		_, err = io.Copy(io.Discard, r.Body)
		if err = errors.Join(err, <-sent); err != nil || r.StatusCode != 200 {
			return n, fmt.Errorf("status %d: %v", r.StatusCode, err)
		}
	}
	return n, nil
}

// cpu is the user and system time that a process has used (proc(5)).
func cpu(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}
