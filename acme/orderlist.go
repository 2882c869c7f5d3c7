package acme

import (
	"errors"
	"net/http"
	"net/url"
	"time"
)

// ordersPage bounds what one page of an account's orders costs.
const ordersPage = 100

// orders lists an account's orders, the oldest first (RFC 8555 §7.1.2.1). A page that
// is not the last links to the next, whose query names the order that it begins behind.
func (s *Server) orders(c *call) (*answer, *Problem) {
	if p := c.read(); p != nil {
		return nil, p
	}
	if c.http.PathValue("account") != c.account.ID {
		return nil, forbidden("orders")
	}
	after, p := cursor(c.http.URL)
	if p != nil {
		return nil, p
	}
	page, err := view(c, s.Store, func(tx Tx) ([]*Order, error) { return tx.Orders(c.account.ID, after, ordersPage+1) })
	if errors.Is(err, ErrNotFound) {
		return nil, Problemf(Malformed, "after: there is no such order any more: begin with %s", s.ordersURL(c.account.ID))
	}
	if err != nil {
		return nil, s.internal(c, "listing the account's orders", err)
	}
	a := &answer{status: http.StatusOK}
	if len(page) > ordersPage {
		page = page[:ordersPage]
		a.links = []string{link(s.ordersURL(c.account.ID)+"?after="+page[len(page)-1].ID, "next")}
	}
	list := struct {
		Orders []string `json:"orders"`
	}{[]string{}}
	for _, o := range page {
		if !o.lapsed(s.Now()) {
			list.Orders = append(list.Orders, s.URL+"/acme/order/"+o.ID)
		}
	}
	a.object = list
	return a, nil
}

// lapsed says that an order is invalid since nobody has finalized it in time: lists leave it out (RFC 8555 §7.1.2.1).
func (o *Order) lapsed(now time.Time) bool { return o.State == OrderOpen && !o.Expires.After(now) }

// cursor reads the query of a page's URL: nothing, or one after.
func cursor(u *url.URL) (after string, p *Problem) {
	if u.RawQuery == "" {
		return "", nil
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(q) != 1 || len(q["after"]) != 1 || q["after"][0] == "" {
		return "", Problemf(Malformed, "query: want after alone, as the link of the page before has it")
	}
	return q["after"][0], nil
}

func (s *Server) ordersURL(account string) string { return s.accountURL(account) + "/orders" }
