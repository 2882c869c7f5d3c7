package integration

import (
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
)

// TestMediaTypes sends bodies under every type that might be taken for one that is read, and some that are read, to each path
// that takes a body. What is refused is refused before it is looked at, and the next request on the connection is answered.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for i, secured := range []bool{false, true} {
		t.Run(map[bool]string{false: "in plain", true: "over TLS"}[secured], func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, 77+i, secured, "limits: {idle_timeout: 5s}")
			table := s.media(t)
			_, stop := s.meanwhile(t)
			var all sync.WaitGroup
			for _, o := range s.doors {
				s.frame(t, o, table, &all)
			}
			all.Wait()
			t.Logf("figure: %s: %d bodies and types in 6 ways to each of 2 sockets, others asked all there is %d times meanwhile", name(t), len(table), stop())
			s.lifted(t, 128<<20)
		})
	}
}

// media is what may be sent, and what it comes to: a verdict, or 400 and 415.
func (s *siege) media(t *testing.T) (all []shape) {
	cwt, err := base64.RawURLEncoding.DecodeString(s.token(t, "vendor.cwt"))
	if err != nil {
		t.Fatal(err)
	}
	inJSON := string(ofToken(s.good, nil))
	const key = `{"subject":"https://vendor.example","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}`
	verify := func(want, body string, fields ...string) {
		all = append(all, typed("/v1/verify", want, body, fields...))
	}
	batch := func(want, body string, fields ...string) {
		all = append(all, typed("/v1/verify/batch", want, body, fields...))
	}
	precheck := func(want, body string, fields ...string) {
		all = append(all, typed("/v1/precheck", want, body, fields...))
	}
	const confirmed, refused, malformed = "confirmed next", "415 next", "400 next"
	const answered = "refuted next|unproven next" // where a server finds no processor in time

	for _, media := range []string{
		"application/json", "APPLICATION/JSON", "Application/Json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
		`application/json; charset="utf-8"`, "application/json; profile=x", "application/json;",
	} {
		verify(confirmed, inJSON, media)
		precheck(answered, key, media)
	}
	for _, media := range []string{
		"text/json", "text/plain", "text/html", "application/jsonp", "application/json5", "application/json-seq", "application/jsonl",
		"application/ld+json", "application/problem+json", "application/vnd.api+json", "application/jose", "application/jose+json",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "application/octet-stream", "application/xml",
		"application/*", "*/*", "*", "json", "application", "application/", "/json", "application/json/x", "application /json",
		"application/json, text/html", "application/json, application/json", "application/json; charset=utf-16", "application/json; charset=utf-7",
		"application/json; charset=iso-8859-1", "application/json; charset", "application/json; charset=a; charset=utf-8", `"application/json"`,
		"application/json\u00a0", "application/\uff4ason", "application/x-ndjson", "application/cbor", "application/cbor-seq", "",
	} {
		verify(refused, inJSON, media)
		precheck(refused, key, media)
		if media != "application/x-ndjson" && media != "application/cbor-seq" {
			batch(refused, inJSON+"\n", media)
		}
	}
	verify(refused, inJSON)
	verify(refused, inJSON, "application/json", "application/json")
	verify(refused, inJSON, "application/json", "text/html")
	verify(refused, inJSON, "application/json\r\nContent-Encoding: gzip")
	verify(refused, inJSON, "application/json\r\nContent-Encoding: identity")
	verify(refused, inJSON, "application/json\r\nContent-Encoding:")
	batch(refused, inJSON+"\n")
	batch(refused, inJSON+"\n", "application/x-ndjson", "application/x-ndjson")
	batch(refused, inJSON+"\n", "application/x-ndjson\r\nContent-Encoding: deflate")
	precheck(refused, key)

	verify(confirmed, s.good, "application/jwt")
	verify(confirmed, s.good+"\n", "Application/JWT; a=b")
	verify(confirmed, string(cwt), "application/cwt")
	batch(confirmed, inJSON+"\n", "application/x-ndjson")
	batch(confirmed, inJSON, "application/x-ndjson; charset=utf-8")
	batch("200 next", string(cwt), "application/cbor-seq\r\nAccept: application/cbor-seq")
	precheck("confirmed next|unproven next", s.good, "application/jwt")

	// One thing under the type of another.
	verify(malformed, s.good, "application/json")
	verify(malformed, inJSON, "application/jwt")
	verify(malformed, inJSON, "application/dc+sd-jwt")
	verify(malformed, inJSON, "application/cwt")
	verify(malformed, s.good, "application/cwt")
	verify(malformed, string(cwt), "application/jwt")
	verify(malformed, string(cwt), "application/json")
	verify(malformed, "\ufeff"+inJSON, "application/json")
	verify(malformed, "\xff\xfe{\x00}\x00", "application/json")
	verify(malformed, "token="+s.good, "application/jwt")
	verify(refused, "token="+s.good, "application/x-www-form-urlencoded")
	verify(refused, "--a\r\nContent-Type: application/jwt\r\n\r\n"+s.good+"\r\n--a--\r\n", "multipart/form-data; boundary=a")

	// What is accepted changes the form of an answer, and nothing else.
	for _, accept := range []string{"application/json", "*/*", "text/html", "application/cbor;q=0", "application/*;q=0.1", ",", ";;", "\u00e9", ""} {
		verify(confirmed, inJSON, "application/json\r\nAccept: "+accept)
	}
	verify("200 next", inJSON, "application/json\r\nAccept: application/cbor") // in CBOR
	return all
}

// typed is a request with these fields for its Content-Type, and another request behind it.
func typed(path, want, body string, fields ...string) shape {
	sends := "POST " + path + " HTTP/1.1\r\nHost: a\r\n"
	for _, field := range fields {
		sends += "Content-Type: " + field + "\r\n"
	}
	return shape{fmt.Sprintf("%q to %s", fields, path), sends + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body + "$NEXT", want}
}
