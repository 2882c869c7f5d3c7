package credential

import (
	"cnfd/internal/strict"
)

// merge puts what is disclosed into a document, whose root is at a depth of the
// whole claim set, and into that in turn what is disclosed of it. Every digest is
// met once, so that the result is no longer than what was sent; depth bounds the
// nesting of disclosures in disclosures.
func (d *disclosures) merge(doc []byte, root string, depth int) ([]byte, error) {
	m := merger{disclosures: d, depth: depth}
	m.s.Reset(doc, root)
	if err := m.value(false); err != nil {
		return nil, err
	}
	if err := m.s.Close(); err != nil {
		return nil, wrong("", err)
	}
	return m.edited(doc), nil
}

// merger is a document being merged.
type merger struct {
	*disclosures
	s     strict.Scanner
	depth int // of the value that comes next; the claim set's own is 0
	edits []edit
}

// edit replaces doc[from:to]; they are in order and do not overlap.
type edit struct {
	from, to int
	text     []byte
}

func (m *merger) edited(doc []byte) []byte {
	if len(m.edits) == 0 {
		return doc
	}
	var out []byte
	at := 0
	for _, e := range m.edits {
		out = append(append(out, doc[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, doc[at:]...)
}

// The members that carry digests (RFC 9901 §4.2.4).
const (
	memberSD = iota
	memberDots
)

var digestNames = strict.NewNames("_sd", "...")

// value reads the value that comes next; inArray is true of an array's elements,
// which alone may be stood for by {"...": digest}.
func (m *merger) value(inArray bool) error {
	if m.depth > strict.MaxDepth {
		return malformed(m.s.Where(m.s.At()), "nested too deep")
	}
	m.depth++
	defer func() { m.depth-- }()
	switch m.s.Peek() {
	case '{':
		return m.object(inArray)
	case '[':
		for a := m.s.Array(); a.Next(); {
			if err := m.value(true); err != nil {
				return err
			}
		}
	default:
		m.s.Skip()
	}
	return nil
}

func (m *merger) object(inArray bool) error {
	s := &m.s
	from, members, dots := s.At(), 0, -1
	var digest strict.Text
	for object := s.Object(digestNames); ; members++ {
		member, ok := object.Next()
		if !ok {
			break
		}
		var err error
		switch member {
		case memberSD:
			err = m.members()
		case memberDots:
			dots = s.At()
			digest = s.Text()
		default:
			err = m.value(false)
		}
		if err != nil {
			return err
		}
	}
	if s.Err() != nil || dots < 0 {
		return nil // the Scanner's own error stands
	}
	if !inArray || members != 1 {
		return malformed(s.Where(dots), "stands for an array element, alone in an object, and nowhere else")
	}
	i, once := m.take(digest.Bytes())
	switch {
	case !once:
		return malformed(s.Where(dots), metTwice)
	case i < 0:
		return nil
	}
	text, err := m.element(i, m.depth-1)
	m.edits = append(m.edits, edit{from, s.At(), text})
	return err
}

// members reads an _sd: what is disclosed of it is put behind it, into the same
// object.
func (m *merger) members() error {
	s := &m.s
	var added []byte
	for a := s.Array(); a.Next(); {
		at := s.At()
		digest := s.Text()
		if s.Err() != nil {
			return nil
		}
		i, once := m.take(digest.Bytes())
		switch {
		case !once:
			return malformed(s.Where(at), metTwice)
		case i < 0:
			continue
		}
		text, err := m.member(i, m.depth)
		if err != nil {
			return err
		}
		added = append(append(added, ','), text...)
	}
	if s.Err() == nil && len(added) > 0 {
		m.edits = append(m.edits, edit{s.At(), s.At(), added})
	}
	return nil
}
