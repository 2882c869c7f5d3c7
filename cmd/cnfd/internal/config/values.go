package config

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written as a number or with KiB, MiB or GiB.
type Size int64

// UnmarshalText reads "256MiB" or "1048576".
func (s *Size) UnmarshalText(text []byte) error {
	digits, shift := string(text), 0
	for _, u := range []struct {
		suffix string
		shift  int
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}} {
		if d, ok := strings.CutSuffix(digits, u.suffix); ok {
			digits, shift = strings.TrimSpace(d), u.shift
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > 1<<62>>shift {
		return fmt.Errorf("want a size such as 256MiB, 2GiB or a number of bytes")
	}
	*s = Size(n << shift)
	return nil
}

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range []struct {
		suffix string
		shift  int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if s != 0 && s&(1<<u.shift-1) == 0 {
			return strconv.FormatInt(int64(s>>u.shift), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Mode is the permission bits of a file, written in octal.
type Mode fs.FileMode

// UnmarshalText reads "0660".
func (m *Mode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 9)
	if err != nil {
		return fmt.Errorf(`want permissions in octal, such as "0660"`)
	}
	*m = Mode(n)
	return nil
}

// String returns the mode with its leading zero.
func (m Mode) String() string { return fmt.Sprintf("%#04o", uint32(m)) }

// duration reads "300s", "5m": Go's syntax, the unit written out.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || text == "0" {
		return 0, fmt.Errorf("want a duration with its unit, such as 300s, 5m or 1h30m")
	}
	return d, nil
}
