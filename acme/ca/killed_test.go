package ca

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// TestKilled kills a process that rotates, and renews the root's list, without end, at random instants: whatever is there
// is whole, the CA opens, and a rotation goes on once what the error says has been done.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("CA_ROTATE_IN"); dir != "" {
		for {
			if _, err := Rotate(dir, Setup{Now: someDay}, ""); err != nil {
				fmt.Println("error:", err)
				return
			}
			if err := RenewRootList(dir, someDay, ""); err != nil {
				fmt.Println("error:", err)
				return
			}
			fmt.Println("rotated")
		}
	}
	const seed = 9
	random, cut, before := rand.New(rand.NewPCG(seed, seed)), 0, int64(0)
	s := newScene(t, acme.Ed25519)
	for range 40 {
		c := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		c.Env = append(os.Environ(), "CA_ROTATE_IN="+s.dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
		_ = c.Process.Kill()
		_ = c.Wait()
		if line != "rotated\n" {
			t.Fatalf("the other said %q", line)
		}
		there, err := list(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range there.keys {
			s.key(keyFile(n)) // whole
		}
		s.ca = s.open(Config{})
		s.issue(s.request("vendor.example"))
		if number := s.rootList().Number.Int64(); number <= before || number != someDay.Unix()+int64(there.newestList())-1 {
			t.Fatalf("list %d has number %d, after %d", there.newestList(), number, before)
		} else {
			before = number
		}
		_, err = there.next()
		if err == nil {
			continue
		}
		if _, err := Rotate(s.dir, Setup{Now: s.now}, ""); err == nil || !strings.Contains(err.Error(), "remove the key and rotate again") {
			t.Fatalf("%v", err)
		}
		cut++
		s.remove(keyFile(there.certs[len(there.certs)-1] + 1))
	}
	s.rotate()
	t.Logf("%d intermediates, %d rotations cut short between their files", len(s.ca.Issuers()), cut)
}
