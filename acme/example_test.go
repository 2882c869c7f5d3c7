package acme_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"cnfd/acme"
	"cnfd/acme/store"
)

// A server is made of what it stands on, answers as an http.Handler, and works on what
// it has begun while Run runs.
func Example() {
	dir, err := os.MkdirTemp("", "acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	kept, err := store.Open(filepath.Join(dir, "acme.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer kept.Close()
	server, err := acme.New(acme.Config{
		Store: kept, Gate: open{}, Validator: open{}, Issuer: none{}, // see packages gate, validate and ca
		Now: time.Now, Log: slog.New(slog.DiscardHandler), URL: "https://ca.example",
		Profiles: []acme.Profile{{
			Name: "default", Description: "a week", Life: 7 * 24 * time.Hour,
			Identifiers: []string{acme.TypeDNS}, KeyTypes: []acme.KeyType{acme.P256}, Methods: []string{acme.MethodDNS},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://ca.example/directory", nil))
	var directory struct{ NewOrder string }
	fmt.Println(w.Code, json.Unmarshal(w.Body.Bytes(), &directory), directory.NewOrder)
	// Output:
	// 200 <nil> https://ca.example/acme/new-order
}
