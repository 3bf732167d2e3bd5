package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"kontor/authz"
	"kontor/graph"
	"kontor/internal/lang"
)

// maxExports is how many lists a company takes out at a time, over all replicas (CONC-13): each reads the database for as long as
// its client takes to read it.
const maxExports = 2

// exports are the lists that are as long as a company is large.
var exports = []string{"orders", "contracts", "bookings", "audit"}

// enterExport takes a place among the company's exports where the link is to one, or tells the client that it is too many.
func (s *Server) enterExport(ctx context.Context, w http.ResponseWriter, v *authz.Viewer, l link) (leave func(), entered bool) {
	if !slices.Contains(exports, l.List) {
		return func() {}, true
	}
	leave, entered, err := s.exporting.Enter(ctx, v.Tenant)
	if entered {
		return leave, true
	}
	status, code := http.StatusTooManyRequests, graph.CodeRateLimited
	if err != nil {
		s.log.ErrorContext(ctx, "a download has no place", "requestId", requestID(ctx), "error", err)
		status, code = http.StatusServiceUnavailable, graph.CodeUnavailable
	}
	w.Header().Set("Retry-After", "10")
	http.Error(w, fmt.Sprintf("%s: %s", code, lang.Text(l.Language, code, nil)), status)
	return nil, false
}
