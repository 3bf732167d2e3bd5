// Package server is the process: everything that knows HTTP, wiring or settings.
package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kontor/internal/budget"
	"kontor/internal/provision"
)

// Config are the settings of the process; `kontor serve --help` explains each.
type Config struct {
	Addr        string // address to listen on
	BaseURL     string // public URL, the only source of links
	DatabaseURL string // sqlite://PATH or postgres://…
	RedisURL    string // empty: Redis in process
	SMTPURL     string // empty only with Demo
	BlobURL     string // where documents are kept
	Demo        bool   // demo data, demo logins, mails page
	Production  bool   // KONTOR_ENV=production
	Secrets     []string
	DebugAddr   string // metrics and profiles; empty: off
	Debug       bool   // whether the log has what is for development only
	Profiles    bool   // profiles at DebugAddr, beside metrics
	// ShutdownTimeout is how long requests have to finish; 0: 25 seconds.
	ShutdownTimeout time.Duration
	// TrustedProxies are networks whose X-Forwarded-For is believed. Behind a proxy that is
	// not named, all clients are one source of failed logins.
	TrustedProxies []string
	// AllowedOrigins are the portals on other hosts that may ask from a browser, each exactly as
	// browsers send it.
	AllowedOrigins []string
	// Operations is the file with the operations that clients were built with, and with
	// OperationsOnly only those are answered.
	Operations     string
	OperationsOnly bool
	// Introspection lets clients ask for the schema, and IDE shows GraphiQL on the start page.
	Introspection, IDE bool
	// Budget is what each user and each company may ask for.
	Budget budget.Rates
	// Centre is the operator's customer centre; without an issuer there is none.
	Centre CentreConfig
	// Provisioning is who carries out what is processed automatically; without an address
	// nothing has to be done outside of Kontor.
	Provisioning ProvisioningConfig
}

// ProvisioningConfig is where orders are carried out, and the key that calls are signed
// with (OR-07).
type ProvisioningConfig struct{ URL, Secret string }

func (c ProvisioningConfig) validate(production bool) []error {
	if c == (ProvisioningConfig{}) {
		return nil
	}
	if c.URL == "" || c.Secret == "" {
		return []error{errors.New("KONTOR_PROVISIONING_URL and KONTOR_PROVISIONING_SECRET belong together: set both or none")}
	}
	if err := provision.CheckWebhook(c.URL, c.Secret, production); err != nil {
		return []error{err}
	}
	return nil
}

// CentreConfig is how Kontor is known to the operator's customer centre, an OpenID
// Connect provider (AC-12).
type CentreConfig struct{ Issuer, ClientID, ClientSecret string }

// validate tells what is wrong with the settings of the customer centre.
func (c CentreConfig) validate(production bool) []error {
	if c == (CentreConfig{}) {
		return nil
	}
	if c.Issuer == "" || c.ClientID == "" || c.ClientSecret == "" {
		return []error{errors.New("KONTOR_CENTRE_ISSUER, KONTOR_CENTRE_CLIENT_ID and KONTOR_CENTRE_CLIENT_SECRET belong together: set all three or none")}
	}
	issuer, err := url.Parse(c.Issuer)
	switch {
	case err != nil || issuer.Host == "" || (issuer.Scheme != "http" && issuer.Scheme != "https") || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "":
		return []error{errors.New("KONTOR_CENTRE_ISSUER is no issuer: write it exactly as the provider does, like https://login.example.com")}
	case production && issuer.Scheme != "https":
		return []error{errors.New("KONTOR_ENV=production needs a KONTOR_CENTRE_ISSUER with https: passwords would travel in the open")}
	}
	return nil
}

