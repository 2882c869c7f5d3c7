package api

import (
	"net/http"

	"cnfd/internal/strict"
	"cnfd/record"
)

// purge answers POST /v1/cache/purge: what is known of a subject's domain, or
// of a name, and of all below it is forgotten, so that the next question is
// asked of the DNS anew.
func (h *handler) purge(w http.ResponseWriter, r *http.Request) {
	if h.Purge == PurgeOff || h.Purge != PurgeAll && !onUnix(r) {
		h.problem(w, problem{forbidden, "purging is not open to this caller: see api.purge in the configuration"})
		return
	}
	m, p := mediaOf(r.Header)
	if p == nil && m != mediaJSON {
		p = &problem{unsupportedMediaType, "send application/json"}
	}
	var name string
	if p == nil {
		var body []byte
		if body, p = readBody(nil, r); p == nil {
			name, p = h.purgeName(body)
		}
	}
	if p != nil {
		h.problem(w, *p)
		return
	}
	dropped := h.Resolver.Drop(name)
	h.Log.Info("cache purged", "dropped", dropped) // whose name it was is nobody's business
	w.WriteHeader(http.StatusNoContent)
}

var purgeMembers = strict.NewNames("subject", "name")

// purgeName reads {"subject": …} or {"name": …} to a domain name.
func (h *handler) purgeName(body []byte) (string, *problem) {
	var s strict.Scanner
	var texts [2]strict.Text
	s.Reset(body, "")
	o := s.Object(purgeMembers)
	for member, ok := o.Next(); ok; member, ok = o.Next() {
		if member == strict.Other {
			return "", &problem{malformed, "a member that is not read here: want subject or name"}
		}
		texts[member] = s.Text()
	}
	if err := s.Close(); err != nil {
		return "", envelopeProblem(err, "")
	}
	if texts[0].Present() == texts[1].Present() {
		return "", &problem{malformed, "want exactly one of subject and name"}
	}
	if texts[0].Present() {
		domain, err := record.Domain(string(texts[0].Bytes()), h.Subjects)
		if err != nil {
			return "", &problem{notDerivable, err.Error()}
		}
		return domain + ".", nil
	}
	name, err := parseName(string(texts[1].Bytes()))
	if err != nil {
		return "", &problem{malformed, err.Error()}
	}
	return name.String(), nil
}
