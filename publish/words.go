package publish

import (
	"strings"
	"time"
)

// short is a record of which a person sees which one it is.
func short(r Record) string {
	const most = 32
	text := orElse(r.String(), "what is no TLSA record")
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

// brief is a duration without the parts that are zero at its end: "5m", "72h".
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
