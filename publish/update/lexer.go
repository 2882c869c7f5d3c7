package update

import (
	"errors"
	"fmt"
	"strings"
)

// lexer cuts a file in the syntax of named.conf into words: what is between blanks,
// what is quoted, and each of { } ;.
type lexer struct {
	rest   string
	line   int
	quoted bool // the word that was last read
}

// next returns the next word; false at the end of the file.
func (l *lexer) next() (word string, ok bool, err error) {
	if err := l.blanks(); err != nil || l.rest == "" {
		return "", false, err
	}
	l.quoted = false
	switch l.rest[0] {
	case '{', '}', ';':
		return l.cut(1), true, nil
	case '"':
		end := strings.IndexByte(l.rest[1:], '"')
		if end < 0 || strings.ContainsAny(l.rest[1:end+1], "\n\\") {
			return "", false, l.fault("a quote is not closed, or has a backslash in it")
		}
		word = l.cut(end + 2)
		l.quoted = true
		return word[1 : len(word)-1], true, nil
	}
	end := strings.IndexAny(l.rest, " \t\r\n{};\"#")
	if end < 0 {
		end = len(l.rest)
	}
	for _, comment := range []string{"//", "/*"} { // base64 has slashes of its own, and BIND wants it quoted where it has two
		if at := strings.Index(l.rest[:end], comment); at > 0 {
			end = at
		}
	}
	return l.cut(end), true, nil
}

// blanks passes over white space and comments.
func (l *lexer) blanks() error {
	for l.rest != "" {
		n := len(l.rest) - len(strings.TrimLeft(l.rest, " \t\r\n"))
		switch {
		case n > 0:
		case l.rest[0] == '#' || strings.HasPrefix(l.rest, "//"):
			if n = strings.IndexByte(l.rest, '\n'); n < 0 {
				n = len(l.rest)
			}
		case strings.HasPrefix(l.rest, "/*"):
			end := strings.Index(l.rest[2:], "*/")
			if end < 0 {
				return l.fault("a comment is not closed")
			}
			n = end + 4
		default:
			return nil
		}
		l.cut(n)
	}
	return nil
}

// cut takes n octets.
func (l *lexer) cut(n int) string {
	head := l.rest[:n]
	l.line += strings.Count(head, "\n")
	l.rest = l.rest[n:]
	return head
}

// word returns the next word, which must be there.
func (l *lexer) word() (string, error) {
	w, ok, err := l.next()
	if err == nil && !ok {
		err = l.fault("file ends in the middle of a statement")
	}
	return w, err
}

// want passes over one of { } ;.
func (l *lexer) want(mark string) error {
	w, err := l.word()
	if err == nil && (w != mark || l.quoted) {
		err = l.fault("want " + mark + " there")
	}
	return err
}

// skip passes over a statement behind its first word, with what it has in braces.
func (l *lexer) skip() error {
	for depth := 0; ; {
		w, err := l.word()
		switch {
		case err != nil:
			return err
		case l.quoted:
		case w == "{":
			depth++
		case w == "}" && depth == 0:
			return l.fault("a } without its {")
		case w == "}":
			depth--
		case w == ";" && depth == 0:
			return nil
		}
	}
}

func (l *lexer) fault(what string) error {
	return errors.New(fmt.Sprintf("key file: line %d: ", l.line) + what)
}
