package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"kontor/authz"
	"kontor/ent"
	"kontor/internal/fault"
	"kontor/internal/identity"
	"kontor/internal/lang"
)

// Codes that the server needs, too: it gives a status for them.
const (
	CodeUnauthenticated = "UNAUTHENTICATED"
	CodeUnavailable     = "UNAVAILABLE"
	CodeRateLimited     = "RATE_LIMITED"
	CodeTimeout         = "TIMEOUT"
	CodeInternal        = "INTERNAL"
	CodeBadUserInput    = "BAD_USER_INPUT"
)

// refusals are the errors that a client is told by their code, with the text of the
// code or, where one code has several, another one.
var refusals = []struct {
	err        error
	code, text string
}{
	{err: fault.ErrUnauthenticated, code: CodeUnauthenticated},
	{err: fault.ErrForbidden, code: codeForbidden},
	{err: errActing, code: codeForbidden, text: "FORBIDDEN_WHILE_ACTING"},
	{err: fault.ErrNotFound, code: "NOT_FOUND"},
	{err: steps[authz.ChangePassword].err, code: "PASSWORD_CHANGE_REQUIRED"},
	{err: steps[authz.CompleteContactData].err, code: "CONTACT_DATA_REQUIRED"},
	{err: steps[authz.EnrolOTP].err, code: "OTP_ENROLMENT_REQUIRED"},
	{err: steps[authz.StopActing].err, code: codeForbidden, text: "STOP_ACTING_REQUIRED"},
	{err: fault.ErrUnavailable, code: CodeUnavailable},
	{err: context.DeadlineExceeded, code: CodeUnavailable},
	{err: identity.ErrBusy, code: CodeRateLimited},
}

const codeForbidden = "FORBIDDEN"

// presenter makes of an error what a client sees. What it does not know becomes
// INTERNAL with the request's ID, and the whole of it goes to the log and nowhere
// else.
func presenter(requestID func(context.Context) string, log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		id, language := requestID(ctx), lang.FromContext(ctx)
		shown := &gqlerror.Error{Path: graphql.GetPath(ctx)}
		tell := func(code, message string) *gqlerror.Error {
			shown.Message = message
			shown.Extensions = map[string]any{"code": code, "requestId": id}
			if code == CodeRateLimited || code == CodeUnavailable {
				shown.Extensions["retryAfter"] = 1
			}
			return shown
		}
		var located *gqlerror.Error
		if errors.As(err, &located) {
			if located.Path != nil {
				shown.Path = located.Path
			}
			shown.Locations = located.Locations
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
			return tell(CodeTimeout, lang.Text(language, CodeTimeout, nil))
		}
		for _, known := range refusals {
			if errors.Is(err, known.err) {
				if known.code == codeForbidden || known.err == fault.ErrNotFound {
					noteRefused(ctx, known.code == codeForbidden)
				}
				return tell(known.code, lang.Text(language, cmp.Or(known.text, known.code), nil))
			}
		}
		var invalid fault.Invalid
		var limited *fault.RateLimited
		switch {
		case errors.As(err, &limited):
			tell(CodeRateLimited, lang.Text(language, CodeRateLimited, nil))
			shown.Extensions["retryAfter"] = max(1, int(math.Ceil(limited.RetryAfter.Seconds())))
			return shown
		case errors.As(err, &invalid):
			return tell(CodeBadUserInput, string(invalid))
		case ent.IsNotFound(err):
			noteRefused(ctx, false)
			return tell("NOT_FOUND", lang.Text(language, "NOT_FOUND", nil))
		case errors.Is(err, context.Canceled):
			return tell(CodeUnavailable, lang.Text(language, CodeUnavailable, nil))
		case located != nil && located.Err == nil && isProtocol(located):
			// Two of gqlparser's rules can be told not to suggest names; the others are not asked.
			message, _, _ := strings.Cut(located.Message, " Did you mean")
			return tell(protocolCode(located), message)
		}
		log.ErrorContext(ctx, "request failed", "requestId", id, "path", shown.Path.String(), "error", err)
		return tell(CodeInternal, lang.Text(language, CodeInternal, map[string]any{"requestId": id}))
	}
}

// isProtocol tells errors about the request itself, which gqlgen found before or
// while reading it; their text is about the client's own document.
func isProtocol(err *gqlerror.Error) bool { return err.Rule != "" || err.Extensions["code"] != nil }

func protocolCode(err *gqlerror.Error) string {
	switch code := err.Extensions["code"]; code {
	case nil, errcode.ValidationFailed, errcode.ParseFailed:
		return errcode.ValidationFailed
	default:
		return fmt.Sprint(code)
	}
}

// recoverer keeps the process alive when a resolver panics; the stack goes to the
// log only.
func recoverer(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, panicked any) error {
		log.ErrorContext(ctx, "a resolver panicked", "panic", fault.Panicked(panicked), "stack", string(debug.Stack()))
		return errors.New("a resolver panicked")
	}
}
