package api

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// media is a type of body that /v1/verify reads.
type media uint8

const (
	mediaJSON media = iota
	mediaJWT
	mediaSDJWT
	mediaCWT
)

// mediaOf reads the Content-Type of one request.
func mediaOf(head http.Header) (media, *problem) {
	if types := head["Content-Type"]; len(types) == 1 && types[0] == "application/json" {
		return mediaJSON, nil
	}
	return mediaIn(head, singleMedia, "send application/json, application/jwt, application/dc+sd-jwt or application/cwt")
}

var singleMedia = map[string]media{
	"application/json": mediaJSON, "application/jwt": mediaJWT,
	"application/dc+sd-jwt": mediaSDJWT, "application/sd-jwt": mediaSDJWT,
	"application/cwt": mediaCWT,
}

// mediaIn reads Content-Type as one of those that are known. None is not guessed: the
// bytes of a stranger do not choose how they are read.
func mediaIn(head http.Header, known map[string]media, accepted string) (media, *problem) {
	types := head["Content-Type"]
	if len(types) != 1 {
		return 0, &problem{unsupportedMediaType, "want one Content-Type: " + accepted}
	}
	name, params, err := mime.ParseMediaType(types[0])
	// ParseMediaType takes spaces of Unicode for such around a type (RFC 9110 §8.3.1 has ASCII alone).
	if err != nil || strings.ContainsFunc(types[0], func(c rune) bool { return c >= utf8.RuneSelf }) {
		return 0, &problem{unsupportedMediaType, "the Content-Type cannot be read: " + accepted}
	}
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") {
		return 0, &problem{unsupportedMediaType, "only UTF-8 is read here"}
	}
	m, ok := known[name]
	if !ok {
		return 0, &problem{unsupportedMediaType, shown(name) + " is not read here: " + accepted}
	}
	return m, nil
}

// prefersCBOR reports whether an Accept header wants CBOR more than JSON.
func prefersCBOR(lines []string) bool { return prefers(lines, "application/cbor", "application/json") }

// prefers reports whether an Accept header wants one type in CBOR more than another
// in JSON (RFC 9110 §12.5.1). What it cannot read counts as not there: the answer is JSON.
func prefers(lines []string, inCBOR, inJSON string) bool {
	var asCBOR, asJSON, any float64
	jsonNamed := false
	for _, line := range lines {
		for _, item := range strings.Split(line, ",") {
			name, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			q := 1.0
			if text, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(text, 64); err != nil {
					continue
				}
			}
			switch name {
			case inCBOR:
				asCBOR = q
			case inJSON:
				asJSON, jsonNamed = q, true
			case "application/*", "*/*":
				any = max(any, q)
			}
		}
	}
	if !jsonNamed {
		asJSON = any
	}
	// Equal wishes go to CBOR only where it is named and JSON is not.
	return asCBOR > 0 && (asCBOR > asJSON || asCBOR == asJSON && !jsonNamed)
}

// cborOf writes one of our own JSON documents as CBOR: the same members with
// the same names, map keys sorted (RFC 8949 §4.2).
func cborOf(doc []byte) ([]byte, error) {
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if err := wholeNumbers(&v); err != nil {
		return nil, err
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// wholeNumbers turns every number into an integer: our documents have no others.
func wholeNumbers(v *any) error {
	switch x := (*v).(type) {
	case json.Number:
		n, err := x.Int64()
		if err != nil {
			return fmt.Errorf("a number that is not whole: %s", x)
		}
		*v = n
	case []any:
		for i := range x {
			if err := wholeNumbers(&x[i]); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, member := range x {
			if err := wholeNumbers(&member); err != nil {
				return err
			}
			x[name] = member
		}
	}
	return nil
}
