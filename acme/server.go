package acme

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"cnfd/acme/jws"
)

// Server is an ACME server (RFC 8555). It is made by New, is an http.Handler for
// its own listener, and works on what it has begun while Run runs.
type Server struct {
	Config
	profiles  map[string]*Profile
	nonces    nonces // given to who has signed for an account
	strangers nonces // given to anybody
	takenOver takeOver
	lists     lists
	rates     *rates
	mux       *http.ServeMux

	// Turns of the gate's judgements: of what is asked for, and of what the gate has let begin. Whoever
	// asks for much, and is refused, has nobody wait who is about to get a certificate.
	beginning, begun *turns
	validating       *turns // of the validator

	work sync.WaitGroup // certificates and challenges that are being worked on
	end  context.Context
	stop context.CancelFunc // of end: what is being worked on is left to whoever is next
}

// New makes a Server; the error names the field that is missing or wrong.
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Gate == nil || c.Validator == nil || c.Issuer == nil || c.Now == nil || c.Log == nil {
		return nil, errors.New("acme: Config: Store, Gate, Validator, Issuer, Now and Log are required")
	}
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Path != "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("acme: Config: URL %q: want https://host[:port] and nothing behind it", c.URL)
	}
	s := &Server{Config: c.withDefaults(), profiles: map[string]*Profile{}, mux: http.NewServeMux(), beginning: newTurns(judgedAtOnce), begun: newTurns(judgedAtOnce), validating: newTurns(validatedAtOnce)}
	if len(c.Profiles) == 0 {
		return nil, errors.New("acme: Config: Profiles: at least one")
	}
	for i := range s.Profiles {
		p := &s.Profiles[i]
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("acme: Config: profile %q: %w", p.Name, err)
		}
		if s.profiles[p.Name] != nil {
			return nil, fmt.Errorf("acme: Config: profile %q: given twice", p.Name)
		}
		s.profiles[p.Name] = p
	}
	s.rates = newRates(&s.Config)
	s.end, s.stop = context.WithCancel(context.Background())
	s.routes()
	return s, nil
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.OrderLife, longestOrder)
	c.OrderLife = min(c.OrderLife, longestOrder)
	set(&c.Patience, 10*time.Second)
	set(&c.CRLLife, 24*time.Hour)
	if c.Counter == nil {
		c.Counter = uncounted{}
	}
	if c.MaxNames == 0 {
		c.MaxNames = mostNames
	}
	if c.OpenOrders == 0 {
		c.OpenOrders = mostOpenOrders
	}
	if c.NewAccounts == 0 {
		c.NewAccounts = hourlyAccounts
	}
	if c.NewOrders == 0 {
		c.NewOrders = hourlyIdentifiers
	}
	return c
}

const (
	// longestOrder bounds what an authorization that nobody has judged anew may live.
	longestOrder = 24 * time.Hour
	// mostNames bounds the look-ups and the size of a certificate that one order
	// costs (Boulder: 100).
	mostNames = 100
	// mostOpenOrders bounds what one account can make the store keep (Boulder: 300).
	mostOpenOrders = 300
)

func (p *Profile) check() error {
	switch {
	case p.Name == "":
		return errors.New("no name")
	case p.Life <= 0:
		return errors.New("no life")
	case len(p.Identifiers) == 0 || len(p.KeyTypes) == 0:
		return errors.New("no identifiers or no key types")
	case p.Bind == BindCSR && p.Grant == GrantRecord:
		return errors.New("bind csr cannot go with grant record: the certificate's key is not known before finalize")
	case p.Grant == GrantChallenge && len(p.Methods) == 0:
		return errors.New("grant challenge without a challenge type")
	}
	for _, m := range p.Methods {
		switch m {
		case MethodHTTP, MethodDNS, MethodTLSALPN:
		case MethodCNF:
			if p.Grant == GrantChallenge {
				return errors.New("grant challenge with cnf-01: that is the record alone")
			}
		default:
			return fmt.Errorf("method %q: there is none of that name", m)
		}
	}
	return nil
}

