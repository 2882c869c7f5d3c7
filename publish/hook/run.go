package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"

	"cnfd/publish"
)

const (
	// pipeTime is how long a process that has left the group may hold the pipes after
	// the program has ended.
	pipeTime = 2 * time.Second
	maxSaid  = 4 << 10 // octets that are kept of the end of standard error
	maxShown = 200     // characters of its last line
)

var (
	errSlow = errors.New("time is up")
	errLong = errors.New("too much output")
)

// run runs the program once and returns what it printed. When it returns, the program
// has ended.
func (p *program) run(ctx context.Context, do string, in []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, p.stopped(do, err)
	}
	within, cancel := context.WithTimeoutCause(ctx, p.Timeout, errSlow)
	defer cancel()
	within, tooMuch := context.WithCancelCause(within)
	defer tooMuch(nil)
	out := &limited{left: p.MaxOutput, over: func() { tooMuch(errLong) }}
	var said tail
	cmd := exec.Command(p.Program, p.Args...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stderr = p.Env, p.Dir, bytes.NewReader(in), &said
	if do == "read" {
		cmd.Stdout = out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = pipeTime
	if err := cmd.Start(); err != nil {
		return nil, &publish.Error{Kind: publish.Failed, Where: p.where, What: "program could not be started", Do: "see that it may be executed", Err: err}
	}
	killed := make(chan struct{})
	stop := context.AfterFunc(within, func() {
		defer close(killed)
		kill(cmd)
	})
	err := wait(cmd, func() {
		if !stop() {
			<-killed
		}
	})
	switch cause := context.Cause(within); {
	case ctx.Err() != nil && err != nil:
		return nil, p.stopped(do, ctx.Err())
	case errors.Is(cause, errSlow) && err != nil:
		return nil, &publish.Error{Kind: publish.Unreachable, Where: p.where, What: fmt.Sprintf("%s was not done within %s, and killed", do, p.Timeout) + said.quoted(), Maybe: do == "write"}
	case errors.Is(cause, errLong):
		return nil, &publish.Error{Kind: publish.Failed, Where: p.where, What: fmt.Sprintf("output of %s: over %d octets", do, p.MaxOutput)}
	case err != nil:
		return nil, p.ended(do, err, &said)
	}
	return out.kept.Bytes(), nil
}

// kill ends the program and all that it has started in its process group.
func kill(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func (p *program) stopped(do string, err error) error {
	return &publish.Error{Kind: publish.Stopped, Where: p.where, What: "stopped during " + do, Err: err, Maybe: do == "write"}
}

// meanings are the exit codes that say more than that it failed.
var meanings = map[int]publish.Error{
	10: {Kind: publish.Conflict, What: "set is not what it was when it was read"},
	11: {Kind: publish.Refused, What: "refused", Do: "see what the program's credentials may do"},
	12: {Kind: publish.BadKey, What: "credentials are not taken", Do: "see which credentials the program has"},
	13: {Kind: publish.Unsupported, What: "the place cannot carry the record, or not with this TTL"},
	14: {Kind: publish.WrongZone, What: "the place has no zone that holds the name"},
	15: {Kind: publish.Unreachable, What: "the place does not answer"},
	16: {Kind: publish.RateLimited, What: "the place wants fewer calls", Do: "try again later"},
	75: {Kind: publish.ServFail, What: "the place fails for now", Do: "try again later"},
}

// ended is the error of a program that did not end well.
func (p *program) ended(do string, err error, said *tail) error {
	e := publish.Error{Kind: publish.Failed, What: do + " failed"}
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		if do == "write" {
			return nil // it ended with 0, and what it prints is not read
		}
		e.What = do + " has left a process behind that holds its output"
	case !errors.As(err, &exit):
		e.What, e.Err = do+" failed: "+err.Error(), err
	case exit.ExitCode() < 0:
		e.What = do + " was ended: " + exit.String() // "signal: killed"
	default:
		if m, ok := meanings[exit.ExitCode()]; ok && (do == "write" || m.Kind != publish.Conflict) {
			e = m
		}
		e.What += fmt.Sprintf(" (exit code %d)", exit.ExitCode())
	}
	e.Where = p.where
	e.What += said.quoted()
	return &e
}

// limited keeps no more than it may, and says so once.
type limited struct {
	kept bytes.Buffer // not embedded: its ReadFrom knows no limit
	left int
	over func()
}

// Write takes what there is room for. Past that its error ends the copying.
func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.left {
		l.over()
		return 0, errLong
	}
	l.left -= len(b)
	return l.kept.Write(b)
}

// tail keeps the end of what is written to it.
type tail struct{ end []byte }

// Write forgets what was before the last maxSaid octets.
func (t *tail) Write(b []byte) (int, error) {
	t.end = append(t.end, b[max(0, len(b)-maxSaid):]...)
	if over := len(t.end) - maxSaid; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	return len(b), nil
}

// quoted is its last line, for people; "" where nothing was said.
func (t *tail) quoted() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.end), "�"))
	text = strings.TrimSpace(text[strings.LastIndexAny(text, "\n\r")+1:])
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '�' // a terminal would obey it
		}
		return c
	}, text)
	if characters := []rune(text); len(characters) > maxShown {
		text = string(characters[:maxShown]) + "…"
	}
	if text == "" {
		return ""
	}
	return ": it says: " + text
}
