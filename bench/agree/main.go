// Agree tampers with signed zone files, and asks two validating resolvers about
// many names to see where they differ.
//
//	agree tamper -files 'z*.zone' [-seed N]     every fourth zone file stays as it is; of the others one has a bit of a
//	                                            signature flipped, one a record dropped, one its signatures expired
//	agree compare -a HOST:PORT -b HOST:PORT -names FILE     one "name type" a line (dnsperf's form)
//
// It prints how many names both find secure, insecure and bogus, and each name
// on which they differ.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("want tamper or compare"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	switch os.Args[1] {
	case "tamper":
		files, seed := flags.String("files", "", "the zone files: a pattern"), flags.Uint64("seed", 1, "of the choices")
		flags.Parse(os.Args[2:])
		fail(tamperAll(*files, *seed))
	case "compare":
		a, b := flags.String("a", "", "one resolver"), flags.String("b", "", "the other")
		names := flags.String("names", "", "what to ask")
		flags.Parse(os.Args[2:])
		fail(compare(*a, *b, *names))
	default:
		fail(fmt.Errorf("%q: want tamper or compare", os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/agree:", err)
		os.Exit(1)
	}
}

func tamperAll(pattern string, seed uint64) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	slices.Sort(files)
	done := map[string]int{}
	for i, file := range files {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		how := []string{"nothing", "a bit of a signature", "a record dropped", "signatures expired"}[i%4]
		switch i % 4 {
		case 1:
			flipBit(r, lines)
		case 2:
			at := 1 + r.IntN(len(lines)-1) // not the SOA, without which no server loads the zone
			lines = slices.Delete(lines, at, at+1)
		case 3:
			expire(lines)
		}
		done[how]++
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			return err
		}
	}
	fmt.Println(done)
	return nil
}

// flipBit changes one character in the middle of one signature's base64.
func flipBit(r *rand.Rand, lines []string) {
	var signed []int
	for i, l := range lines {
		if strings.Contains(l, "\tRRSIG\t") {
			signed = append(signed, i)
		}
	}
	at := signed[r.IntN(len(signed))]
	l := []byte(lines[at])
	p := strings.LastIndexAny(lines[at], " \t") + 5 + r.IntN(40)
	if l[p] == 'A' {
		l[p] = 'B'
	} else {
		l[p] = 'A'
	}
	lines[at] = string(l)
}

// expire dates every signature into the past; that they no longer verify either
// makes no difference to the outcome.
func expire(lines []string) {
	for i, l := range lines {
		f := strings.Fields(l)
		if len(f) > 9 && f[3] == "RRSIG" {
			f[8] = "20200101000000"
			f[9] = "20191201000000"
			lines[i] = strings.Join(f, " ")
		}
	}
}

// workers bounds the questions under way.
const workers = 8

func compare(a, b, names string) error {
	f, err := os.Open(names)
	if err != nil {
		return err
	}
	defer f.Close()
	var mu sync.Mutex
	both, differ := map[string]int{}, 0
	lines := make(chan string)
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for line := range lines {
				name, rrtype, _ := strings.Cut(line, " ")
				x, y := ask(a, name, rrtype), ask(b, name, rrtype)
				mu.Lock()
				if x == y {
					both[x]++
				} else {
					differ++
					fmt.Printf("%s: %s says %s, %s says %s\n", line, a, x, b, y)
				}
				mu.Unlock()
			}
		})
	}
	in := bufio.NewScanner(f)
	for in.Scan() {
		lines <- in.Text()
	}
	close(lines)
	done.Wait()
	fmt.Printf("both: %v, differ: %d\n", both, differ)
	return in.Err()
}

// ask says what a resolver makes of a name: how secure, and how it ends.
func ask(server, name, rrtype string) string {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.StringToType[strings.TrimSpace(rrtype)])
	q.SetEdns0(4096, true)
	q.AuthenticatedData = true
	for _, network := range []string{"udp", "udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: 10 * time.Second}
		r, _, err := c.Exchange(q, server)
		if err != nil || r.Truncated {
			continue
		}
		switch {
		case r.Rcode == dns.RcodeServerFailure:
			return "bogus"
		case r.AuthenticatedData:
			return fmt.Sprintf("secure, %s with %d", dns.RcodeToString[r.Rcode], count(r.Answer))
		}
		return fmt.Sprintf("insecure, %s with %d", dns.RcodeToString[r.Rcode], count(r.Answer))
	}
	return "silence"
}

func count(answer []dns.RR) (n int) {
	for _, rr := range answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			n++
		}
	}
	return n
}
