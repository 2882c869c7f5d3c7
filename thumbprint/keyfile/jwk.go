package keyfile

import (
	"errors"
	"strconv"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

var keyMembers = strict.NewNames("kid", "kty")

// parseJSON reads a JWK or a JWK Set (RFC 7517 §5).
func parseJSON(text []byte) ([]Entry, error) {
	keys, set, err := thumbprint.SplitJWKSet(text)
	if err != nil {
		return nil, err
	}
	if !set {
		return one(parseJWK(text))
	}
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		var err error
		if entries[i], err = parseJWK(key); err != nil {
			entries[i] = Entry{KID: entries[i].KID, Err: at("jwks.keys["+strconv.Itoa(i)+"]", err)}
		}
	}
	return entries, nil
}

// at puts the place of a key before that of an error in it.
func at(place string, err error) error {
	var e *thumbprint.Error
	if !errors.As(err, &e) {
		return errors.New(place + ": " + err.Error())
	}
	where := e.Where
	for i := range len(where) {
		if where[i] == '.' || where[i] == '[' {
			return &thumbprint.Error{Rule: e.Rule, Where: place + where[i:], What: e.What}
		}
	}
	return &thumbprint.Error{Rule: e.Rule, Where: place, What: e.What}
}

func parseJWK(text []byte) (Entry, error) {
	k, err := thumbprint.ParseJWK(text)
	e := Entry{KID: jwkID(text)}
	if err != nil {
		return e, err
	}
	if err := secondOpinion(text, k); err != nil {
		return e, err
	}
	e.Key, e.Private = k, k.Private()
	return e, nil
}

// jwkID gives a JWK's kid, "" where it has none that is a string.
func jwkID(text []byte) string {
	var s strict.Scanner
	s.Reset(text, "jwk")
	var kid string
	for o := s.Object(keyMembers); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		if m == 0 && s.Peek() == '"' {
			kid = string(s.Text().Bytes())
		}
	}
	if s.Close() != nil {
		return ""
	}
	return kid
}
