//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package anchor

// lock does nothing here: one daemon alone may use a state directory.
func lock(string) (unlock func(), err error) { return func() {}, nil }
