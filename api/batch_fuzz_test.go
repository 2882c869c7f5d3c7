package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"cnfd/internal/strict"
)

// oneByOne gives what /v1/verify says of each item.
func oneByOne(t testing.TB, h http.Handler, query string, items []string, kind string) (words []string) {
	for i, item := range items {
		r := send(h, "POST", "/v1/verify"+query, item, kind)
		var a batchAnswer
		if err := json.Unmarshal([]byte(text(t, r)), &a); err != nil {
			t.Fatal(err)
		}
		a.Index = &i
		words = append(words, a.String())
	}
	return words
}

// cutSequence cuts a CBOR sequence that is there as a whole.
func cutSequence(body string) (items []string) {
	for body != "" {
		var scan cborScan
		n, err := scan.advance([]byte(body))
		if err != nil || n == 0 {
			break
		}
		items, body = append(items, body[:n]), body[n:]
	}
	return items
}

// FuzzBatch holds that a batch says of every item what /v1/verify says of it alone,
// however the octets arrive.
func FuzzBatch(f *testing.F) {
	f.Add(false, goodItem+"\n"+goodItem, "", uint8(0))
	f.Add(false, goodItem+"\r\n\n{}\n[]\n{\"token\":\""+unsigned(`{"sub":"https://vendor.example","cnf":{"jwk":`+publicJWK+`}}`)+"\"}", "?time=false", uint8(1))
	f.Add(false, `{"time":true,"claims":{}}`+"\n"+`{"aud":"b","claims":{}}`, "?aud=a&time=false&max_age=1", uint8(3))
	f.Add(true, goodCWT+strings.Repeat("\x11", 32)+"\x01\x9f\xff"+goodCWT, "", uint8(1))
	f.Add(true, "\x5f\x41\x00\xff\x7f\xff\xd8\x3d\xa0\xff", "", uint8(2))
	h := newReal(f, nil)
	f.Fuzz(func(t *testing.T, sequence bool, body, query string, how uint8) {
		if query != "" && query[0] != '?' || strings.ContainsAny(query, " #\x7f") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // no query of an HTTP request
		}
		kind, one := asLines, asJSON
		var items []string
		if sequence {
			kind, one = asSequence, "Content-Type: application/cwt"
			items = cutSequence(body)
		} else {
			for line := range strings.Lines(body) {
				if line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"); len(trimmed([]byte(line))) > 0 {
					items = append(items, line)
				}
			}
		}
		var from io.Reader = strings.NewReader(body)
		switch how % 4 {
		case 1:
			from = iotest.OneByteReader(from)
		case 2:
			from = iotest.HalfReader(from)
		case 3:
			from = iotest.DataErrReader(from)
		}
		request := httptest.NewRequest("POST", "/v1/verify/batch"+query, from)
		request.Header.Set("Content-Type", strings.TrimPrefix(kind, "Content-Type: "))
		recorder := httptest.NewRecorder()
		func() {
			defer func() { // a body that is not read to its end costs the connection
				if v := recover(); v != nil && v != http.ErrAbortHandler {
					panic(v)
				}
			}()
			h.ServeHTTP(recorder, request)
		}()
		r := recorder.Result()
		if r.StatusCode != 200 {
			if s := send(h, "POST", "/v1/verify"+query, goodItem, asJSON); s.StatusCode != r.StatusCode {
				t.Fatalf("batch: %d, one: %d", r.StatusCode, s.StatusCode)
			}
			return
		}
		list, _ := answers(t, r)
		want := oneByOne(t, h, query, items, one)
		if len(list) < len(want) || len(list) > len(want)+1 {
			t.Fatalf("%d answers to %d items", len(list), len(want))
		}
		for i, w := range want {
			if got := list[i].String(); got != w {
				t.Errorf("item %d, %q:\nin a batch %s\nalone      %s", i, items[i], got, w)
			}
		}
		if len(list) > len(want) && (!sequence || list[len(want)].Type != "urn:cnfd:problem:malformed") {
			t.Errorf("one more than there are items: %v", list[len(want)])
		}
	})
}

// FuzzCBORScan holds that an item that can be read ends where the scan says, however
// its octets arrive.
func FuzzCBORScan(f *testing.F) {
	for _, s := range []string{"\x00", "\xbf\x01\x5f\x41\x00\xff\xff", "\xd8\x3d\xd2\x84\x40\xa0\x40\x40", "\x9f\x9f\xff\xa0\x80\xff\x01", "\x1c", "\x81\xff", "\xfb\x00\x00\x00\x00\x00\x00\x00\x00", "\x7a\xff\xff\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole cborScan
		n, err := whole.advance(b)
		if n < 0 || n > len(b) {
			t.Fatalf("%x: %d", b, n)
		}
		if item, _, bad := strict.FirstCBOR(b); bad == nil && strict.WellFormedCBOR(item.Raw, "") == nil && (err != nil || n != len(item.Raw)) {
			t.Errorf("%x: %d, %v, want %d", b, n, err, len(item.Raw))
		}
		var bits cborScan
		for i := 0; i <= len(b); i++ {
			m, e := bits.advance(b[:i])
			if e != nil || m > 0 {
				if m != n || (e == nil) != (err == nil) {
					t.Errorf("%x: octet by octet %d, %v; at once %d, %v", b, m, e, n, err)
				}
				return
			}
		}
		if n > 0 || err != nil {
			t.Errorf("%x: at once %d, %v; octet by octet nothing", b, n, err)
		}
	})
}
