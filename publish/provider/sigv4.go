package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// sigV4 signs a request as AWS asks for it ("Create a signed AWS API request",
// AWS4-HMAC-SHA256; https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
// Its own few lines, since the SDK's signer comes with nineteen packages;
// TestSigV4 holds it to AWS's published vectors.
type sigV4 struct {
	id, secret, token string // token only with temporary credentials
	region, service   string
}

const sigV4Time = "20060102T150405Z"

// sign adds the headers of a signature made at now: over the method, the path, the
// query, Host, Content-Type, X-Amz-Date, X-Amz-Security-Token and body.
func (s sigV4) sign(r *http.Request, body []byte, now time.Time) {
	at := now.UTC().Format(sigV4Time)
	r.Header.Set("X-Amz-Date", at)
	if s.token != "" {
		r.Header.Set("X-Amz-Security-Token", s.token)
	}
	headers := map[string]string{"host": r.URL.Host, "x-amz-date": at}
	for _, name := range []string{"content-type", "x-amz-security-token"} {
		if v := r.Header.Get(name); v != "" {
			headers[name] = strings.Join(strings.Fields(v), " ")
		}
	}
	var names, lines []string
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, name+":"+headers[name]+"\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{
		r.Method, sigV4Path(r.URL), sigV4Query(r.URL), strings.Join(lines, ""), signed, hexSHA256(body),
	}, "\n")
	scope := at[:8] + "/" + s.region + "/" + s.service + "/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n" + at + "\n" + scope + "\n" + hexSHA256([]byte(canonical))
	key := []byte("AWS4" + s.secret)
	for _, part := range []string{at[:8], s.region, s.service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.id+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(hmacSHA256(key, toSign)))
}

// sigV4Path encodes what is sent once more, as every service but S3 has it.
func sigV4Path(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		segments[i] = sigV4Escape(s)
	}
	if path := strings.Join(segments, "/"); path != "" {
		return path
	}
	return "/"
}

// sigV4Query is sorted by the name as it is encoded, then by the value.
func sigV4Query(u *url.URL) string {
	var pairs []string
	for name, values := range u.Query() {
		for _, v := range values {
			pairs = append(pairs, sigV4Escape(name)+"="+sigV4Escape(v))
		}
	}
	slices.SortFunc(pairs, func(a, b string) int {
		an, av, _ := strings.Cut(a, "=")
		bn, bv, _ := strings.Cut(b, "=")
		if an != bn {
			return strings.Compare(an, bn)
		}
		return strings.Compare(av, bv)
	})
	return strings.Join(pairs, "&")
}

// sigV4Escape leaves the unreserved octets of RFC 3986 §2.3 as they are and no others.
func sigV4Escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
