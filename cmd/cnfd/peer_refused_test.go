package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/internal/testneeds"
)

// TestRefusalsAreToldOnceASecond: who is refused again and again fills no log, and not one of them is lost from the count.
func TestRefusalsAreToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		to := slog.New(slog.NewJSONHandler(log, nil))
		var r refusals
		told := func(want ...float64) {
			t.Helper()
			synctest.Wait()
			all := log.of(t, "unix socket: callers refused by api.allow_uids")
			if len(all) != len(want) {
				t.Fatalf("%d lines, want %d: %s", len(all), len(want), log)
			}
			for i, line := range all {
				if line["refused"] != want[i] || line["last_uid"] != 7.0 {
					t.Errorf("line %d: %v, want %v", i, line, want[i])
				}
			}
		}
		for range 10_000 {
			r.note(to, 7, true)
		}
		told(1) // the first, at once
		time.Sleep(refusalsEvery)
		told(1, 9_999)
		r.note(to, 7, true)
		told(1, 9_999)
		time.Sleep(refusalsEvery)
		told(1, 9_999, 1)
		time.Sleep(time.Hour) // nobody is refused
		told(1, 9_999, 1)
		r.note(to, 7, true)
		told(1, 9_999, 1, 1)
		time.Sleep(refusalsEvery)
		synctest.Wait() // its timer has run
		r.note(to, 0, false)
		if all := log.of(t, "unix socket: callers refused by api.allow_uids: of the last it cannot be told who it is"); len(all) != 1 || all[0]["refused"] != 1.0 {
			t.Errorf("%s", log)
		}
		time.Sleep(time.Minute)
	})
}

// TestWhoIsNotKnownIsNobodysUser: neither root nor anybody else who is listed.
func TestWhoIsNotKnownIsNobodysUser(t *testing.T) {
	for _, tt := range []struct {
		claim   string
		allowed []uint32
		known   bool
		uid     uint32
		lets    bool
	}{
		{"root, who is listed", []uint32{0}, true, 0, true},
		{"nobody knows who, and root is listed", []uint32{0}, false, 0, false},
		{"nobody knows who, and everybody from 0 to 2 is listed", []uint32{0, 1, 2}, false, 0, false},
		{"somebody else", []uint32{0}, true, 1, false},
		{"nobody knows who, and there is no list", nil, false, 0, true},
	} {
		c := &uidConn{of: &uidListener{allowed: func() []uint32 { return tt.allowed }}, uid: tt.uid, known: tt.known}
		if got := c.lets(); got != tt.lets {
			t.Errorf("%s: let in: %v", tt.claim, got)
		}
	}
}

// TestPeerCredentialsAreTheKernels: a caller on the unix socket is known, and as who it is.
func TestPeerCredentialsAreTheKernels(t *testing.T) {
	if err := canTellUIDs(); err != nil {
		testneeds.Lacking(t, err.Error())
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	caller, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	if pid, uid, known := peerCredentials(conn); !known || uid != uint32(os.Geteuid()) || int(pid) != os.Getpid() {
		t.Errorf("%v %v %v", pid, uid, known)
	}
	conn.Close()
	if _, uid, known := peerCredentials(conn); known {
		t.Errorf("of a connection that is closed it is known that it is %d's", uid)
	}
}
