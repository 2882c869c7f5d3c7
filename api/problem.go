package api

import (
	"encoding/json"
	"net/http"
)

// problem is an error as the caller sees it (RFC 9457): the kind decides type,
// title and status; the detail says what to change and holds no key material.
type problem struct {
	kind   problemKind
	detail string
}

// problemKind is one urn:cnfd:problem: name. The zero value is internal.
type problemKind uint8

const (
	internal problemKind = iota
	malformed
	notDerivable
	notReducible
	tooLarge
	unsupportedMediaType
	notFound
	methodNotAllowed
	forbidden
	timeout
	notReady
	stopping
	tooManyRequests
	overloaded
	problemKinds = iota
)

var problems = [problemKinds]struct {
	name, title string
	status      int
}{
	internal:             {"internal", "This machine failed", http.StatusInternalServerError},
	malformed:            {"malformed", "The request is not what it should be", http.StatusBadRequest},
	notDerivable:         {"not-derivable", "The subject names no domain", http.StatusUnprocessableEntity},
	notReducible:         {"not-reducible", "The confirmation claim names no key that has a thumbprint", http.StatusUnprocessableEntity},
	tooLarge:             {"too-large", "The request is too large", http.StatusRequestEntityTooLarge},
	unsupportedMediaType: {"unsupported-media-type", "The body's type is not one that is read here", http.StatusUnsupportedMediaType},
	notFound:             {"not-found", "There is nothing here", http.StatusNotFound},
	methodNotAllowed:     {"method-not-allowed", "The method does not fit the path", http.StatusMethodNotAllowed},
	forbidden:            {"forbidden", "The caller may not do this", http.StatusForbidden},
	timeout:              {"timeout", "The request did not arrive in time", http.StatusRequestTimeout},
	notReady:             {"not-ready", "Questions cannot be answered yet", http.StatusServiceUnavailable},
	stopping:             {"stopping", "The daemon is being stopped", http.StatusServiceUnavailable},
	tooManyRequests:      {"too-many-requests", "The caller asks for too much", http.StatusTooManyRequests},
	overloaded:           {"overloaded", "Too much is being asked for", http.StatusServiceUnavailable},
}

var problemType = []string{"application/problem+json"}

// problem answers with p and returns the id that the answer carries.
func (h *handler) problem(w http.ResponseWriter, p problem) string {
	if p.kind >= problemKinds {
		p.kind = internal
	}
	body, id := h.problemDoc(p, nil)
	head := w.Header()
	head["Content-Type"] = problemType
	head["Cache-Control"] = noStore
	w.WriteHeader(problems[p.kind].status)
	w.Write(append(body, '\n'))
	return id
}

// problemDoc is p as JSON, and its id; index is the place of an item in a batch.
func (h *handler) problemDoc(p problem, index *int) (doc []byte, id string) {
	k := &problems[p.kind]
	id = h.ids.next(h.Now())
	doc, _ = json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Index  *int   `json:"index,omitempty"`
		ID     string `json:"id"`
	}{"urn:cnfd:problem:" + k.name, k.title, k.status, p.detail, index, id})
	return doc, id
}
