package api

import (
	_ "embed"
	"net/http"
	"strconv"
)

// openAPI describes every path of ServeHTTP (OpenAPI 3.1). A test holds the two
// together, and every answer to what is said of it.
//
//go:embed openapi.json
var openAPI []byte

// describe answers GET /openapi.json.
func (h *handler) describe(w http.ResponseWriter) {
	head := w.Header()
	head["Content-Type"] = jsonType
	head["Cache-Control"] = []string{"max-age=3600"}
	head["Content-Length"] = []string{strconv.Itoa(len(openAPI))}
	w.Write(openAPI)
}
