package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kontor/authz"
	"kontor/graph"
	"kontor/internal/audit"
	"kontor/internal/fault"
	"kontor/internal/identity"
	"kontor/internal/lang"
	"kontor/internal/session"
)

// cookieName is the session cookie's name. The prefix binds it to this host and
// to https; on plain http, for development, browsers would refuse it.
func (s *Server) cookieName() string {
	if s.config.secure() {
		return "__Host-kontor"
	}
	return "kontor"
}

// authenticate puts the viewer, the language and the client into the context. A
// request without a session goes on as nobody's; one whose session cannot be
// looked up does not, for that is not the same.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := identity.NewContext(r.Context(), identity.Client{
			IPAddress: s.clientIP(r), Device: r.UserAgent(),
			SetCookie: func(token string, expires time.Time) { http.SetCookie(w, s.cookie(token, expires)) },
		})
		ctx = audit.NewContext(ctx, audit.Origin{IPAddress: s.clientIP(r), RequestID: requestID(r.Context())})
		language := lang.Negotiate(r.Header.Get("Accept-Language"), lang.Languages[0])
		token, transport, err := s.token(r)
		if err != nil {
			refuseJSON(w, http.StatusBadRequest, graph.CodeBadUserInput, err.Error())
			return
		}
		if token != "" {
			v, preferred, err := s.rooms.Identity.Authenticate(ctx, token, transport)
			switch {
			case err == nil:
				ctx = authz.NewContext(ctx, v)
				if r.Header.Get("Accept-Language") == "" {
					language = preferred
				}
			case errors.Is(err, fault.ErrUnauthenticated):
				// Nobody, then: the operation says whether that is enough.
			default:
				s.log.ErrorContext(ctx, "looking up a session failed", "error", err)
				w.Header().Set("Retry-After", "1")
				refuseJSON(w, http.StatusServiceUnavailable, graph.CodeUnavailable, lang.Text(language, graph.CodeUnavailable, nil))
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(lang.NewContext(ctx, language)))
	})
}

// token is the session token of the request and the way it came. Two at once are
// refused: it would not be clear whose request it is.
func (s *Server) token(r *http.Request) (string, session.Transport, error) {
	cookies := r.CookiesNamed(s.cookieName())
	header := r.Header.Get("Authorization")
	switch {
	case len(cookies) > 1:
		return "", "", errors.New("the request has several session cookies")
	case header != "" && len(cookies) == 1:
		return "", "", errors.New("the request has a session cookie and an Authorization header: send one of them")
	case header != "":
		token, found := strings.CutPrefix(header, "Bearer ")
		if !found {
			return "", "", errors.New("the Authorization header is not of the form: Bearer TOKEN")
		}
		return strings.TrimSpace(token), session.Bearer, nil
	case len(cookies) == 1:
		return cookies[0].Value, session.Cookie, nil
	default:
		return "", "", nil
	}
}

func (s *Server) cookie(token string, expires time.Time) *http.Cookie {
	c := &http.Cookie{
		Name: s.cookieName(), Value: token, Path: "/", Expires: expires,
		Secure: s.config.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// sameOrigin refuses what another site makes a browser send. Whoever is not a
// browser sends neither header and no cookie, and passes.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A WebSocket begins with a GET, and what comes after it is no harmless reading.
		reads := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Upgrade") == ""
		if !reads && !s.fromHere(r) {
			refuseJSON(w, http.StatusForbidden, "CSRF_REJECTED",
				"requests from other sites are refused; a client that sends the session cookie also sends Origin: "+s.config.BaseURL)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) fromHere(r *http.Request) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	ownOrigin := origin == s.config.BaseURL || sameHost(origin, r.Host)
	switch {
	case site == "same-origin" || site == "none":
		return origin == "" || ownOrigin
	case site != "":
		return false
	case origin != "":
		return ownOrigin
	default:
		return len(r.CookiesNamed(s.cookieName())) == 0
	}
}

func sameHost(origin, host string) bool {
	parsed, err := url.Parse(origin)
	return err == nil && parsed.Host != "" && parsed.Host == host
}

func refuseJSON(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", typeGraphQL+"; charset=utf-8")
	refuse(w, status, code, message)
}
