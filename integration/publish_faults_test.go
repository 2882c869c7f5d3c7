package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestPublishFaults shows what keeps a record that is written from being called published, and that the same call made
// again goes on once the fault is mended. In each the same call has just been proven without the fault.
func TestPublishFaults(t *testing.T) {
	t.Parallel()
	o := newOwner(t, 121)
	// The root's server is a name server too, and has no such zone: lame where the domain refers to it.
	lame := records(t, publishingDomain+" NS lame."+publishingDomain, "lame."+publishingDomain+" A "+o.root.addr)
	faults := []struct {
		claim      string
		flip, mend func(t *testing.T)
		why        string
	}{
		{"the secondary is stuck on an old serial", o.holdIt, o.releaseIt, "ns2.vendor.example. " + o.second.addr + ": still "},
		{"the secondary is dead", func(t *testing.T) { o.second.process.stop() }, o.restart, "ns2.vendor.example. " + o.second.addr + ": no answer"},
		{"a name server is lame", func(t *testing.T) { o.leaf.edit(t, o.zone, nil, lame) }, func(t *testing.T) { o.leaf.edit(t, o.zone, lame, nil) }, "lame.vendor.example. " + o.root.addr + ": "},
	}
	for _, f := range faults {
		for _, verb := range []string{"add", "remove"} {
			t.Run(verb+", "+f.claim, func(t *testing.T) {
				k := o.another(t)
				if d, code := o.publish(t, "add", k); code != 0 || !d.Proven {
					t.Fatalf("without the fault: %d, %+v", code, d)
				}
				if verb == "add" {
					if d, code := o.publish(t, "remove", k); code != 0 || !d.Proven {
						t.Fatalf("without the fault: %d, %+v", code, d)
					}
				}
				f.flip(t)
				d, code := o.publish(t, verb, k, "--wait", "4s")
				if code != 1 || !d.Written || d.Proven || d.Error == nil || d.Error.Kind != "not_proven" || !strings.Contains(d.Sets[0].Why, f.why) {
					t.Errorf("%d, %+v %+v", code, d, d.Error)
				}
				f.mend(t)
				if d, code := o.publish(t, verb, k); code != 0 || d.Written || !d.Proven {
					t.Errorf("mended: %d, %+v %+v", code, d, d.Error)
				}
				o.others(t)
			})
		}
	}
}

func (o *owner) holdIt(t *testing.T) { o.hold(t) }

// restart starts the secondary again, which has the zone, with the keys that were published in it.
func (o *owner) restart(t *testing.T) {
	o.second.launch(t)
	await(t, "the secondary", func() error { _, err := o.second.ask(publishingDomain, dns.TypeSOA); return err })
}

func (o *owner) releaseIt(t *testing.T) { o.release(t) }

// TestPublishHalf: the key may write one of two names. What was written before is taken back; with the right to both, both
// are there. A revocation of both goes as far as it can, and stays so.
func TestPublishHalf(t *testing.T) {
	t.Parallel()
	o := newOwner(t, 123)
	const cose = "1.8." + publishingDomain
	rights := func(t *testing.T, to string) {
		t.Helper()
		text, err := os.ReadFile(o.leaf.path("named.conf"))
		if err != nil {
			t.Fatal(err)
		}
		from := string(text)[strings.Index(string(text), "update-policy {"):]
		edit(t, o.leaf.path("named.conf"), from[:strings.Index(from, "}")+1], to)
		testneeds.Binary(t, "rndc", "bind9")
		run(t, o.leaf.dir, "", "rndc", "-k", o.leaf.path("tsig"), "-s", o.leaf.addr, "reconfig")
	}
	one, all := "update-policy { grant lab name "+ownersName+" TLSA; }", "update-policy { grant lab zonesub any; }"
	k := o.another(t)
	if d, code := o.publish(t, "add", k, "--method", "jwk,1"); code != 0 || len(d.Sets) != 2 || !d.Proven {
		t.Fatalf("%d, %+v", code, d)
	}
	rights(t, one)
	d, code := o.publish(t, "remove", k, "--method", "jwk,1")
	if code != 1 || d.Error == nil || d.Error.Kind != "partial" || !d.Sets[0].Written || d.Sets[0].Undone || d.Sets[1].Written {
		t.Errorf("a revocation: %d, %+v %+v", code, d, d.Error)
	}
	if here, there := len(o.standing(t, o.leaf, ownersName)), len(o.standing(t, o.leaf, cose)); here != 2 || there != 1 {
		t.Errorf("after it %d and %d records", here, there)
	}
	rights(t, all)
	if d, code := o.publish(t, "remove", k, "--method", "jwk,1"); code != 0 || !d.Proven {
		t.Fatalf("%d, %+v", code, d)
	}
	rights(t, one)
	d, code = o.publish(t, "add", k, "--method", "jwk,1")
	if code != 2 || d.Written || d.Error == nil || d.Error.Kind != "partial" || !d.Sets[0].Undone || !strings.Contains(d.Error.What, "REFUSED") {
		t.Errorf("%d, %+v %+v", code, d, d.Error)
	}
	if here, there := len(o.standing(t, o.leaf, ownersName)), len(o.standing(t, o.leaf, cose)); here != 2 || there != 0 {
		t.Errorf("after it %d and %d records", here, there)
	}
	rights(t, all)
	if d, code := o.publish(t, "add", k, "--method", "jwk,1"); code != 0 || !d.Proven {
		t.Errorf("%d, %+v", code, d)
	}
	o.others(t)
}

