package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"

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
			SetCookie: func(token string, expires time.Time) { s.setCookie(w, token, expires) },
			KnownBy:   func() string { return s.knownBy(r) },
			SetKnownBy: func(token string, expires time.Time) {
				http.SetCookie(w, s.cookie(s.cookieName()+deviceSuffix, token, expires))
			},
		})
		ctx = audit.NewContext(ctx, audit.Origin{IPAddress: s.clientIP(r), RequestID: requestID(r.Context())})
		language := lang.Negotiate(r.Header.Get("Accept-Language"), lang.Languages[0])
		token, transport, err := s.token(r)
		if err != nil {
			refuseJSON(w, http.StatusBadRequest, graph.CodeBadUserInput, err.Error())
			return
		}
		if token != "" {
			v, preferred, err := s.who(ctx, token, transport, r.Method == http.MethodGet)
			switch {
			case err == nil:
				ctx = authz.NewContext(ctx, v)
				if r.Header.Get("Accept-Language") == "" {
					language = preferred
				}
			case errors.Is(err, fault.ErrUnauthenticated):
				// Nobody, then: the operation says whether that is enough.
			default:
				if !errors.Is(err, errTooMany) {
					s.log.ErrorContext(ctx, "looking up a session failed", "error", err)
				}
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

// setCookie gives a browser its session. With an empty token it takes it away, and the browser forgets
// what it keeps of the portal (AUTH-09); not its cookies, which other hosts of the domain may have set.
func (s *Server) setCookie(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, s.cookie(s.cookieName(), token, expires))
	if token == "" {
		w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	}
}

// deviceSuffix makes the name of the cookie by which a browser is known where it was logged in from
// before. It outlives logouts, and is no session (AUTH-04).
const deviceSuffix = "-device"

func (s *Server) knownBy(r *http.Request) string {
	if c := r.CookiesNamed(s.cookieName() + deviceSuffix); len(c) == 1 {
		return c[0].Value
	}
	return ""
}

func (s *Server) cookie(name, token string, expires time.Time) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: token, Path: "/", Expires: expires,
		Secure: s.config.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

// who is whose token it is, asked when it is the turn of the request. A quiet request, such as a GET,
// does not count as a use of the session.
func (s *Server) who(ctx context.Context, token string, transport session.Transport, quiet bool) (*authz.Viewer, string, error) {
	leave, err := s.gate.arrive(ctx)
	if err != nil {
		return nil, "", err
	}
	defer leave()
	return s.rooms.Identity.Authenticate(ctx, token, transport, quiet)
}

// sameOrigin refuses what another site makes a browser send. Whoever is not a
// browser sends neither header and no cookie, and passes.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A WebSocket begins with a GET, and what comes after it is no harmless reading.
		reads := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Upgrade") == ""
		if !s.fromHere(r, reads) {
			refuseJSON(w, http.StatusForbidden, "CSRF_REJECTED",
				"requests from pages of other origins are refused, unless KONTOR_ALLOWED_ORIGINS names them; a client that sends the session cookie also sends Origin: "+s.config.BaseURL)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromHere tells whether a request comes from the portal's own pages, or from no page. One that only reads
// says nothing about where it comes from in old browsers, which keep its answer from other sites.
func (s *Server) fromHere(r *http.Request, reads bool) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	ownOrigin := origin == s.config.BaseURL || sameHost(origin, r.Host)
	switch {
	case slices.Contains(s.config.AllowedOrigins, origin):
		return true
	case site == "same-origin" || site == "none":
		return origin == "" || ownOrigin
	case site != "":
		return false
	case origin != "":
		return ownOrigin
	default:
		return reads || len(r.CookiesNamed(s.cookieName())) == 0
	}
}

// otherOrigins lets the pages of the portals that are named ask from a browser, and nobody
// else (GQL-18).
func (s *Server) otherOrigins(next http.Handler) http.Handler {
	if len(s.config.AllowedOrigins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowOriginFunc:  func(origin string) bool { return slices.Contains(s.config.AllowedOrigins, origin) },
		AllowedMethods:   []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:   []string{"Accept", "Accept-Language", "Authorization", "Content-Type", "If-None-Match"},
		ExposedHeaders:   []string{"ETag", "Retry-After", requestIDHeader},
		AllowCredentials: true,
		MaxAge:           600,
	}).Handler(next)
}

func sameHost(origin, host string) bool {
	parsed, err := url.Parse(origin)
	return err == nil && parsed.Host != "" && parsed.Host == host
}

func refuseJSON(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", typeGraphQL+"; charset=utf-8")
	refuse(w, status, code, message)
}