// Validate tells everything that is wrong with the settings, at once.
func (c Config) Validate() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		complain("KONTOR_ADDR %q is no address to listen on: write it like 127.0.0.1:8080", c.Addr)
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") || strings.Trim(base.Path, "/") != "" {
		complain("KONTOR_BASE_URL %q is no public URL: write it like https://portal.example.com, without a path", c.BaseURL)
	}
	if !strings.HasPrefix(c.DatabaseURL, "sqlite://") && !isPostgres(c.DatabaseURL) {
		complain("KONTOR_DATABASE_URL must begin with sqlite:// or postgres://")
	}
	if c.RedisURL != "" && !strings.HasPrefix(c.RedisURL, "redis://") && !strings.HasPrefix(c.RedisURL, "rediss://") {
		complain("KONTOR_REDIS_URL must begin with redis:// or rediss://, or be empty for a Redis in process")
	}
	if c.SMTPURL == "" && !c.Demo {
		complain("KONTOR_SMTP_URL is empty: that is for KONTOR_DEMO=true only, where mails are shown on a page")
	}
	if c.SMTPURL != "" && !strings.HasPrefix(c.SMTPURL, "smtp://") && !strings.HasPrefix(c.SMTPURL, "smtps://") {
		complain("KONTOR_SMTP_URL must begin with smtp:// or smtps://")
	}
	if !strings.HasPrefix(c.BlobURL, "file://") && !strings.HasPrefix(c.BlobURL, "s3://") {
		complain("KONTOR_BLOB_URL must begin with file:// or s3://")
	}
	for _, network := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(network); err != nil {
			complain("KONTOR_TRUSTED_PROXIES %q is no network: write it like 10.0.0.0/8, one address like 10.0.0.1/32", network)
		}
	}
	for _, origin := range c.AllowedOrigins {
		parsed, err := url.Parse(origin)
		if err != nil || parsed.Host == "" || origin != parsed.Scheme+"://"+parsed.Host || (parsed.Scheme != "https" && parsed.Scheme != "http") {
			complain("KONTOR_ALLOWED_ORIGINS %q is no origin: write it exactly as browsers do, like https://portal.example.com", origin)
		}
	}
	if c.OperationsOnly && c.Operations == "" {
		complain("KONTOR_OPERATIONS_ONLY needs KONTOR_OPERATIONS, the file with the operations: kontor operations build writes it")
	}
	if c.Budget.User < 0 || c.Budget.Tenant < 0 {
		complain("KONTOR_USER_BUDGET and KONTOR_TENANT_BUDGET are points each second, 0 for no bound")
	}
	if c.Profiles && c.DebugAddr == "" {
		complain("KONTOR_PPROF needs KONTOR_DEBUG_ADDR, the address at which profiles are shown")
	}
	if c.ShutdownTimeout < 0 {
		complain("KONTOR_SHUTDOWN_TIMEOUT is how long requests have to finish: write it like 25s")
	}
	for i, secret := range c.Secrets {
		if len(secret) < 32 {
			complain("KONTOR_SECRET number %d is too short: take 32 characters or more, for example from `openssl rand -hex 32`", i+1)
		}
	}
	wrong = append(wrong, c.Centre.validate(c.Production)...)
	wrong = append(wrong, c.Provisioning.validate(c.Production)...)
	if c.Production {
		wrong = append(wrong, c.production(base)...)
	}
	return errors.Join(wrong...)
}

// production refuses what is comfortable on a laptop and dangerous elsewhere.
func (c Config) production(base *url.URL) []error {
	var wrong []error
	if c.Demo {
		wrong = append(wrong, errors.New("KONTOR_ENV=production refuses KONTOR_DEMO: the demo passwords are public"))
	}
	if c.IDE {
		wrong = append(wrong, errors.New("KONTOR_ENV=production refuses KONTOR_IDE: GraphiQL is for development"))
	}
	if len(c.Secrets) == 0 {
		wrong = append(wrong, errors.New("KONTOR_ENV=production needs KONTOR_SECRET: 32 characters or more, the same on every replica"))
	}
	if base != nil && base.Scheme != "https" {
		wrong = append(wrong, errors.New("KONTOR_ENV=production needs a KONTOR_BASE_URL with https: cookies would travel in the open"))
	}
	for i, secret := range c.Secrets {
		if guessable(secret) {
			wrong = append(wrong, fmt.Errorf("KONTOR_ENV=production refuses KONTOR_SECRET number %d: it has too few different characters; take one from `openssl rand -hex 32`", i+1))
		}
	}
	if c.Debug {
		wrong = append(wrong, errors.New("KONTOR_ENV=production refuses KONTOR_LOG_LEVEL=debug: it is for development"))
	}
	if public(c.DebugAddr) {
		wrong = append(wrong, errors.New("KONTOR_ENV=production refuses a KONTOR_DEBUG_ADDR on a public address: figures are for the monitoring, on a loopback or private address"))
	}
	if host, _, _ := net.SplitHostPort(c.DebugAddr); c.Profiles && !isLoopback(host) {
		wrong = append(wrong, errors.New("KONTOR_ENV=production refuses KONTOR_PPROF unless KONTOR_DEBUG_ADDR is a loopback address: profiles show what is in memory"))
	}
	if c.RedisURL == "" {
		wrong = append(wrong, errors.New("KONTOR_ENV=production needs KONTOR_REDIS_URL: sessions in process end with it and are unknown to other replicas"))
	}
	return wrong
}

// guessable tells whether somebody typed a secret to get it over with.
func guessable(secret string) bool {
	different := map[rune]bool{}
	for _, r := range secret {
		different[r] = true
	}
	return len(different) < 10
}

// public tells whether an address to listen on is one of the public's. All addresses, as a pod listens on,
// is not told apart: there the network says who reaches it.
func public(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false // there is none, or listening on it fails
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate()
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// secure tells whether browsers reach the server by https.
func (c Config) secure() bool { return strings.HasPrefix(c.BaseURL, "https://") }

// secrets are the keys for signed links, the newest first. In development one is
// made at the first start and kept beside the data.
func (c Config) secrets() ([]string, error) { return Secrets(c.Secrets) }

// Secrets are the keys of a deployment for a command: those that are set, or what a server
// in development made beside its data.
func Secrets(set []string) ([]string, error) {
	if len(set) > 0 {
		return set, nil
	}
	path := filepath.Join("data", "secret")
	if kept, err := os.ReadFile(path); err == nil {
		return []string{strings.TrimSpace(string(kept))}, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the secret: %w", err)
	}
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("making a secret: %w", err)
	}
	text := hex.EncodeToString(fresh)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for the secret: %w", err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("keeping the secret: %w", err)
	}
	return []string{text}, nil
}

// Times of the HTTP server. A request that takes longer is not worth waiting for.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	requestTimeout    = 15 * time.Second
	drainTimeout      = 25 * time.Second
	maxHeaderBytes    = 16 << 10
	maxBodyBytes      = 256 << 10
)
