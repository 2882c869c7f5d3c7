package store

import (
	"encoding/json"
	"slices"
)

// Nonces takes out all that were put aside, by however many processes, each once.
func (t *tx) Nonces() ([]string, error) {
	if t.view {
		return nil, t.fail(errView)
	}
	var all []string
	err := t.rows("SELECT doc FROM nonces", nil, func(scan func(...any) error) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var some []string
		if json.Unmarshal(doc, &some) != nil {
			return damaged("nonces")
		}
		all = append(all, some...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := t.exec("DELETE FROM nonces"); err != nil {
		return nil, err
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (t *tx) PutNonces(nonces []string) error {
	doc, err := t.doc("nonces", nonces)
	if err != nil || len(nonces) == 0 {
		return err
	}
	_, err = t.exec("INSERT INTO nonces (doc) VALUES ($1)", doc.value)
	return err
}
