package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"kontor/graph"
)

// inURL reads the parameters of a query that is named in the URL: extensions, variables and
// operationName. Queries that are written out go by POST, so that nothing of them is in the logs of proxies.
func inURL(r *http.Request) (*graphql.RawParams, error) {
	query := r.URL.Query()
	if query.Has("query") {
		return nil, malformed("a query that is written out goes by POST; by GET it is named by extensions.persistedQuery")
	}
	body := map[string]json.RawMessage{"extensions": json.RawMessage(query.Get("extensions"))}
	if variables := query.Get("variables"); variables != "" {
		body["variables"] = json.RawMessage(variables)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, malformed("variables and extensions are JSON objects")
	}
	params, err := decode(text, r.Header)
	if err != nil {
		return nil, err
	}
	if !graph.Named(params.Extensions) {
		return nil, malformed("by GET a query is named by extensions.persistedQuery")
	}
	params.OperationName = query.Get("operationName")
	return params, nil
}

// unchanged marks an answer that the client may keep, and ask whether it is still the same: only
// it, not a proxy, and each time. It tells whether the client has the same already.
func unchanged(w http.ResponseWriter, r *http.Request, data []byte) bool {
	sum := sha256.Sum256(data)
	tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept, Accept-Language, Authorization, Cookie")
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if known = strings.TrimSpace(known); known == tag || known == "*" {
			return true
		}
	}
	return false
}
