package main

import (
	"os"
	"runtime"
)

// freeProcessor sees to it that Go has two processors where the machine has one: the
// resolver leaves one to those who ask for what is cached (resolver/transport.Turns), and
// the kernel shares the machine's between them far more often than Go does. Who sets
// GOMAXPROCS knows better.
func freeProcessor() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < 2 {
		runtime.GOMAXPROCS(2)
	}
}
