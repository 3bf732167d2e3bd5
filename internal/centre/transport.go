package centre

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"kontor/internal/dial"
)

const (
	// answerTimeout bounds each request. A whole login takes three of them, and must be
	// done before the API gives up on its own request.
	answerTimeout = 4 * time.Second
	// answerSize bounds each answer: discovery, keys, tokens are a few kilobytes.
	answerSize = 256 << 10
)

// fenced is a transport to the configured customer centre and nowhere else: it asks for
// the addresses on its list only, over TLS where the issuer has it, and reads no answer
// that is too large.
type fenced struct {
	base   http.RoundTripper
	scheme string

	mu    sync.RWMutex
	known map[string]bool
}

// newClient is a client that begins with one address. It follows no redirects: what it
// sends are secrets, and they are for that address.
func newClient(issuer *url.URL, first string) (*http.Client, *fenced) {
	base := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial.Outside().DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: answerTimeout, ResponseHeaderTimeout: answerTimeout, MaxResponseHeaderBytes: 32 << 10,
	}
	f := &fenced{base: base, scheme: issuer.Scheme, known: map[string]bool{first: true}}
	return &http.Client{
		Transport: f, Timeout: answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, f
}

// check refuses an address of the discovery document that is less safe than the issuer's,
// and gives it as requests spell it.
func (f *fenced) check(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.User != nil || parsed.Scheme != f.scheme {
		return "", fmt.Errorf("the discovery document names %q, which is no address with %s", address, f.scheme)
	}
	return parsed.String(), nil
}

// allow adds an address that the discovery document names.
func (f *fenced) allow(address string) error {
	spelt, err := f.check(address)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[spelt] = true
	return nil
}

// RoundTrip sends a request to an address on the list.
func (f *fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.RLock()
	known := f.known[r.URL.String()]
	f.mu.RUnlock()
	if !known {
		return nil, errors.New("this is no address of the customer centre")
	}
	response, err := f.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, answerSize)
	return response, nil
}
