package provision

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kontor/internal/account"
	"kontor/internal/day"
	"kontor/internal/dial"
)

const (
	// Timeout bounds a call, from the first byte to the last.
	Timeout = 10 * time.Second
	// answerSize bounds an answer.
	answerSize = 64 << 10
	// maxNumbers is how many numbers an answer may give to a contract.
	maxNumbers = 1000
	// earliest is the first day that a contract can have; what is before is a mistake.
	earliest day.Day = "1900-01-01"
	// longestPause bounds what a Retry-After is believed.
	longestPause = time.Hour
)

// Webhook calls an address by HTTP, signed as Standard Webhooks are
// (https://www.standardwebhooks.com): the receiver knows that Kontor asks, and recognises by
// webhook-id what it was asked before.
type Webhook struct {
	url    string
	signer *standardwebhooks.Webhook
	client *http.Client
	now    func() time.Time
}

// NewWebhook calls an address; the secret is base64, with or without whsec_ before it.
func NewWebhook(address, secret string, now func() time.Time) (*Webhook, error) {
	if err := CheckWebhook(address, secret, false); err != nil {
		return nil, err
	}
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("reading the secret of the provisioning webhook: %w", err)
	}
	return &Webhook{url: address, signer: signer, now: now, client: &http.Client{
		Timeout: Timeout,
		// What is sent is for that address and no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial.Outside().DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: Timeout, MaxResponseHeaderBytes: 16 << 10,
		},
	}}, nil
}

// CheckWebhook tells what is wrong with the settings of a webhook; outside of a laptop it
// must be https.
func CheckWebhook(address, secret string, production bool) error {
	parsed, err := url.Parse(address)
	switch {
	case err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.User != nil || parsed.Fragment != "":
		return errors.New("KONTOR_PROVISIONING_URL is no address: write it like https://provisioning.example.com/orders")
	case production && parsed.Scheme != "https":
		return errors.New("KONTOR_ENV=production needs a KONTOR_PROVISIONING_URL with https: orders would travel in the open")
	}
	_, err = standardwebhooks.NewWebhook(secret)
	if key := strings.TrimPrefix(secret, "whsec_"); err != nil || len(key) < 32 {
		return errors.New("KONTOR_PROVISIONING_SECRET is no key of 24 bytes or more in base64: take one from `openssl rand -base64 32`")
	}
	return nil
}

// message is the body of a call.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Order     `json:"data"`
}

// Provision posts the order. 2xx is done, with what came of it as JSON or nothing; 400, 409
// and 422 are refused, with {"reason": "…"} if there is something to say; everything else is tried
// again: a wrong key or address is put right, and no order ends because of it.
func (w *Webhook) Provision(ctx context.Context, o Order) (account.Provisioned, error) {
	response, err := w.post(ctx, o)
	if err != nil {
		// Its text has the whole address, and with it perhaps a secret.
		if asked := (*url.Error)(nil); errors.As(err, &asked) {
			err = asked.Err
		}
		return account.Provisioned{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerSize+1))
	if err != nil {
		return account.Provisioned{}, fmt.Errorf("%w: its answer broke off: %w", ErrUnreachable, err)
	}
	switch status := response.StatusCode; {
	case status == http.StatusOK || status == http.StatusCreated || status == http.StatusNoContent:
		return read(body)
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, status == http.StatusAccepted:
		return account.Provisioned{}, later(response, w.now())
	case status == http.StatusBadRequest || status == http.StatusConflict || status == http.StatusUnprocessableEntity:
		return account.Provisioned{}, &Refused{Reason: reason(status, body)}
	default:
		return account.Provisioned{}, fmt.Errorf("%w: status %d", ErrFailing, status)
	}
}

func (w *Webhook) post(ctx context.Context, o Order) (*http.Response, error) {
	now := w.now().UTC()
	body, err := json.Marshal(message{Type: "order.provision", Timestamp: now, Data: o})
	if err != nil {
		return nil, fmt.Errorf("writing the order: %w", err)
	}
	signature, err := w.signer.Sign(o.ID, now, body)
	if err != nil {
		return nil, fmt.Errorf("signing the order: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "kontor")
	request.Header.Set(standardwebhooks.HeaderWebhookID, o.ID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return w.client.Do(request)
}

// later is the pause that the answer asks for, in seconds or until a time.
func later(response *http.Response, now time.Time) error {
	failure := fmt.Errorf("%w: status %d", ErrFailing, response.StatusCode)
	after := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil && seconds > 0 {
		return &Later{After: min(time.Duration(min(seconds, 86400))*time.Second, longestPause), Err: failure}
	}
	if until, err := http.ParseTime(after); err == nil && until.After(now) {
		return &Later{After: min(until.Sub(now), longestPause), Err: failure}
	}
	return failure
}

// read is what an answer says; what could not be kept or shown is no answer.
func read(body []byte) (account.Provisioned, error) {
	var p account.Provisioned
	if len(bytes.TrimSpace(body)) == 0 {
		return p, nil
	}
	if len(body) > answerSize {
		return p, fmt.Errorf("%w: more than %d bytes", ErrNonsense, answerSize)
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return account.Provisioned{}, fmt.Errorf("%w: %w", ErrNonsense, err)
	}
	if err := check(p); err != nil {
		return account.Provisioned{}, fmt.Errorf("%w: %w", ErrNonsense, err)
	}
	return p, nil
}

func check(p account.Provisioned) error {
	lines := append([]string{p.ContractNumber, p.AccessNumber, p.CustomerNumber}, p.Numbers...)
	if len(p.Numbers) > maxNumbers {
		return fmt.Errorf("more than %d numbers", maxNumbers)
	}
	for _, line := range lines {
		if len(line) > 60 || strings.ContainsFunc(line, unicode.IsControl) || line != strings.TrimSpace(line) {
			return errors.New("a number is longer than 60 bytes, or has characters that no number has")
		}
	}
	for _, number := range p.Numbers {
		if number == "" {
			return errors.New("one of the numbers is empty")
		}
	}
	if len(p.Note) > 1000 || strings.ContainsFunc(p.Note, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		return errors.New("the note is longer than 1000 bytes, or has control characters")
	}
	for _, d := range []*day.Day{p.ValidFrom, p.ValidTo} {
		if d == nil {
			continue
		}
		if _, err := day.Parse(string(*d)); err != nil {
			return err
		}
		if *d < earliest {
			return fmt.Errorf("%s is before all contracts", *d)
		}
	}
	if p.ValidFrom != nil && p.ValidTo != nil && *p.ValidTo < *p.ValidFrom {
		return errors.New("it ends before it begins")
	}
	return nil
}

// reason is what a refusal says, as one line that people can read.
func reason(status int, body []byte) string {
	var said struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(body, &said) != nil || strings.TrimSpace(said.Reason) == "" {
		return fmt.Sprintf("status %d", status)
	}
	line := strings.Join(strings.FieldsFunc(said.Reason, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }), " ")
	if runes := []rune(line); len(runes) > 500 {
		line = string(runes[:500]) + "…"
	}
	return line
}
