package main

import (
	"os"
	"runtime/debug"
)

// boundMemory tells the garbage collector what the process may grow to: the
// cache, a fifth of it, and 40 MiB for the rest, so that the whole stays within
// 1.25 × cache.max_bytes + 48 MiB. Below that it may be lazy, which makes a hot
// request cheaper. Who sets GOGC or GOMEMLIMIT knows better.
func boundMemory(cacheBytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(cacheBytes + cacheBytes/5 + 40<<20)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(lazyGC)
	}
}

// lazyGC lets the heap grow to five times what is alive, within the limit.
const lazyGC = 400
