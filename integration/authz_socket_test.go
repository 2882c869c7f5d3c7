package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/goccy/go-yaml"
)

// group is api.unix_group of the gateway's example, or "" where this run cannot give files away: an ordinary user, who has
// nobody else's number in the namespace.
func (g *gateway) group() string {
	text, err := os.ReadFile(filepath.Join("..", "examples", g.name, "cnfd.yaml"))
	if err != nil {
		panic(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		panic(err)
	}
	name, _ := at(doc, "api", "unix_group").(string)
	group, err := user.LookupGroup(name)
	if err != nil {
		return ""
	}
	gid, _ := strconv.Atoi(group.Gid)
	probe := filepath.Join(work, "group-of-"+g.name)
	if os.WriteFile(probe, nil, 0o600) != nil || os.Chown(probe, -1, gid) != nil {
		return ""
	}
	return name
}

// asWorker is whom nginx's workers run as: www-data, who may go through this run's directories and open none of its
// files, or root where there is nobody else.
func (g *gateway) asWorker(t *testing.T) string {
	t.Helper()
	if g.group() != "www-data" {
		return "root"
	}
	for _, dir := range []string{work, filepath.Dir(g.daemon.unix), g.dir, filepath.Join(g.dir, "gateway")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return "www-data"
}

// opens holds the socket to what the example says of it: the gateway's group opens it, and nobody else.
func (g *gateway) opens(t *testing.T) {
	t.Run("the socket is the gateway's", func(t *testing.T) {
		name := g.group()
		if name == "" {
			testneeds.Lacking(t, "no file can be given to the gateway's group here: run as root")
		}
		info, err := os.Stat(g.daemon.unix)
		if err != nil {
			t.Fatal(err)
		}
		group, err := user.LookupGroupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Gid)))
		if err != nil || group.Name != name || info.Mode().Perm() != 0o660 || info.Mode().Type() != fs.ModeSocket {
			t.Errorf("%v %v %s", group, err, info.Mode())
		}
	})
}

// hangs reports whether every thread of the daemon has been stopped: a signal to stop takes its time.
func (d *daemon) hangs(t testing.TB) func() error {
	threads := filepath.Join(d.proc(t), "task", "*", "stat")
	return func() error {
		all, _ := filepath.Glob(threads)
		for _, path := range all {
			text, _ := os.ReadFile(path)
			if state := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])); len(state) == 0 || state[0] != "T" {
				return fmt.Errorf("%s: %s", path, text)
			}
		}
		return nil
	}
}

// outlives has the daemon hang, with its sockets open: nobody gets through, and nobody waits until it goes on.
func (g *gateway) outlives(t *testing.T, of grant) {
	t.Run("the daemon hangs", func(t *testing.T) {
		g.passes(t, g.fresh(t, of, townThing))
		held := []asking{g.fresh(t, of, townThing), g.fresh(t, of, townThing), g.fresh(t, of, townThing)}
		var went atomic.Bool // the daemon, before all were answered
		g.daemon.process.signal(syscall.SIGSTOP)
		await(t, "the daemon is to hang", g.daemon.hangs(t))
		goOn := time.AfterFunc(patience, func() {
			went.Store(true)
			g.daemon.process.signal(syscall.SIGCONT)
		})
		defer g.daemon.process.signal(syscall.SIGCONT)
		defer goOn.Stop()
		for _, q := range held {
			if status, _, _ := g.asks(t, q); status != http.StatusInternalServerError && status != http.StatusGatewayTimeout {
				t.Errorf("status %d", status)
			}
		}
		if went.Load() {
			t.Error("who asks waits for a daemon that hangs")
		}
	})
	g.daemon.awaitHealth(t)
}
