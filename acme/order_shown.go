package acme

import (
	"net/http"
	"time"
)

// status is what an order comes to at a time (RFC 8555 §7.1.6).
func (o *Order) status(all []*Authorization, now time.Time) Status {
	switch o.State {
	case OrderValid:
		return Valid
	case OrderProcessing:
		return Processing
	case OrderOpen:
	default:
		return Invalid
	}
	if !o.Expires.After(now) || len(all) == 0 || len(all) != len(o.Identifiers) {
		return Invalid
	}
	status := Ready
	for n, a := range all {
		switch {
		case !a.of(o, o.Identifiers[n]):
			return Invalid
		case a.status(now) == Pending:
			status = Pending
		case a.status(now) != Valid:
			return Invalid
		}
	}
	return status
}

// why is the error of an order that is invalid because of what became of its parts.
func (o *Order) why(all []*Authorization, now time.Time) *Problem {
	if o.Error != nil {
		return o.Error
	}
	var problems []*Problem
	for _, a := range all {
		problems = append(problems, a.why(now))
	}
	if p := Joined(problems); p != nil {
		return p
	}
	return Problemf(Unauthorized, "the order has expired: order anew")
}

// orderObject is an order as clients see it.
type orderObject struct {
	Status         Status       `json:"status"`
	Expires        time.Time    `json:"expires"`
	Profile        string       `json:"profile"`
	Identifiers    []Identifier `json:"identifiers"`
	NotBefore      *time.Time   `json:"notBefore,omitempty"`
	NotAfter       *time.Time   `json:"notAfter,omitempty"`
	Error          *Problem     `json:"error,omitempty"`
	Authorizations []string     `json:"authorizations"`
	Finalize       string       `json:"finalize"`
	Certificate    string       `json:"certificate,omitempty"`
	Replaces       string       `json:"replaces,omitempty"`
}

// comeAgain is after how many seconds a client looks again at what is being worked on.
const comeAgain = 2

// orderAnswer shows an order; every answer about one has its Location, since
// clients poll that of finalize's.
func (s *Server) orderAnswer(o *Order, all []*Authorization, now time.Time) *answer {
	url := s.URL + "/acme/order/" + o.ID
	v := orderObject{
		Status: o.status(all, now), Expires: o.Expires.UTC(), Profile: o.Profile, Identifiers: o.Identifiers,
		NotBefore: asked(o.NotBefore), NotAfter: asked(o.NotAfter), Finalize: url + "/finalize", Replaces: o.Replaces,
	}
	for _, a := range all {
		v.Authorizations = append(v.Authorizations, s.authorizationURL(a.ID))
	}
	a := &answer{status: http.StatusOK, location: url}
	switch v.Status {
	case Valid:
		v.Certificate = s.URL + "/acme/cert/" + o.Certificate
	case Invalid:
		v.Error = o.why(all, now)
	case Processing:
		a.retry = comeAgain
	}
	a.object = v
	return a
}

// asked is a time that an order may have said.
func asked(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s *Server) accountURL(id string) string { return s.URL + accountPath + id }