// routes are every path there is, with who may sign for it (RFC 8555 §7.1).
func (s *Server) routes() {
	s.open("GET /directory", s.directory)
	s.open("GET /directory/{profile}", s.directory)
	s.open("GET /acme/new-nonce", s.newNonce) // HEAD too
	s.signed("/directory", byAccount, s.directoryRead)
	s.signed("/directory/{profile}", byAccount, s.directoryRead)
	s.signed("/acme/new-nonce", byAccount, s.newNonceRead)
	s.signed("/acme/new-account", byKey, s.newAccount)
	s.signed("/acme/acct/{account}", byAccount, s.account)
	s.signed("/acme/acct/{account}/orders", byAccount|withQuery, s.orders)
	s.signed("/acme/key-change", byAccount, s.keyChange)
	for _, below := range []string{"", "/{profile}"} {
		s.signed("/acme/new-order"+below, byAccount, s.agreed(s.newOrder))
		s.signed("/acme/new-authz"+below, byAccount, s.agreed(s.newAuthorization))
	}
	s.signed("/acme/order/{order}", byAccount, s.order)
	s.signed("/acme/order/{order}/finalize", byAccount, s.finalize)
	s.signed("/acme/authz/{authz}", byAccount, s.authorization)
	s.signed("/acme/chall/{authz}/{n}", byAccount, s.challenge)
	s.signed("/acme/cert/{serial}", byAccount, s.certificate)
	s.signed("/acme/cert/{serial}/{n}", byAccount, s.certificate)
	s.signed("/acme/revoke-cert", byKey|byAccount, s.revoke)
	s.open("GET /acme/renewal-info/{id}", s.renewalInfo)
	s.mux.Handle("GET /crl/{file}", s.Public())
	s.mux.Handle("GET /ca/{file}", s.Public())
	s.mux.Handle("GET /root.pem", s.Public())
	s.mux.HandleFunc("/", s.notHere)
}

// notHere answers at a path that there is not, and to a method that its path does not take (RFC 9110 §15.5.6).
func (s *Server) notHere(w http.ResponseWriter, r *http.Request) {
	takes := s.takes(r)
	p := Problemf(Malformed, "nothing is at this path: see /directory")
	p.Status = http.StatusNotFound
	if len(takes) > 0 {
		w.Header().Set("Allow", strings.Join(takes, ", "))
		p = Problemf(Malformed, "method %.20q: this takes %s", r.Method, strings.Join(takes, ", "))
		if takes[0] == http.MethodPost {
			p.Detail += " alone, a signed one without payload to read (RFC 8555 §6.3)"
		}
		p.Status = http.StatusMethodNotAllowed
	}
	s.refuse(w, p)
}

// takes are the methods that are taken at the path of a request.
func (s *Server) takes(r *http.Request) (methods []string) {
	for _, as := range [][]string{{http.MethodGet, http.MethodHead}, {http.MethodPost}} {
		if _, pattern := s.mux.Handler(&http.Request{Method: as[0], Host: r.Host, URL: r.URL}); pattern != "/" {
			methods = append(methods, as...)
		}
	}
	return methods
}

// ServeHTTP answers an ACME client. Bodies are bounded here; the time that a client
// takes is for the http.Server to bound.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, jws.MaxBody)
	s.mux.ServeHTTP(w, r)
}

// errStale is the error of an Update whose account, key or order has changed since
// the request was authenticated.
var errStale = errors.New("acme: changed meanwhile")

// internal returns what the client is told of an error of an Update: the Problem that it
// ended with; any other is this machine's, and is logged.
func (s *Server) internal(ctx context.Context, doing string, err error) *Problem {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p
	}
	if errors.Is(err, errStale) {
		return Problemf(Unauthorized, "the account, its key or what it was granted has changed meanwhile: sign with its current key and begin anew")
	}
	if ctx.Err() != nil {
		s.Log.Info("acme: request ended early", "doing", doing)
	} else {
		s.Log.Error("acme: "+doing, "error", err)
	}
	p := Problemf(ServerInternal, "this server has failed at it (%s); its log says why", doing)
	p.Passing, p.Retry = true, time.Minute
	return p
}
