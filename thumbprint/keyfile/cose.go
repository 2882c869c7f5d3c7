package keyfile

import (
	"encoding/hex"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf8"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// parseCOSE reads a COSE_Key (RFC 9052 §7).
func parseCOSE(file []byte) (Entry, error) {
	k, err := thumbprint.ParseCOSEKey(file)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Key: k, KID: coseID(file), Private: k.Private()}, nil
}

// parseCOSESet reads a COSE_KeySet (RFC 9052 §7).
func parseCOSESet(file []byte) ([]Entry, error) {
	if err := strict.WellFormedCBOR(file, "cose_keys"); err != nil {
		return nil, err
	}
	set, _, err := strict.FirstCBOR(file)
	if err != nil {
		return nil, err
	}
	if set.Indefinite {
		return nil, errors.New("cose_keys: of indefinite length")
	}
	var entries []Entry
	for rest := set.Body; len(rest) > 0; {
		var item strict.Item
		if item, rest, err = strict.FirstCBOR(rest); err != nil {
			return nil, err
		}
		e, err := parseCOSE(item.Raw)
		if err != nil {
			e = Entry{Err: at("cose_keys["+strconv.Itoa(len(entries))+"]", err)}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// coseID gives the kid (label 2) of a COSE_Key that has been judged.
func coseID(file []byte) string {
	const kid = 2
	key, _, err := strict.FirstCBOR(file)
	if err != nil {
		return ""
	}
	for members := key.Entries(); members.Next(); {
		if label, ok := members.Key.Int(); !ok || label != kid {
			continue
		}
		id, ok := members.Value.Bytes()
		if !ok {
			id, _ = members.Value.Text()
		}
		if !printable(id) {
			return hex.EncodeToString(id)
		}
		return string(id)
	}
	return ""
}

func printable(text []byte) bool {
	for _, r := range string(text) {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.Valid(text)
}
