package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// usage is who has used how many processors.
type usage struct {
	daemon, authority, load, self, all float64 // seconds so far, or processors since then
	others                             float64
	at                                 time.Time
}

// use reads what each part, and the whole machine, has used so far (proc(5)); what cannot be read is 0.
func use(daemon, authority, load *process) usage {
	of := func(pid int) float64 {
		d, _ := cpu(pid)
		return d.Seconds()
	}
	u := usage{daemon: of(daemon.cmd.Process.Pid), authority: of(authority.cmd.Process.Pid), load: of(load.cmd.Process.Pid), self: of(os.Getpid()), at: time.Now()}
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	for i, field := range bytes.Fields(line) {
		if ticks, err := strconv.ParseFloat(string(field), 64); err == nil && i >= 1 && i <= 3 { // user, nice, system
			u.all += ticks / 100
		}
	}
	return u
}

// since is what was used since before, in processors.
func (u usage) since(before usage) usage {
	d := u.at.Sub(before.at).Seconds()
	out := usage{daemon: (u.daemon - before.daemon) / d, authority: (u.authority - before.authority) / d, load: (u.load - before.load) / d, self: (u.self - before.self) / d, all: (u.all - before.all) / d}
	out.others = max(out.all-out.daemon-out.authority-out.load-out.self, 0)
	return out
}

func (u usage) String() string {
	return fmt.Sprintf("daemon %.2f, name servers %.2f, flood %.2f, others %.2f processors", u.daemon, u.authority, u.load, u.others)
}
