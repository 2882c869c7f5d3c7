package hook

import (
	"errors"
	"os/exec"

	"golang.org/x/sys/unix"
)

// wait waits for the program's end, and ends what it has left in its group. Until the
// program is waited for its number is nobody else's, and so the group's neither: stop,
// after which nothing kills any more, comes before.
func wait(cmd *exec.Cmd, stop func()) error {
	for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	stop()
	kill(cmd)
	return cmd.Wait()
}
