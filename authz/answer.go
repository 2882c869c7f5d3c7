package authz

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"cnfd/signature"
	"cnfd/thumbprint"
	"cnfd/verifier"
)

// Headers names every header by which an answer says something to the resource. A
// gateway must take all of them away from what a client sends, whether or not it hands
// on cnfd's: the next version of an answer may have one that this one has not.
func Headers() []string {
	return []string{"Cnf-Outcome", "Cnf-Reason", "Cnf-Domain", "Cnf-Thumbprint", "Cnf-Testing", "Cnf-Observed"}
}

// answer writes what a question came to, and counts it. Every value of a header is
// a word of ours, a domain in A-labels or a digest: nothing else of a token is in it.
func (h *Handler) answer(w http.ResponseWriter, k *call) {
	if k.cause >= causeCount {
		k.cause = undecided
	}
	head := w.Header()
	status, outcome, reason := h.says(k.cause, &k.verdict)
	h.count(k, status, outcome, reason)

	head["Cache-Control"] = noStore
	head["Cnf-Outcome"] = word(outcome)
	head["Cnf-Reason"] = word(reason)
	// These two are always there, and never empty: a gateway that copies them then
	// overwrites what the client has sent by the same name. What no record has confirmed
	// is not said, since where all is let through somebody might believe it.
	domain, thumbprint := nothing, nothing
	if k.cause == passed || k.cause == notListed {
		domain, thumbprint = []string{safe(k.verdict.Domain)}, []string{name(k.verdict.Thumbprint)}
	}
	head["Cnf-Domain"], head["Cnf-Thumbprint"] = domain, thumbprint
	if k.verdict.Testing {
		head["Cnf-Testing"] = yes
	}
	if h.c.DPoPNonce && (status == http.StatusOK || status == http.StatusUnauthorized) {
		head["Dpop-Nonce"] = h.c.Nonces.taken().header
	}
	if h.c.Observe {
		head["Cnf-Observed"] = []string{strconv.Itoa(status)}
		status = http.StatusOK
	}
	switch status {
	case http.StatusOK:
		w.WriteHeader(status)
		return
	case http.StatusUnauthorized:
		head["Www-Authenticate"] = h.challenges.of(k)
	case http.StatusServiceUnavailable:
		head["Retry-After"] = oneSecond
	}
	head["Content-Type"] = problemType
	w.WriteHeader(status)
	h.write(w, k, bodies[k.cause][status == http.StatusServiceUnavailable])
}

// write sends a problem document, of which the id is still missing.
func (h *Handler) write(w http.ResponseWriter, k *call, begun []byte) {
	k.out = append(append(append(k.out[:0], begun...), h.idOf(k)...), "\"}\n"...)
	w.Write(k.out)
}

var (
	noStore     = []string{"no-store"}
	problemType = []string{"application/problem+json"}
	yes         = []string{"true"}
	nothing     = []string{nobody}
	oneSecond   = []string{"1"}
)

// words holds the values of headers ready.
var words = func() map[string][]string {
	all := map[string][]string{}
	for _, r := range verifier.Reasons() {
		all[r.String()], all[r.Outcome().String()] = []string{r.String()}, []string{r.Outcome().String()}
	}
	for _, e := range causes {
		all[e.word], all[e.outcome] = []string{e.word}, []string{e.outcome}
	}
	return all
}()

func word(w string) []string {
	if v, ok := words[w]; ok {
		return v
	}
	return []string{w}
}

// safe is a domain as a header may hold it: it is one of letters, digits, hyphens
// and dots by its making, and else is not shown.
func safe(domain string) string {
	if domain == "" {
		return nobody
	}
	for i := 0; i < len(domain); i++ {
		if c := domain[i]; !isAlphanumeric(c) && c != '-' && c != '.' {
			return nobody
		}
	}
	return domain
}

// nobody stands where there is no domain or no thumbprint; it is neither.
const nobody = "-"

// name is a thumbprint's URI, or of a certificate, which has none, its hash and digest.
func name(t thumbprint.Thumbprint) string {
	if t.IsZero() {
		return nobody
	}
	if uri := t.URI(); uri != "" {
		return uri
	}
	return t.Hash().String() + ":" + t.Hex()
}

// bodies are the problem documents (RFC 9457) up to their ids, by cause and by whether
// the status is 503.
var bodies = func() (all [causeCount]map[bool][]byte) {
	for c, e := range causes {
		if e.status == http.StatusOK {
			continue
		}
		all[c] = map[bool][]byte{false: problem(e.status, "urn:cnfd:problem:"+kinds[e.status], titles[e.status], e.detail)}
		if cause(c) == unproven {
			all[c][true] = problem(http.StatusServiceUnavailable, "urn:cnfd:problem:unproven", titles[http.StatusForbidden], e.detail)
		}
	}
	return all
}()

var (
	kinds  = map[int]string{http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden"}
	titles = map[int]string{http.StatusUnauthorized: "The request has no token that holds", http.StatusForbidden: "The request may not pass"}
)

// problem is a document without its end: what is missing is the id.
func problem(status int, kind, title, detail string) []byte {
	body, _ := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{kind, title, status, detail})
	return append(body[:len(body)-1], `,"id":"`...)
}

// notConfigured answers where nobody can pass yet: not even to be observed.
func (h *Handler) notConfigured(w http.ResponseWriter, k *call) {
	head := w.Header()
	head["Cache-Control"], head["Content-Type"] = noStore, problemType
	w.WriteHeader(http.StatusServiceUnavailable)
	h.write(w, k, problem(http.StatusServiceUnavailable, "urn:cnfd:problem:not-configured", "Gateways are not answered yet", h.missing))
}

// challenges are the values of WWW-Authenticate, ready: without an error, and by
// cause. All is one line: nginx before 1.23 hands on one alone.
type challenges struct {
	byCause [causeCount]struct{ dpop, bearer []string } // where the token came by that scheme
	proof   []string                                    // the proof is what does not hold
}

func newChallenges(possession verifier.Checks) (c challenges) {
	var algs []string
	for a := signature.Algorithm(1); a.String() != ""; a++ {
		algs = append(algs, a.String())
	}
	dpop := possession&verifier.CheckDPoP != 0
	bearer := possession&^verifier.CheckDPoP != 0
	line := func(onBearer bool, fault, detail string) []string {
		var parts []string
		what := ""
		if fault != "" {
			what = `error="` + fault + `", error_description="` + detail + `"`
		}
		if dpop {
			with := `algs="` + strings.Join(algs, " ") + `"`
			if what != "" && !(onBearer && bearer) {
				with = what + ", " + with
			}
			parts = append(parts, "DPoP "+with)
		}
		if bearer {
			one := "Bearer"
			if what != "" && (onBearer || !dpop) {
				one += " " + what
			}
			parts = append(parts, one)
		}
		return []string{strings.Join(parts, ", ")}
	}
	for i, e := range causes {
		if e.status == http.StatusUnauthorized {
			c.byCause[i].dpop = line(false, e.error, e.detail)
			c.byCause[i].bearer = line(cause(i) != boundAsBearer, e.error, e.detail)
		}
	}
	c.proof = line(false, "invalid_dpop_proof", "the DPoP proof does not hold for this request, token and key")
	return c
}

// of is the challenge of a 401.
func (c *challenges) of(k *call) []string {
	if r := k.verdict.Reason; k.cause == badToken && (r == verifier.DPoPInvalid || r == verifier.DPoPReplayed) {
		return c.proof
	}
	if k.bearer {
		return c.byCause[k.cause].bearer
	}
	return c.byCause[k.cause].dpop
}
