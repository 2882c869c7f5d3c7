package api

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"cnfd/verifier"
)

// maxAgeLimit is more seconds than any DNS data lives, and far from overflowing
// a time.Duration.
const maxAgeLimit = 1 << 31

// bound makes q accept no data older than this many seconds. Where several
// bounds are given the tightest holds.
func bound(q *verifier.Request, seconds int64) {
	d := time.Duration(min(seconds, maxAgeLimit)) * time.Second
	if !q.Bounded || d < q.MaxAge {
		q.Bounded, q.MaxAge = true, d
	}
}

// readQuery reads the options of a request that are not in its body. saidTime:
// the body has said whether the token's time is judged, and the query may not
// say otherwise.
func readQuery(q *verifier.Request, raw string, saidTime bool) *problem {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &problem{malformed, "the query cannot be read: check its percent-encoding"}
	}
	for name, v := range values {
		if len(v) != 1 {
			return &problem{malformed, "the query has " + shown(name) + " more than once"}
		}
		switch name {
		case "max_age":
			age, p := queryAge(v[0])
			if p != nil {
				return p
			}
			bound(q, age)
		case "time":
			if v[0] != "true" && v[0] != "false" {
				return &problem{malformed, "time: want true or false"}
			}
			skip := v[0] == "false"
			if saidTime && skip != q.SkipTime {
				return twoThings("time")
			}
			q.SkipTime = skip
		default:
			if p := readCheckOption(q, name, v[0]); p != nil {
				return p
			}
		}
	}
	return nil
}

// readCheckOption reads an option that concerns the checks. What the body has said
// the query may not say otherwise.
func readCheckOption(q *verifier.Request, name, value string) *problem {
	var into *string
	switch name {
	case "check":
		return readCheckList(q, value)
	case "dpop":
		if q.DPoP.Proof != nil && string(q.DPoP.Proof) != value {
			return twoThings(name)
		}
		q.DPoP.Proof = []byte(value)
		return nil
	case "aud":
		into = &q.Audience
	case "nonce":
		into = &q.Nonce
	case "htm":
		into = &q.DPoP.Method
	case "htu":
		into = &q.DPoP.URL
	case "client_cert":
		into = &q.ClientCert
	default:
		return &problem{malformed, shown(name) + " is no option here: max_age, time, check, aud, nonce, dpop, htm, htu and client_cert are"}
	}
	if value == "" && name != "client_cert" {
		return emptyOption(name)
	}
	if *into != "" && *into != value {
		return twoThings(name)
	}
	*into = value
	return nil
}

func twoThings(name string) *problem {
	return &problem{malformed, name + ": the query says another thing than the body"}
}

func queryAge(text string) (int64, *problem) {
	age, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, &problem{malformed, "max_age: want whole seconds, 0 or more"}
	}
	return int64(age), nil
}

// shown is a name from outside, made fit to print.
func shown(name string) string {
	if len(name) > 40 {
		name = name[:40] + "…"
	}
	return strconv.QuoteToASCII(name)
}

// readCacheControl reads the request's no-cache and max-age (RFC 9111 §5.2.1);
// what it does not know it passes over, as that section asks. A max-age that
// cannot be read is taken for 0: the caller wanted fresh data.
func readCacheControl(q *verifier.Request, lines []string) {
	for _, line := range lines {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			name, value, _ := strings.Cut(item, "=")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			switch {
			case strings.EqualFold(name, "no-cache"):
				bound(q, 0)
			case strings.EqualFold(name, "max-age"):
				age, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
				if err != nil {
					age = 0
				}
				bound(q, int64(age))
			}
		}
	}
}
