package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// latencies are what requests have waited for their answers.
type latencies []time.Duration

// at is the quantile p, in µs.
func (l latencies) at(p float64) float64 {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return float64(l[min(int(p*float64(len(l))), len(l)-1)]) / float64(time.Microsecond)
}

func (l latencies) String() string {
	return fmt.Sprintf("p50 %.0f p99 %.0f p99.9 %.0f µs", l.at(0.5), l.at(0.99), l.at(0.999))
}

// hotLoad asks for what is cached: on each socket two connections, each so often a second.
type hotLoad struct {
	sockets map[string]string // network: address
}

const (
	hotConnections = 2
	hotRate        = 250 // of one connection
)

// warm has every hot name looked up.
func (h *hotLoad) warm() error {
	c, err := net.Dial("tcp", h.sockets["tcp"])
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for i := range hotNames {
		if _, err := c.Write(claimsRequest('c', i)); err != nil {
			return err
		}
		if came, err := answerTo(in); err != nil || came != "confirmed" {
			return fmt.Errorf("%s: %s %v", nameOf('c', i), came, err)
		}
	}
	return nil
}

// run asks for a time, and gives the latencies of each socket.
func (h *hotLoad) run(each time.Duration) (map[string]latencies, error) {
	out, errs := map[string]latencies{}, []error(nil)
	var mu sync.Mutex // guards both
	var done sync.WaitGroup
	for network, address := range h.sockets {
		for range hotConnections {
			done.Go(func() {
				took, err := askHot(network, address, each)
				mu.Lock()
				defer mu.Unlock()
				out[network], errs = append(out[network], took...), append(errs, err)
			})
		}
	}
	done.Wait()
	return out, errors.Join(errs...)
}

// askHot sends each request when it is due, or when the one before it was answered: then
// it has waited since it was due. What this process sleeps too long is not counted.
func askHot(network, address string, each time.Duration) (took latencies, err error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	requests := make([][]byte, hotNames)
	for i := range requests {
		requests[i] = claimsRequest('c', i)
	}
	const every = time.Second / hotRate
	due := time.Now().Add(rand.N(every))
	for until := time.Now().Add(each); due.Before(until); due = due.Add(every/2 + rand.N(every)) {
		began := due
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
			began = time.Now()
		}
		if _, err := c.Write(requests[rand.IntN(hotNames)]); err != nil {
			return nil, err
		}
		came, err := answerTo(in)
		if err != nil || came != "confirmed" {
			return nil, fmt.Errorf("a hot name: %s %v", came, err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// answerTo reads an answer and tells its outcome, or its status where it is no verdict. It
// costs less than net/http, whose time would be missing to the daemon.
func answerTo(in *bufio.Reader) (string, error) {
	status, length := "", -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		line = bytes.TrimRight(line, "\r\n")
		if status == "" {
			if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
				return "", fmt.Errorf("no HTTP: %q", line)
			}
			status = string(line[9:12])
			continue
		}
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return "", err
			}
		}
	}
	if length < 0 || length > in.Size() {
		return "", fmt.Errorf("status %s, of %d octets", status, length)
	}
	body, err := in.Peek(length)
	if err != nil {
		return "", err
	}
	outcome := status
	if status == "200" {
		_, after, _ := bytes.Cut(body, []byte(`"outcome":"`))
		word, _, _ := bytes.Cut(after[:min(len(after), 20)], []byte(`"`))
		outcome = string(word)
	}
	_, err = in.Discard(length)
	return outcome, err
}

// coldOrder is what the flood is: so many questions a second, over so many connections
// at the most, each waiting for its answer.
type coldOrder struct {
	Names       int
	Address     string
	Of          string
	Rate        int
	Connections int
}

// coldCount is what a flood has come to.
type coldCount struct {
	Asked int
	Came  map[string]int
}

// loadCold floods for each time that it is told, and says then what came of it.
func loadCold(in io.Reader, out io.Writer) error {
	orders, said := json.NewDecoder(in), json.NewEncoder(out)
	var o coldOrder
	if err := orders.Decode(&o); err != nil {
		return err
	}
	said.Encode(struct{}{})
	next := atomic.Int64{}
	next.Store(hotNames)
	for {
		var each time.Duration
		if err := orders.Decode(&each); err != nil {
			return nil // told no more
		}
		if err := said.Encode(o.flood(&next, each)); err != nil {
			return err
		}
	}
}

func (o *coldOrder) flood(next *atomic.Int64, each time.Duration) coldCount {
	out := coldCount{Came: map[string]int{}}
	var mu sync.Mutex // guards it
	var done sync.WaitGroup
	until := time.Now().Add(each)
	for range o.Connections {
		done.Go(func() {
			came := map[string]int{}
			asked := o.askCold(next, until, came)
			mu.Lock()
			defer mu.Unlock()
			out.Asked += asked
			for what, n := range came {
				out.Came[what] += n
			}
		})
	}
	done.Wait()
	return out
}

// askCold asks for one fresh name after another over one connection.
func (o *coldOrder) askCold(next *atomic.Int64, until time.Time, came map[string]int) (asked int) {
	var dialer net.Dialer
	dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(floodFrom)}
	c, err := dialer.Dial("tcp", o.Address)
	if err != nil {
		came[err.Error()]++
		return 0
	}
	defer c.Close()
	c.(*net.TCPConn).SetLinger(0) // else the ports of a few rounds are all that there are
	c.SetDeadline(until)
	in := bufio.NewReader(c)
	every := time.Second * time.Duration(o.Connections) / time.Duration(o.Rate)
	due := time.Now().Add(rand.N(every))
	for due.Before(until) {
		time.Sleep(time.Until(due))
		i := int(next.Add(1)) - 1
		if i >= o.Names {
			came[outOfNames]++
			return asked
		}
		if _, err := c.Write(claimsRequest(o.Of[i%len(o.Of)], i)); err != nil {
			return asked
		}
		asked++
		what, err := answerTo(in)
		if err != nil { // what is still open at the end
			came["open"]++
			return asked
		}
		came[what]++
		if due = due.Add(every); due.Before(time.Now()) {
			due = time.Now() // nothing is made up for
		}
	}
	return asked
}

const outOfNames = "out of names"

// floodFrom is another peer than the one that asks for hot names.
const floodFrom = "127.0.0.2"

func claimsRequest(of byte, i int) []byte {
	body := fmt.Appendf(nil, `{"claims":{"iss":"https://issuer.example","sub":"https://%s","exp":4102444800,"cnf":{"jwk":%s}}}`, strings.TrimSuffix(nameOf(of, i), "."), holderKey)
	return request("/v1/verify", "application/json", body)
}
