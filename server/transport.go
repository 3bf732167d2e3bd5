package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/graph"
)

// Media types of GraphQL over HTTP.
const (
	typeJSON    = "application/json"
	typeGraphQL = "application/graphql-response+json"
)

// What an operation may take. A query that takes longer is not worth waiting for.
const (
	queryTimeout    = 10 * time.Second
	mutationTimeout = requestTimeout
)

// api answers GraphQL over HTTP: POST, and GET for queries that are named by their hash. It
// differs from gqlgen's own transports in what goes wrong: an answer never repeats the request,
// a body that is too large is a 413, and a request that was not executed has no data.
type api struct {
	exec *executor.Executor
	// patience is how long a mutation may take.
	patience time.Duration
}

func (a api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	accepted, ok := negotiate(r.Header.Get("Accept"))
	if !ok {
		http.Error(w, "this endpoint answers "+typeGraphQL+" or "+typeJSON, http.StatusNotAcceptable)
		return
	}
	w.Header().Set("Content-Type", accepted+"; charset=utf-8")
	params, err := parameters(w, r)
	if err != nil {
		decline(w, err)
		return
	}
	a.execute(w, r, params, accepted)
}

// parameters reads the operation of a request; otherwise why it is refused.
func parameters(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	if r.Method == http.MethodGet && r.URL.Query().Has("extensions") {
		return inURL(r)
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		return nil, refusal{http.StatusMethodNotAllowed, graph.CodeBadUserInput, "send the operation by POST, as JSON; by GET go queries that are named by extensions.persistedQuery"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeJSON {
		return nil, refusal{http.StatusUnsupportedMediaType, graph.CodeBadUserInput, "send the operation as JSON, with Content-Type: application/json"}
	}
	return read(w, r)
}

func (a api) execute(w http.ResponseWriter, r *http.Request, params *graphql.RawParams, accepted string) {
	ctx := graphql.StartOperationTrace(r.Context())
	op, refused := a.exec.CreateOperationContext(ctx, params)
	if refused != nil {
		response := a.exec.DispatchError(graphql.WithOperationContext(ctx, op), bounded(refused))
		write(w, statusOfRefusal(w, response.Errors[0], accepted), response, false)
		return
	}
	timeout := a.patience
	switch op.Operation.Operation {
	case ast.Subscription:
		refuse(w, http.StatusBadRequest, graph.CodeBadUserInput, "a subscription goes over WebSocket (graphql-transport-ws) or with Accept: text/event-stream")
		return
	case ast.Mutation:
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuse(w, http.StatusMethodNotAllowed, graph.CodeBadUserInput, "send mutations by POST")
			return
		}
	default:
		timeout = queryTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	responses, ctx := a.exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil { // the time was over before the work began
		response = a.exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(context.Cause(ctx))})
	}
	executed := len(response.Data) > 0 && !bytes.Equal(response.Data, []byte("null"))
	status := http.StatusOK
	if !executed && len(response.Errors) > 0 {
		status = statusOfFailure(w, response.Errors[0])
	}
	if r.Method == http.MethodGet && graph.Storable(op) && executed && len(response.Errors) == 0 && unchanged(w, r, response.Data) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, status, response, true)
}

// read reads the parameters of an operation from the body.
func read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refusal{http.StatusRequestEntityTooLarge, codeTooLarge, "the request is larger than 256 KiB"}
	case err != nil:
		return nil, malformed("the request ended before it was complete")
	}
	return decode(body, r.Header)
}

// decode reads the parameters of an operation, or says what is wrong with them.
func decode(body []byte, header http.Header) (*graphql.RawParams, error) {
	params := &graphql.RawParams{ReadTime: graphql.TraceTiming{Start: graphql.Now(), End: graphql.Now()}, Headers: header}
	if err := inspect(body, 1); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	// The decoder's own error would quote the request, and with it a password.
	if err := decoder.Decode(params); err != nil {
		return nil, malformed("the request is not a JSON object with query, variables, operationName and extensions")
	}
	if params.Query == "" && !graph.Named(params.Extensions) {
		return nil, malformed("the query is missing")
	}
	return params, nil
}

// maxLevels is how deep objects and lists of a request are within one another.
const maxLevels = 50

