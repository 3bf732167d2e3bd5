package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/graph"
)

// Media types of GraphQL over HTTP.
const (
	typeJSON    = "application/json"
	typeGraphQL = "application/graphql-response+json"
)

// api answers GraphQL over HTTP (POST). It differs from gqlgen's own transport in
// what goes wrong: an answer never repeats the request, a body that is too large
// is a 413, and a request that was not executed has no data.
type api struct{ exec *executor.Executor }

func (a api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	accepted, ok := negotiate(r.Header.Get("Accept"))
	if !ok {
		http.Error(w, "this endpoint answers "+typeGraphQL+" or "+typeJSON, http.StatusNotAcceptable)
		return
	}
	w.Header().Set("Content-Type", accepted+"; charset=utf-8")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, graph.CodeBadUserInput, "send the operation by POST, as JSON")
		return
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeJSON {
		refuse(w, http.StatusUnsupportedMediaType, graph.CodeBadUserInput, "send the operation as JSON, with Content-Type: application/json")
		return
	}
	params, status, message := read(w, r)
	if params == nil {
		refuse(w, status, codeOf(status), message)
		return
	}
	a.execute(w, r, params, accepted)
}

func (a api) execute(w http.ResponseWriter, r *http.Request, params *graphql.RawParams, accepted string) {
	ctx := graphql.StartOperationTrace(r.Context())
	op, refused := a.exec.CreateOperationContext(ctx, params)
	if refused != nil {
		response := a.exec.DispatchError(graphql.WithOperationContext(ctx, op), bounded(refused))
		write(w, statusOfRefusal(accepted), response, false)
		return
	}
	if op.Operation.Operation == ast.Subscription {
		err := gqlerror.Errorf("a subscription goes over WebSocket (graphql-transport-ws) or with Accept: text/event-stream")
		err.Extensions = map[string]any{"code": graph.CodeBadUserInput, "requestId": requestID(ctx)}
		write(w, http.StatusBadRequest, &graphql.Response{Errors: gqlerror.List{err}}, false)
		return
	}
	responses, ctx := a.exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	executed := len(response.Data) > 0 && !bytes.Equal(response.Data, []byte("null"))
	status := http.StatusOK
	if !executed && len(response.Errors) > 0 {
		status = statusOfFailure(w, response.Errors[0])
	}
	write(w, status, response, true)
}

// read reads the parameters of the operation; otherwise the status to refuse the
// request with.
func read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, int, string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge, "the request is larger than 256 KiB"
	case err != nil:
		return nil, http.StatusBadRequest, "the request ended before it was complete"
	}
	params, why := decode(body, r.Header)
	if why != "" {
		return nil, http.StatusBadRequest, why
	}
	return params, http.StatusOK, ""
}

// decode reads the parameters of an operation, or says what is wrong with them.
func decode(body []byte, header http.Header) (*graphql.RawParams, string) {
	if !utf8.Valid(body) {
		return nil, "the request is not UTF-8"
	}
	params := &graphql.RawParams{ReadTime: graphql.TraceTiming{Start: graphql.Now(), End: graphql.Now()}, Headers: header}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	// The decoder's own error would quote the request, and with it a password.
	if err := decoder.Decode(params); err != nil {
		return nil, "the request is not a JSON object with query, variables, operationName and extensions"
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, "there is something behind the JSON object"
	}
	if params.Query == "" {
		return nil, "the query is missing"
	}
	return params, ""
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

// statusOfRefusal is the status of a document that is not executed: clients that
// ask for plain JSON expect 200 there, for the sake of old proxies.
func statusOfRefusal(accepted string) int {
	if accepted == typeGraphQL {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// statusOfFailure is the status of an operation of which nothing came.
func statusOfFailure(w http.ResponseWriter, err *gqlerror.Error) int {
	switch err.Extensions["code"] {
	case graph.CodeUnauthenticated:
		return http.StatusUnauthorized
	case graph.CodeUnavailable:
		w.Header().Set("Retry-After", fmt.Sprint(err.Extensions["retryAfter"]))
		return http.StatusServiceUnavailable
	case graph.CodeRateLimited:
		w.Header().Set("Retry-After", fmt.Sprint(err.Extensions["retryAfter"]))
		return http.StatusTooManyRequests
	default:
		return http.StatusOK
	}
}

// maxErrors bounds the answer to a document that is wrong in many places.
const maxErrors = 10

func bounded(errs gqlerror.List) gqlerror.List { return errs[:min(len(errs), maxErrors)] }

func codeOf(status int) string {
	if status == http.StatusRequestEntityTooLarge {
		return "BODY_TOO_LARGE"
	}
	return graph.CodeBadUserInput
}

// refuse answers a request that never became an operation.
func refuse(w http.ResponseWriter, status int, code, message string) {
	err := &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code, "requestId": w.Header().Get(requestIDHeader)}}
	write(w, status, &graphql.Response{Errors: gqlerror.List{err}}, false)
}

// write sends an answer; one that was not executed has no data, not even null.
func write(w http.ResponseWriter, status int, response *graphql.Response, executed bool) {
	w.WriteHeader(status)
	if executed && len(response.Errors) == 0 && len(response.Extensions) == 0 {
		// The usual case, without encoding the finished data once more.
		_, _ = io.WriteString(w, `{"data":`)
		_, _ = w.Write(response.Data)
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
