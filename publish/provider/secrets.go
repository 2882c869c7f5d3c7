package provider

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// secretsIn lists whatever in a credentials file could be a secret: its one line, or
// every run of eight octets and more that is no plain word or address.
func secretsIn(credentials []byte) []string {
	var found []string
	if whole := strings.TrimSpace(string(credentials)); whole != "" && !strings.ContainsAny(whole, "\n{") {
		found = append(found, whole)
	}
	text := strings.ReplaceAll(string(credentials), `\n`, "\n") // the lines of a PEM in JSON
	for _, word := range runs.FindAllString(text, -1) {
		if len(word) >= 8 && !plain.MatchString(word) {
			found = append(found, word)
		}
	}
	return found
}

var (
	runs  = regexp.MustCompile(`[^\s"'\\,;{}\[\]=]+=*`) // cut by what JSON, ini files and PEM put between them
	plain = regexp.MustCompile(`^([a-z_@.:-]+=?|https?://.*|-+BEGIN|-+END|KEY-+)$`)
)

// quote makes of somebody else's words one line of bounded length without any of the
// secrets: a provider may say back what it was sent.
func (a *api) quote(text string) string {
	for _, s := range a.hidden.list() {
		text = strings.ReplaceAll(text, s, "(hidden)")
	}
	return short(text)
}

// words are what no error repeats, whatever the provider says.
type words struct {
	mu  sync.Mutex // guards all
	all []string
}

// hide adds what a provider has given for the time being, such as an access token.
func (w *words) hide(more ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, word := range more {
		if word != "" && !slices.Contains(w.all, word) {
			w.all = append(w.all, word)
		}
	}
}

func (w *words) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// short makes of somebody else's words one line of bounded length.
func short(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return text
}
