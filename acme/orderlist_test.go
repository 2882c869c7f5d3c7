package acme_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"cnfd/acme"
)

type orderList struct{ Orders []string }

// next is the URL of the page behind this one.
func next(r *http.Response) string {
	for _, l := range r.Header.Values("Link") {
		if m := regexp.MustCompile(`^<([^>]*)>;rel="next"$`).FindStringSubmatch(l); m != nil {
			return m[1]
		}
	}
	return ""
}

func (s *scene) orders(account string, n int) []string {
	s.t.Helper()
	var urls []string
	s.update(func(tx acme.Tx) error {
		urls = nil
		for i := range n {
			o := &acme.Order{
				ID: fmt.Sprintf("%s-%04d", account, i), Account: account, State: acme.OrderOpen, Identifiers: []acme.Identifier{dns("vendor.example")},
				Created: s.clock.Now().Add(time.Duration(i) * time.Second), Expires: s.clock.Now().Add(time.Hour),
			}
			if err := tx.PutOrder(o); err != nil {
				return err
			}
			urls = append(urls, "https://ca.example/acme/order/"+o.ID)
		}
		return nil
	})
	return urls
}

func TestOrders(t *testing.T) {
	s := newScene(t, nil)
	c, other := registered(t, s.Server), registered(t, s.Server)
	r, body := c.post(c.kid+"/orders", nil)
	wantStatus(t, r, body, http.StatusOK)
	if strings.TrimSpace(string(body)) != `{"orders":[]}` || next(r) != "" {
		t.Errorf("none: %s, next %q", body, next(r))
	}
	want := s.orders(c.account(), 2*acme.OrdersPage+1)
	s.orders(other.account(), 3)
	var got []string
	pages := 0
	for url := c.kid + "/orders"; url != ""; pages++ {
		r, body = c.post(url, nil)
		wantStatus(t, r, body, http.StatusOK)
		got = append(got, read[orderList](t, body).Orders...)
		url = next(r)
	}
	if pages != 3 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d pages, %d orders; want 3, %d", pages, len(got), len(want))
	}
	// What nobody has finalized in time is invalid, and left out.
	s.clock.pass(2 * time.Hour)
	_, body = c.post(c.kid+"/orders", nil)
	if got := read[orderList](t, body).Orders; len(got) != 0 {
		t.Errorf("%d that have expired", len(got))
	}
}

func TestExactlyOnePageOfOrders(t *testing.T) {
	s := newScene(t, nil)
	c := registered(t, s.Server)
	s.orders(c.account(), acme.OrdersPage)
	r, body := c.post(c.kid+"/orders", nil)
	if n := len(read[orderList](t, body).Orders); n != acme.OrdersPage || next(r) != "" {
		t.Errorf("%d, next %q", n, next(r))
	}
}

func TestOrdersRefused(t *testing.T) {
	s := newScene(t, nil)
	c, other := registered(t, s.Server), registered(t, s.Server)
	first := s.orders(c.account(), 2)[0]
	url := c.kid + "/orders?after=" + first[strings.LastIndexByte(first, '/')+1:]
	r, body := c.post(url, nil)
	wantStatus(t, r, body, http.StatusOK)
	if n := len(read[orderList](t, body).Orders); n != 1 {
		t.Fatalf("%d behind the first", n)
	}
	r, body = other.post(c.kid+"/orders", nil)
	wantRefused(t, r, body, 403, acme.Unauthorized, "another account's")
	r, body = other.post(other.kid+url[strings.Index(url, "/orders"):], nil)
	wantRefused(t, r, body, 400, acme.Malformed, "no such order")
	r, body = c.post(c.kid+"/orders", "{}")
	wantRefused(t, r, body, 400, acme.Malformed, "POST-as-GET")
	for _, query := range []string{"?after=", "?before=x", "?after=a&after=b", "?after=a&x=y", "?after=%zz"} {
		r, body = c.post(c.kid+"/orders"+query, nil)
		wantRefused(t, r, body, 400, acme.Malformed, "query")
	}
	// The query is signed with the URL.
	r, body = c.send(url, c.sign(c.kid+"/orders", nil))
	wantRefused(t, r, body, 403, acme.Unauthorized, "another URL")
	r, body = c.send(c.kid+"/orders", c.sign(url, nil))
	wantRefused(t, r, body, 403, acme.Unauthorized, "another URL")
	// Nothing else takes one.
	r, body = c.post(c.kid+"?after=x", nil)
	wantRefused(t, r, body, 403, acme.Unauthorized, "another URL")
}
