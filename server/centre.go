package server

import (
	"encoding/json"
	"net/http"

	"github.com/99designs/gqlgen/graphql"

	"kontor/internal/lang"
)

const (
	// centreCallback is where the customer centre sends the browser back to.
	centreCallback = "/customer-centre/callback"
	// centreLinked is where the browser goes on from there: an address without secrets,
	// that may stay in its history.
	centreLinked = "/customer-centre/linked"
)

// finishCentre is what the callback does: the API's own operation, so that nobody gets
// further here than through its door.
const finishCentre = `mutation ($input: FinishCustomerCentreLoginInput!) {
	finishCustomerCentreLogin(input: $input) { errors { message } } }`

// finishCentreLogin answers a browser that comes back from the customer centre (AC-12).
// Its session cookie is SameSite=Lax and so is sent along; another site can send a
// browser here, too, but has no state that its session began.
func (s *Server) finishCentreLogin(w http.ResponseWriter, r *http.Request) {
	language, q := lang.FromContext(r.Context()), r.URL.Query()
	if r.Method != http.MethodGet { // HEAD: who looks what a link is must not use it
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if q.Has("error") {
		s.page.Notice(w, language, "centre_failed", lang.Text(language, "CUSTOMER_CENTRE_CANCELLED", nil), http.StatusOK)
		return
	}
	input := map[string]any{"code": q.Get("code"), "state": q.Get("state")}
	if q.Has("iss") {
		input["iss"] = q.Get("iss")
	}
	message, status := s.finishCentre(w, r, input)
	if message != "" {
		s.page.Notice(w, language, "centre_failed", message, status)
		return
	}
	http.Redirect(w, r, centreLinked, http.StatusSeeOther)
}

// finishCentre runs the operation for the viewer of the request. It gives what went
// wrong as a text and a status, or nothing.
func (s *Server) finishCentre(w http.ResponseWriter, r *http.Request, input map[string]any) (string, int) {
	ctx := graphql.StartOperationTrace(r.Context())
	op, refused := s.executor.CreateOperationContext(ctx, &graphql.RawParams{Query: finishCentre, Variables: map[string]any{"input": input}})
	if refused != nil {
		return refused[0].Message, http.StatusBadRequest
	}
	responses, ctx := s.executor.DispatchOperation(ctx, op)
	response := responses(ctx)
	if len(response.Errors) > 0 {
		status := statusOfFailure(w, response.Errors[0])
		if status == http.StatusOK {
			status = http.StatusForbidden
		}
		return response.Errors[0].Message, status
	}
	var data struct {
		Done struct{ Errors []struct{ Message string } } `json:"finishCustomerCentreLogin"`
	}
	if err := json.Unmarshal(response.Data, &data); err != nil {
		s.log.ErrorContext(ctx, "the answer to a finished login cannot be read", "requestId", requestID(ctx), "error", err)
		return http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError
	}
	if len(data.Done.Errors) > 0 {
		return data.Done.Errors[0].Message, http.StatusBadRequest
	}
	return "", http.StatusOK
}

// centreDone says that an account is linked.
func (s *Server) centreDone(w http.ResponseWriter, r *http.Request) {
	language := lang.Negotiate(r.Header.Get("Accept-Language"), lang.Languages[0])
	s.page.Notice(w, language, "centre_linked", "", http.StatusOK)
}