// inspect looks at JSON before anything is made of it: a small body can have much in it. What
// comes twice in an object could be read by somebody before us as the one, and by us as the other. The
// parameters of the operation are at this level.
func inspect(body []byte, level int) error {
	tokens := jsontext.NewDecoder(bytes.NewReader(body))
	for n := 0; ; n++ {
		token, err := tokens.ReadToken()
		_, inside := tokens.StackIndex(tokens.StackDepth())
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil:
			return malformed("the request is not JSON in UTF-8, or has a name twice in an object")
		case tokens.StackDepth() == 0 && inside > 1:
			return malformed("there is something behind the JSON object")
		case tokens.StackDepth() == level && inside%2 == 1 && token.Kind() == '"' && mistyped(token.String()):
			return malformed("names are written in small and capital letters as they are: query, variables, operationName, extensions")
		case tokens.StackDepth() > maxLevels:
			return malformed(fmt.Sprintf("the request has more than %d levels of objects and lists", maxLevels))
		case n > 3*graph.MaxValues: // a value, its name, and the object around it
			return malformed("the variables have too many values")
		}
	}
}

// mistyped tells whether a name would be read as another one by Go's decoder, which takes small
// for capital letters.
func mistyped(name string) bool {
	return slices.ContainsFunc([]string{"query", "variables", "operationName", "extensions"}, func(known string) bool {
		return name != known && strings.EqualFold(name, known)
	})
}

// negotiate picks the media type of the answer.
func negotiate(accept string) (string, bool) {
	if strings.TrimSpace(accept) == "" {
		return typeJSON, true
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		switch {
		case err != nil:
			continue
		case media == typeGraphQL:
			return typeGraphQL, true
		case media == typeJSON || media == "*/*" || media == "application/*":
			return typeJSON, true
		}
	}
	return "", false
}

// statusOfRefusal is the status of an operation that is not executed. For a document or variables that
// do not fit the schema, and for a name that is not known, clients that ask for plain JSON
// expect 200, as they always have.
func statusOfRefusal(w http.ResponseWriter, err *gqlerror.Error, accepted string) int {
	switch err.Extensions["code"] {
	case errcode.ValidationFailed, graph.CodePersistedQueryNotFound:
		if accepted == typeJSON {
			return http.StatusOK
		}
	case graph.CodeUnavailable:
		return statusOfFailure(w, err)
	}
	return http.StatusBadRequest
}

// statusOfFailure is the status of an operation of which nothing came.
func statusOfFailure(w http.ResponseWriter, err *gqlerror.Error) int {
	if seconds, found := err.Extensions["retryAfter"]; found {
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
	}
	switch err.Extensions["code"] {
	case graph.CodeUnauthenticated:
		return http.StatusUnauthorized
	case graph.CodeUnavailable:
		return http.StatusServiceUnavailable
	case graph.CodeRateLimited:
		return http.StatusTooManyRequests
	case graph.CodeTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusOK
	}
}

// maxErrors bounds the answer to a document that is wrong in many places.
const maxErrors = 10

// bounded are the first errors about a document, each told once.
func bounded(errs gqlerror.List) gqlerror.List {
	var told gqlerror.List
	for _, err := range errs {
		if len(told) < maxErrors && !slices.ContainsFunc(told, func(e *gqlerror.Error) bool { return e.Message == err.Message }) {
			told = append(told, err)
		}
	}
	return told
}

// refusal is why a request is not taken in.
type refusal struct {
	status        int
	code, message string
}

func (r refusal) Error() string { return r.message }

func malformed(message string) error {
	return refusal{http.StatusBadRequest, graph.CodeBadUserInput, message}
}

const codeTooLarge = "BODY_TOO_LARGE"

// decline answers a request that is not taken in.
func decline(w http.ResponseWriter, why error) {
	var r refusal
	if !errors.As(why, &r) {
		r = refusal{http.StatusInternalServerError, graph.CodeInternal, "the request could not be read"}
	}
	refuse(w, r.status, r.code, r.message)
}

// refuse answers a request that never became an operation.
func refuse(w http.ResponseWriter, status int, code, message string) {
	err := &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code, "requestId": w.Header().Get(requestIDHeader)}}
	write(w, status, &graphql.Response{Errors: gqlerror.List{err}}, false)
}

// write sends an answer; one that was not executed has no data, not even null.
func write(w http.ResponseWriter, status int, response *graphql.Response, executed bool) {
	w.WriteHeader(status)
	if executed && len(response.Errors) == 0 {
		// The usual case, without encoding the finished data once more.
		_, _ = io.WriteString(w, `{"data":`)
		_, _ = w.Write(response.Data)
		if extensions, err := json.Marshal(response.Extensions); err == nil && len(response.Extensions) > 0 {
			_, _ = io.WriteString(w, `,"extensions":`)
			_, _ = w.Write(extensions)
		}
		_, _ = io.WriteString(w, `}`)
		return
	}
	answer := map[string]any{}
	if len(response.Errors) > 0 {
		answer["errors"] = response.Errors
	}
	if executed {
		answer["data"] = response.Data
	}
	if len(response.Extensions) > 0 {
		answer["extensions"] = response.Extensions
	}
	_ = json.NewEncoder(w).Encode(answer)
}
