//go:build !linux

package hook

import "os/exec"

// wait waits for the program's end. What it leaves running stays: without a way to
// see the end before the number is free, the signal could hit somebody else.
func wait(cmd *exec.Cmd, stop func()) error {
	err := cmd.Wait()
	stop()
	return err
}
