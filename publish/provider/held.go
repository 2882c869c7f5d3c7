package provider

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// held is a record beside the form in which a place holds it, which is what is
// written back of others' records: in their case, with their blanks and comments.
type held[T any] struct {
	publish.Record
	as T
}

// hold reads what a place holds at name. A record that cannot be read is an error:
// a set that is known in part must not be written.
func hold[T any](a *api, name string, items []T, parse func(T) (publish.Record, error)) ([]held[T], error) {
	list := make([]held[T], 0, len(items))
	for _, item := range items {
		r, err := parse(item)
		if err != nil {
			return nil, &publish.Error{Where: a.name, What: "a TLSA record at " + name + " cannot be read: " + a.quote(err.Error()), Do: "put it right there, or take it away", Err: err}
		}
		list = append(list, held[T]{r, item})
	}
	return list, nil
}

// same is err, or else an error unless a zone that was asked for by its name is what came.
func (a *api) same(asked, name string, err error) error {
	if err == nil && !strings.EqualFold(asked, strings.TrimSuffix(name, ".")) {
		return a.odd(errors.New("another zone than was asked for"))
	}
	return err
}

// empty is the error where a reply says nothing at all, which must not be taken for
// nothing being there.
func (a *api) empty() error {
	return a.odd(errors.New("it says neither what is there nor that nothing is"))
}

// listed is a set at one name, as deSEC and Gandi list all that stand there.
type listed struct {
	kind   string // "TLSA", "CNAME"
	ttl    int64  // seconds
	values []string
}

// pick reads the TLSA set, or the alias, of what is listed at a name of a zone.
func (a *api) pick(name, zone string, sets []listed) (list []held[string], s publish.Set, err error) {
	var ttl int64
	alias := ""
	for _, set := range sets {
		switch {
		case len(set.values) == 0:
			return nil, s, a.empty()
		case set.kind == "CNAME":
			alias = absolute(set.values[0], zone)
		case set.kind == "TLSA" && list != nil:
			return nil, s, a.odd(errors.New("the same set twice"))
		case set.kind == "TLSA":
			ttl = set.ttl
			if list, err = hold(a, name, set.values, publish.ParseRecord); err != nil {
				return nil, s, err
			}
		}
	}
	s, err = setOf(a, name, ttl, list, alias)
	return list, s, err
}

// maxSeconds is the largest TTL that there is (RFC 2181 §8).
const maxSeconds = 1<<31 - 1

// setOf makes a set of what a place holds at name, each record once.
func setOf[T any](a *api, name string, ttl int64, list []held[T], alias string) (publish.Set, error) {
	s := publish.Set{Name: name, Alias: alias}
	if ttl < 0 || ttl > maxSeconds {
		return s, a.odd(fmt.Errorf("a TTL of %d", ttl))
	}
	if strings.ContainsFunc(alias, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return s, a.odd(errors.New("an alias that is no name"))
	}
	for _, h := range list {
		if !s.Has(h.Record) {
			s.Records = append(s.Records, h.Record)
		}
	}
	if len(s.Records) > 0 {
		s.TTL = time.Duration(ttl) * time.Second
	}
	return s, nil
}

// rewritten is what a place is to hold after c, the records that stay as it holds them.
func rewritten[T any](list []held[T], c publish.Change, form func(publish.Record) T) []T {
	removed, items := c.Removed(), []T{}
	for _, h := range list {
		if !slices.Contains(removed, h.Record) {
			items = append(items, h.as)
		}
	}
	for _, r := range c.Added() {
		items = append(items, form(r))
	}
	return items
}

// relative is name as its zone has it, "jwk.cnf" of jwk.cnf.vendor.example.; apex is
// the provider's word for the zone's own name.
func relative(name, zone, apex string) string {
	name, zone = strings.TrimSuffix(name, "."), strings.ToLower(strings.TrimSuffix(zone, "."))
	if name == zone {
		return apex
	}
	return strings.TrimSuffix(name, "."+zone)
}

// absolute is the whole name that text is in a zone: without a trailing dot it ends
// in the zone's (RFC 1035 §5.1).
func absolute(text, zone string) string {
	if text == "" || strings.HasSuffix(text, ".") {
		return strings.ToLower(text)
	}
	return strings.ToLower(text + "." + strings.TrimSuffix(zone, ".") + ".")
}

// seconds is a TTL as the APIs have it.
func seconds(ttl time.Duration) int64 { return int64(ttl / time.Second) }

// untaken says what a reply means that finds fault with a record which was to be
// written: the place does not take it, and has changed nothing for it.
func untaken(p reply, err error) error {
	var e *publish.Error
	if errors.As(err, &e) && e.Kind == publish.Failed && (p.status == http.StatusBadRequest || p.status == http.StatusUnprocessableEntity) {
		e.Kind, e.Do = publish.Unsupported, "the provider does not take this record, or not at this name or with this TTL"
	}
	return err
}

// gone reports whether a reply says that there is no such thing.
func gone(p reply) bool { return p.status == http.StatusNotFound }

// soleToken is the token that is all that a credentials file holds.
func (c Config) soleToken(name string) (string, error) {
	token := strings.TrimSpace(string(c.Credentials))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: credentials: want the API token alone, on one line", name)
	}
	return token, nil
}
