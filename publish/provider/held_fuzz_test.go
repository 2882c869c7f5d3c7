package provider

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

// played answers calls with a fake, or with replies one after the other.
type played struct {
	fake    fake
	replies []string // where there is no fake; the last for ever
	heard   []string
}

func (p *played) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	switch {
	case p.fake != nil:
		r.RequestURI = r.URL.RequestURI()
		p.fake.ServeHTTP(w, r)
		if r.Method == http.MethodGet && r.URL.Path != "/auth/time" {
			p.heard = append(p.heard, strconv.Itoa(w.Code)+w.Body.String())
		}
	case strings.HasSuffix(r.URL.Path, "/token"):
		_, _ = w.WriteString(`{"token_type":"Bearer","expires_in":3599,"access_token":"t"}`)
	case r.URL.Path == "/auth/time":
		_, _ = w.WriteString(strconv.FormatInt(noon().Unix(), 10))
	default:
		text := p.replies[0]
		if len(p.replies) > 1 {
			p.replies = p.replies[1:]
		}
		if status, err := strconv.Atoi(text[:min(3, len(text))]); err == nil && status >= 200 && status < 600 {
			w.Code, text = status, text[3:]
		}
		_, _ = w.WriteString(text)
	}
	return w.Result(), nil
}

func (p *played) zone(t testing.TB, word string, f fake) publish.Zone {
	wait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	target, err := New(word, Config{Credentials: f.credentials("http://127.0.0.1:1", owner), Endpoint: "http://127.0.0.1:1", Zone: "vendor.example", Client: &http.Client{Transport: p}, Now: noon, Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	return target.Zone
}

// FuzzShelvedReplies reads replies of five APIs, which are cut by NUL: what comes of
// them is a set in order, or an *Error, and then nothing is written over it.
func FuzzShelvedReplies(f *testing.F) {
	for i, word := range shelved {
		for _, records := range [][]string{nil, theirs[:1], theirs} {
			p := &played{fake: fakes[word]()}
			z := p.zone(f, word, p.fake)
			p.fake.set(here, 7200, records...)
			if _, err := z.Read(f.Context(), here); err != nil {
				f.Fatal(err)
			}
			f.Add(byte(i), strings.Join(p.heard, "\x00"))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		word := shelved[int(which)%len(shelved)]
		p := &played{replies: strings.Split(text, "\x00")}
		s, err := p.zone(t, word, fakes[word]()).Read(t.Context(), here)
		if err != nil {
			if e := (*publish.Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			return
		}
		switch {
		case s.Name != here || s.TTL < 0 || s.TTL > maxSeconds*time.Second || s.TTL > 0 && len(s.Records) == 0:
			t.Fatalf("%+v", s)
		case strings.ContainsAny(s.Alias, " \t\r\n\x1b"):
			t.Fatalf("alias %q", s.Alias)
		}
		for i, r := range s.Records {
			if slices.Contains(s.Records[:i], r) || r.IsZero() {
				t.Fatalf("%+v", s)
			}
		}
		p = &played{replies: strings.Split(text, "\x00")} // the same once more, and then what it has already as an answer to a write
		err = p.zone(t, word, fakes[word]()).Write(t.Context(), publish.Change{Name: here, Before: s, After: s.With(tlsa(t, ours), time.Hour)})
		if e := (*publish.Error)(nil); err != nil && !errors.As(err, &e) {
			t.Fatalf("%T", err)
		}
	})
}
