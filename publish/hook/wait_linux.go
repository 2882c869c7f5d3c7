package hook

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// wait waits for the program's end, and ends what it has left in its group. Until the
// program is waited for its number is nobody else's, and so the group's neither: stop,
// after which nothing kills any more, comes before.
func wait(cmd *exec.Cmd, stop func()) error {
	err := unix.EINTR
	for err == unix.EINTR {
		err, _ = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil).(syscall.Errno)
	}
	if err != 0 { // a sandbox may forbid it
		defer stop()
		return cmd.Wait()
	}
	stop()
	kill(cmd)
	return cmd.Wait()
}