// TestPublishBesideOthers: three keys are published and one of them withdrawn while nsupdate goes on adding records of its
// own at the same name. Nothing of anybody's is lost.
func TestPublishBesideOthers(t *testing.T) {
	t.Parallel()
	o := newOwner(t, 125)
	testneeds.Binary(t, "nsupdate", "bind9-dnsutils")
	stop, wrote := make(chan struct{}), 0
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			script := fmt.Sprintf("server %s\nzone %s\nadd %s 5 TLSA 3 0 1 %064x\nsend\n", o.leaf.addr, publishingDomain, ownersName, wrote)
			if _, err := try(o.leaf.dir, script, "nsupdate", "-k", o.key()); err == nil {
				wrote++
			}
			time.Sleep(30 * time.Millisecond)
		}
	})
	keys := []rotatingKey{o.another(t), o.another(t), o.another(t)}
	var ours sync.WaitGroup
	codes := make([]int, len(keys))
	for i, k := range keys {
		ours.Go(func() { _, codes[i] = o.publish(t, "add", k) })
	}
	ours.Wait()
	_, removed := o.publish(t, "remove", keys[0])
	close(stop)
	others.Wait()
	if slices.Max(codes) != 0 || removed != 0 || wrote < 3 {
		t.Fatalf("exit codes %v and %d; %d records of others", codes, removed, wrote)
	}
	await(t, "the secondary", func() error {
		if a, b := len(o.standing(t, o.leaf, ownersName)), len(o.standing(t, o.second, ownersName)); a != b {
			return fmt.Errorf("%d and %d records", a, b)
		}
		return nil
	})
	got := strings.ToLower(strings.Join(o.standing(t, o.second, ownersName), "\n"))
	for i := range wrote {
		if !strings.Contains(got, fmt.Sprintf("3 0 1 %064x", i)) {
			t.Errorf("record %d of others is lost", i)
		}
	}
	for i, k := range keys {
		if strings.Contains(got, k.thumbprint) != (i > 0) {
			t.Errorf("key %d: %s", i, got)
		}
	}
	o.others(t)
}

// TestPublishStopped sends SIGINT to add and remove after each while, in the middle of whatever they are at. What they say of
// it is so, and the same call made again comes to the end.
func TestPublishStopped(t *testing.T) {
	t.Parallel()
	o := newOwner(t, 127)
	k := o.another(t)
	for i, verb := range []string{"add", "remove", "add", "remove", "add", "remove", "add", "remove"} {
		was := len(o.standing(t, o.leaf, ownersName))
		cmd := exec.Command(cnfd(t), "publish", verb, "--config", o.config, "--subject", "https://vendor.example", "--key", k.file, "--json")
		var out, bad strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &bad
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*i) * 5 * time.Millisecond)
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		code := cmd.ProcessState.ExitCode()
		if code == -1 {
			code = 2 // the signal came before there was anybody to catch it: nothing is written
		} else if code != 0 {
			var d publishedDoc
			if err := json.Unmarshal([]byte(out.String()), &d); err != nil {
				t.Fatalf("%v: %s%s", err, out.String(), bad.String())
			}
			if (code == 1) != d.Written {
				t.Errorf("%s: exit code %d, %+v", verb, code, d)
			}
		}
		if now := len(o.standing(t, o.leaf, ownersName)); (now != was) != (code < 2) {
			t.Errorf("%s, stopped: exit code %d, and %d records are %d: %s", verb, code, was, now, bad.String())
		}
		if d, code := o.publish(t, verb, k); code != 0 || !d.Proven {
			t.Errorf("%s, once more: %d, %+v %+v", verb, code, d, d.Error)
		}
		o.others(t)
	}
}

// TestPublishBehindAHiddenPrimary: the primary takes what is written, and no name server of the zone ever has it; once one
// is told, the same call is proven.
func TestPublishBehindAHiddenPrimary(t *testing.T) {
	t.Parallel()
	o := newOwner(t, 129)
	hidden := records(t, publishingDomain+" NS ns."+publishingDomain)
	o.leaf.edit(t, o.zone, hidden, nil)
	o.zones["."].edit(hidden, nil)
	o.root.change(t, o.root, o.zones["."], hidden, nil)
	await(t, "the root's referral", func() error {
		m, err := o.root.ask(publishingDomain, dns.TypeNS)
		if err == nil && len(m.Ns) > 0 && without(hidden, m.Ns) == nil {
			err = fmt.Errorf("%v", m.Ns)
		}
		return err
	})
	await(t, "the secondary", func() error { return o.second.answers(o.zone, publishingDomain, dns.TypeNS) })
	k := o.another(t)
	if d, code := o.publish(t, "add", k); code != 0 || !d.Proven {
		t.Fatalf("%d, %+v %+v", code, d, d.Error)
	}
	next := o.another(t)
	o.hold(t)
	d, code := o.publish(t, "add", next, "--wait", "3s")
	if code != 1 || !d.Written || !strings.Contains(d.Sets[0].Why, o.second.addr+": still without the record") {
		t.Errorf("%d, %+v %+v", code, d, d.Error)
	}
	if got := o.standing(t, o.leaf, ownersName); len(got) != 4 {
		t.Errorf("the primary has %q", got)
	}
	o.release(t)
	if d, code := o.publish(t, "add", next); code != 0 || d.Written || !d.Proven {
		t.Errorf("%d, %+v %+v", code, d, d.Error)
	}
	o.others(t)
}
