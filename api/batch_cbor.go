package api

import (
	"encoding/binary"
	"errors"
)

// cborScan finds the end of the first item of a CBOR sequence while it arrives
// (RFC 8742). It looks at every head once, however the octets come, and judges no more
// than it needs to: what it delimits the verifier reads as strictly as any other.
type cborScan struct {
	at    int // octets from the item's start to the next head, or to the item's end
	done  bool
	depth int
	left  [maxScanDepth]uint64 // items that are missing in each array, map and tag; open: up to a break
}

const (
	maxScanDepth = 64      // twice what the verifier reads
	maxScanArg   = 1 << 30 // octets of a string, elements of an array
	open         = ^uint64(0)
)

var (
	errScanDepth  = errors.New("nested too deeply")
	errScanHead   = errors.New("a head that is none")
	errScanLength = errors.New("a length of more than 1 GiB")
)

// advance looks at what has come of the item, always from its start; 0: not all of it.
func (s *cborScan) advance(b []byte) (size int, err error) {
	for !s.done {
		if s.at >= len(b) {
			return 0, nil
		}
		h := b[s.at]
		major, info := h>>5, h&31
		n, arg := 1, uint64(info)
		if info >= 24 && info <= 27 {
			if n = 1 + 1<<(info-24); len(b)-s.at < n {
				return 0, nil
			}
			var wide [8]byte
			copy(wide[9-n:], b[s.at+1:s.at+n])
			arg = binary.BigEndian.Uint64(wide[:])
		} else if info > 27 && info < 31 {
			return 0, errScanHead
		}
		s.at += n
		if err := s.take(major, info == 31, arg); err != nil {
			return 0, err
		}
	}
	if s.at > len(b) {
		return 0, nil
	}
	return s.at, nil
}

// take accounts for one head.
func (s *cborScan) take(major byte, indefinite bool, arg uint64) error {
	const text, array, object, tag, simple = 3, 4, 5, 6, 7
	switch {
	case indefinite && major == simple: // a break
		if s.depth == 0 || s.left[s.depth-1] != open {
			return errScanHead
		}
		s.depth--
	case indefinite && (major < 2 || major == tag):
		return errScanHead
	case indefinite:
		return s.push(open)
	case major == 2 || major == text:
		if arg > maxScanArg {
			return errScanLength
		}
		s.at += int(arg)
	case major == array || major == object:
		if arg > maxScanArg {
			return errScanLength
		}
		if arg > 0 {
			return s.push(arg * uint64(major-3))
		}
	case major == tag:
		return s.push(1)
	}
	for s.depth > 0 && s.left[s.depth-1] != open {
		if s.left[s.depth-1]--; s.left[s.depth-1] > 0 {
			break
		}
		s.depth--
	}
	s.done = s.depth == 0
	return nil
}

func (s *cborScan) push(items uint64) error {
	if s.depth == len(s.left) {
		return errScanDepth
	}
	s.left[s.depth] = items
	s.depth++
	return nil
}
