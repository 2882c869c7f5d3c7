package main

import (
	"fmt"
	"io"
	"time"
)

// progress tells a person at a terminal what is being waited for, once that has
// taken a second, and every second from then on. The function that it returns
// ends it and clears the line.
func progress(w io.Writer, what string) (done func()) {
	if !terminal(w) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "\r\033[K%s (%d s)", what, n)
			case <-stop:
				if n > 1 {
					fmt.Fprint(w, "\r\033[K")
				}
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
