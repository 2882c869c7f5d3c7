package acme

import (
	"net/http"
	"net/url"
)

// directoryObject is where a client finds everything (RFC 8555 §7.1.1).
type directoryObject struct {
	NewNonce    string        `json:"newNonce"`
	NewAccount  string        `json:"newAccount"`
	NewOrder    string        `json:"newOrder"`
	NewAuthz    string        `json:"newAuthz"`
	RevokeCert  string        `json:"revokeCert"`
	KeyChange   string        `json:"keyChange"`
	RenewalInfo string        `json:"renewalInfo"` // RFC 9773 §3
	Meta        directoryMeta `json:"meta"`
}

type directoryMeta struct {
	Terms            string            `json:"termsOfService,omitempty"`
	Website          string            `json:"website,omitempty"`
	CAAIdentities    []string          `json:"caaIdentities,omitempty"`
	ExternalAccounts bool              `json:"externalAccountRequired"`
	Profiles         map[string]string `json:"profiles"` // name: description (draft-ietf-acme-profiles §3)
}

// directory is read by anybody. One that a profile is the name of leads to orders of that profile, for clients that cannot choose any.
func (s *Server) directory(r *http.Request) (*answer, *Problem) {
	profile, p := s.named(r)
	if p != nil {
		return nil, p
	}
	below := ""
	if r.PathValue("profile") != "" {
		below = "/" + url.PathEscape(profile.Name)
	}
	d := directoryObject{
		NewNonce: s.URL + "/acme/new-nonce", NewAccount: s.URL + newAccountPath, NewOrder: s.URL + "/acme/new-order" + below,
		NewAuthz: s.URL + "/acme/new-authz" + below, RevokeCert: s.URL + "/acme/revoke-cert", KeyChange: s.URL + "/acme/key-change",
		RenewalInfo: s.URL + "/acme/renewal-info",
		Meta:        directoryMeta{s.Terms, s.Website, s.CAAIdentities, s.ExternalAccounts, map[string]string{}},
	}
	for name, p := range s.profiles {
		d.Meta.Profiles[name] = p.Description
	}
	return &answer{status: http.StatusOK, object: d}, nil
}

// named is the profile that a request's path names, or else the first.
func (s *Server) named(r *http.Request) (*Profile, *Problem) {
	name := r.PathValue("profile")
	if name == "" {
		return &s.Profiles[0], nil
	}
	if p := s.profiles[name]; p != nil {
		return p, nil
	}
	p := Problemf(InvalidProfile, "profile: there is none of that name: the directory at /directory lists them")
	p.Status = http.StatusNotFound
	return nil, p
}

// directoryRead is the directory for a client that signs all that it sends (RFC 8555 §6.3).
func (s *Server) directoryRead(c *call) (*answer, *Problem) {
	if p := c.read(); p != nil {
		return nil, p
	}
	return s.directory(c.http)
}
