//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package main

// mayWork refuses nobody: whose files these are is not known here.
func mayWork(string) error { return nil }
