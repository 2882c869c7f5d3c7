package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"cnfd/api"
	"cnfd/authz"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/metrics"
	"cnfd/verifier"
)

// decisions is told of each verdict: it counts it, and writes the lines of the log
// that are asked for.
type decisions struct {
	counts *metrics.Metrics
	log    *slog.Logger
	json   *slog.Logger // of evidence, whatever the format of log
	chain  chainOf
	tells  atomic.Pointer[tells] // a reload may change it
}

// tells is what the log says of decisions.
type tells struct {
	lines    bool
	evidence string // off, refuted, all
	subjects string // none, hash, full
	key      []byte // of hash
}

func tellsOf(c *config.Config, key func() []byte) *tells {
	t := &tells{lines: c.Log.Decisions, evidence: c.Log.Evidence, subjects: c.Log.Subjects}
	if t.lines && t.subjects == "hash" {
		t.key = key()
	}
	return t
}

// Begins leaves room for the evidence of a question, where it is wanted.
func (d *decisions) Begins(ctx context.Context) context.Context {
	if d.tells.Load().evidence == "off" {
		return ctx
	}
	return context.WithValue(ctx, restsKey{}, &rests{})
}

// Decided counts a decision and logs what is wanted of it.
func (d *decisions) Decided(ctx context.Context, one *api.Decision) {
	v := one.Verdict
	d.counts.Decided(v.Reason, one.Took, !v.Asked || v.DNS.Cached)
	t := d.tells.Load()
	if t.lines {
		d.line(ctx, t, one)
	}
	if t.evidence == "all" || t.evidence == "refuted" && v.Outcome() == verifier.Refuted {
		d.evidence(ctx, one)
	}
}

// line writes the decision's line: no token and no key, and of whom the credential is
// about no more than the configuration says.
func (d *decisions) line(ctx context.Context, t *tells, one *api.Decision) {
	v := one.Verdict
	var room [20]slog.Attr
	all := append(room[:0],
		slog.String("id", idOf(ctx, one)),
		slog.String("outcome", v.Outcome().String()),
		slog.String("reason", v.Reason.String()),
		slog.Float64("took", one.Took.Seconds()),
		slog.String("method", v.Method.String()),
	)
	if v.Asked {
		all = append(all, slog.Bool("cached", v.DNS.Cached), slog.String("security", v.DNS.Security.String()))
	}
	if made := checksMade(v); made != "" {
		all = append(all, slog.String("checks", made))
	}
	if a, ok := authz.AnswerTo(ctx, v); ok {
		all = answered(all, a, v.Detail)
	}
	switch t.subjects {
	case "hash":
		all = append(all, slog.String("domain_hash", nameHash(t.key, v.Domain)))
	case "full":
		all = append(all, slog.String("subject", string(v.Subject)), slog.String("domain", v.Domain))
	}
	if p := peerOf(ctx); p != nil && p.known {
		all = append(all, slog.Uint64("uid", uint64(p.uid)), slog.Int64("pid", int64(p.pid)))
	}
	d.log.LogAttrs(context.Background(), slog.LevelInfo, "decision", all...)
}

// answered adds what a gateway is answered: a confirmation may be of a domain that is not
// let through, and who is observed is. detail repeats no value of the token or its proof
// (verifier.Verdict); that of a precheck, which does speak of a domain, comes from no gateway.
func answered(all []slog.Attr, a authz.Answer, detail string) []slog.Attr {
	status := a.Status
	if a.Observed {
		status = http.StatusOK
	}
	word := "denied"
	if status == http.StatusOK {
		word = "passed"
	}
	all = append(all, slog.String("gateway", word), slog.Int("status", status))
	if a.Observed {
		all = append(all, slog.Int("observed", a.Status))
	}
	if a.Status != http.StatusOK {
		all = append(all, slog.String("cause", a.Cause))
	}
	if detail != "" {
		all = append(all, slog.String("detail", detail))
	}
	return all
}

// checksMade lists the checks that came out well.
func checksMade(v *verifier.Verdict) string {
	var made []string
	for _, c := range [...]struct {
		name string
		is   verifier.Check
	}{{"signature", v.Signature}, {"key_binding", v.KeyBinding}, {"dpop", v.DPoP}, {"mtls", v.MTLS}} {
		if c.is == verifier.Valid {
			made = append(made, c.name)
		}
	}
	return strings.Join(made, ",")
}

// nameHash stands for a domain in the log: the same for the same domain, and of no use
// to who has not the key. 64 bits tell the domains of one log apart.
func nameHash(key []byte, domain string) string {
	m := hmac.New(sha256.New, key)
	io.WriteString(m, domain)
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// logKey gives the key of the hashes of a daemon with this state: the same at every
// start, where there is a place to keep it.
func logKey(c *config.Config, log *slog.Logger) func() []byte {
	return sync.OnceValue(func() []byte {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		path := stateOf(c, "log-key")
		if path == "" {
			return fresh
		}
		kept, err := readOwn(path, 64)
		if text, bad := hex.DecodeString(strings.TrimSpace(string(kept))); err == nil && bad == nil && len(text) == len(fresh) {
			return text
		}
		if err == nil {
			err = errors.New("not 64 hexadecimal digits")
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = replaceFile(path, []byte(hex.EncodeToString(fresh)+"\n"))
		}
		if err != nil {
			log.Warn("log-key: the hashes of domains in this log are of this start alone", "file", path, "why", err)
		}
		return fresh
	})
}

func readOwn(path string, limit int64) ([]byte, error) {
	f, err := openOwn(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
