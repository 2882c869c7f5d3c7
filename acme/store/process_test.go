package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

// roleEnv names what a child process of a test does; its argument is the path of a store.
const roleEnv = "CNFD_STORE_TEST"

func TestMain(m *testing.M) {
	role, path, _ := strings.Cut(os.Getenv(roleEnv), " ")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

var roles = map[string]func(path string) error{
	// write counts up for ever, and says each number once it is kept.
	"write": func(path string) error {
		s, err := Open(path)
		if err != nil {
			return err
		}
		for {
			n, err := written(context.Background(), s)
			if err != nil {
				return err
			}
			fmt.Println(n)
		}
	},
	// crowd is write for eight at once, each with a count of its own.
	"crowd": func(path string) error {
		s, err := Open(path)
		if err != nil {
			return err
		}
		errs := make(chan error)
		for own := range crowdSize {
			go func() {
				for {
					n, err := counted(context.Background(), s, fmt.Sprint("own ", own))
					if err != nil {
						errs <- err
					}
					fmt.Println(own, n)
				}
			}()
		}
		return <-errs
	},
	// step counts up 50 times beside other processes, opening the store anew each ten times.
	"step": func(path string) error {
		for range 5 {
			s, err := Open(path)
			if err != nil {
				return err
			}
			for range 10 {
				if err := step(context.Background(), s); err != nil {
					return err
				}
			}
			if err := s.Close(); err != nil {
				return err
			}
		}
		return nil
	},
	// hold says that it is inside of an Update, and ends it once its input ends.
	"hold": func(path string) error {
		s, err := Open(path)
		if err != nil {
			return err
		}
		defer s.Close()
		return s.Update(context.Background(), func(tx acme.Tx) error {
			fmt.Println("inside")
			io.Copy(io.Discard, os.Stdin)
			return putCounter(tx, "a", 41)
		})
	},
	// migrate takes a long while to come to version 2.
	"migrate": func(path string) error {
		fmt.Println("begun")
		s, err := open(path, append(migrations(), slowMigration))
		if err != nil {
			return err
		}
		return s.Close()
	},
}

// written makes one Update of many statements in many tables, and returns its number.
func written(ctx context.Context, s *Store) (n int, err error) {
	err = s.Update(ctx, func(tx acme.Tx) error {
		if n, err = counter(tx, "count"); err != nil {
			return err
		}
		n++
		id, names := strconv.Itoa(n), []acme.Identifier{{Type: "dns", Value: "a.example"}}
		return errors.Join(
			tx.Reserve(&acme.Reservation{Serial: id, TBS: make([]byte, 1000)}),
			tx.PutOrder(&acme.Order{ID: id, Account: "a", State: acme.OrderValid, Authorizations: []string{id}}),
			tx.PutAuthorization(&acme.Authorization{ID: id, Account: "a", Challenges: make([]acme.Challenge, 3)}),
			putCounter(tx, "count", n),
			tx.PutCertificate(&acme.Certificate{Serial: id, Identifiers: names, Leaf: make([]byte, 1500)}),
			tx.PutBlob(id, make([]byte, 3000)))
	})
	return n, err
}

// crowdSize is how many count up at once in role crowd.
const crowdSize = 8

// counted counts up by one Update, which puts a blob named by the count besides.
func counted(ctx context.Context, s *Store, name string) (n int, err error) {
	err = s.Update(ctx, func(tx acme.Tx) error {
		if n, err = counter(tx, name); err != nil {
			return err
		}
		n++
		return errors.Join(putCounter(tx, name, n), tx.PutBlob(fmt.Sprint(name, " ", n), nil))
	})
	return n, err
}

// child starts a process with a role; it is killed at the end of the test.
func child(t testing.TB, role, path string) (cmd *exec.Cmd, in io.Closer, out *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role+" "+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, stdin, bufio.NewScanner(stdout)
}

// TestSeveralProcesses has some count up at once, all with stores of their own: none is turned away, and no number is lost.
func TestSeveralProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db") // which they make all at once, too
	var all []*exec.Cmd
	for range 4 {
		cmd, _, out := child(t, "step", path)
		all = append(all, cmd)
		go func() {
			for out.Scan() {
				t.Errorf("a process: %s", out.Text())
			}
		}()
	}
	for _, cmd := range all {
		must(t, cmd.Wait())
	}
	if a, b := steps(t, opened(t, path)); a != 200 || b != 200 {
		t.Errorf("4 times 50 came to %d and %d", a, b)
	}
}

// TestAnotherProcessHoldsOn waits for a process that stays within an Update for some seconds, and then for one that stays too long.
func TestAnotherProcessHoldsOn(t *testing.T) {
	t.Parallel() // it mostly waits
	path := filepath.Join(t.TempDir(), "acme.db")
	s := opened(t, path)
	must(t, step(t.Context(), s))
	cmd, in, out := child(t, "hold", path)
	if !out.Scan() || out.Text() != "inside" {
		t.Fatal(out.Text())
	}
	if a, _ := steps(t, s); a != 1 {
		t.Errorf("a View meanwhile sees %d", a)
	}
	release := time.AfterFunc(busyWait+time.Second, func() { in.Close() }) // longer than SQLite waits at once
	defer release.Stop()
	must(t, step(t.Context(), s))
	if a, b := steps(t, s); a != 42 || b != 42 {
		t.Errorf("after both: %d and %d", a, b)
	}
	must(t, cmd.Wait())

	_, _, out = child(t, "hold", path)
	if !out.Scan() || out.Text() != "inside" {
		t.Fatal(out.Text())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := step(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that ends: %v", err)
	}
	err := step(t.Context(), s)
	if err == nil || !strings.HasPrefix(err.Error(), "acme store: "+path+": another process has been at work on it for too long: let that end, or end it: ") {
		t.Error(err)
	}
}

// TestOpenWaits opens a store while another process stays within an Update, for longer than SQLite waits at once.
func TestOpenWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "acme.db")
	_, in, out := child(t, "hold", path)
	if !out.Scan() || out.Text() != "inside" {
		t.Fatal(out.Text())
	}
	release := time.AfterFunc(busyWait+time.Second, func() { in.Close() })
	defer release.Stop()
	if a, _ := steps(t, opened(t, path)); a != 41 {
		t.Errorf("it has %d of the other", a)
	}
}
