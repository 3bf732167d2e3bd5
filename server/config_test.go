package server

import (
	"strings"
	"testing"
)

func valid() Config {
	return Config{
		Addr: "127.0.0.1:8080", BaseURL: "https://portal.example.com", DatabaseURL: "postgres://localhost/kontor", RedisURL: "redis://localhost",
		SMTPURL: "smtp://localhost", BlobURL: "file://./blobs", Production: true, Secrets: []string{"0123456789abcdef0123456789abcdef"},
	}
}

// Case: PRIV-10
func TestSettingsAreCheckedAllAtOnce(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Fatalf("good settings: %v", err)
	}
	for _, addr := range []string{"", "127.0.0.1:6060", "localhost:6060", "[::1]:6060", "10.1.2.3:6060"} {
		config := valid()
		config.DebugAddr = addr
		if err := config.Validate(); err != nil {
			t.Errorf("profiles at %q: %v", addr, err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  []string
	}{
		"address":             {func(c *Config) { c.Addr = "8080" }, []string{"KONTOR_ADDR"}},
		"base URL":            {func(c *Config) { c.BaseURL = "portal" }, []string{"KONTOR_BASE_URL"}},
		"base URL with path":  {func(c *Config) { c.BaseURL = "https://x.example/portal" }, []string{"KONTOR_BASE_URL"}},
		"database":            {func(c *Config) { c.DatabaseURL = "mysql://x" }, []string{"KONTOR_DATABASE_URL"}},
		"Redis":               {func(c *Config) { c.RedisURL = "memcached://x" }, []string{"KONTOR_REDIS_URL"}},
		"no mail server":      {func(c *Config) { c.SMTPURL = "" }, []string{"KONTOR_SMTP_URL"}},
		"demo in production":  {func(c *Config) { c.Demo = true }, []string{"refuses KONTOR_DEMO"}},
		"no secret":           {func(c *Config) { c.Secrets = nil }, []string{"KONTOR_SECRET"}},
		"short secret":        {func(c *Config) { c.Secrets = append(c.Secrets, "short") }, []string{"number 2"}},
		"guessable secret":    {func(c *Config) { c.Secrets = []string{strings.Repeat("changeme", 4)} }, []string{"too few different characters"}},
		"IDE":                 {func(c *Config) { c.IDE = true }, []string{"KONTOR_IDE"}},
		"debug log":           {func(c *Config) { c.Debug = true }, []string{"KONTOR_LOG_LEVEL"}},
		"profiles for all":    {func(c *Config) { c.DebugAddr, c.Profiles = ":6060", true }, []string{"KONTOR_PPROF"}},
		"public figures":      {func(c *Config) { c.DebugAddr = "203.0.113.7:6060" }, []string{"KONTOR_DEBUG_ADDR"}},
		"plain http":          {func(c *Config) { c.BaseURL = "http://portal.example.com" }, []string{"https"}},
		"Redis in production": {func(c *Config) { c.RedisURL = "" }, []string{"KONTOR_REDIS_URL"}},
		"half a centre":       {func(c *Config) { c.Centre = CentreConfig{Issuer: "https://login.example.com", ClientID: "kontor"} }, []string{"KONTOR_CENTRE_CLIENT_SECRET"}},
		"centre":              {func(c *Config) { c.Centre = CentreConfig{"login.example.com", "kontor", "secret"} }, []string{"KONTOR_CENTRE_ISSUER"}},
		"centre with a query": {func(c *Config) { c.Centre = CentreConfig{"https://login.example.com?x=1", "kontor", "secret"} }, []string{"KONTOR_CENTRE_ISSUER"}},
		"centre without TLS":  {func(c *Config) { c.Centre = CentreConfig{"http://login.example.com", "kontor", "secret"} }, []string{"https"}},
		"all that is comfortable": {func(c *Config) {
			c.Demo, c.IDE, c.Debug, c.DebugAddr, c.BaseURL, c.Secrets = true, true, true, "203.0.113.7:6060", "http://portal.example.com", []string{strings.Repeat("x", 32)}
		}, []string{"KONTOR_DEMO", "KONTOR_IDE", "KONTOR_LOG_LEVEL", "KONTOR_DEBUG_ADDR", "https", "too few different characters"}},
		"everything": {func(c *Config) { *c = Config{Production: true} }, []string{"KONTOR_ADDR", "KONTOR_BASE_URL", "KONTOR_DATABASE_URL", "KONTOR_SMTP_URL", "KONTOR_BLOB_URL", "KONTOR_SECRET", "KONTOR_REDIS_URL"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := valid()
			c.spoil(&config)
			err := config.Validate()
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not told: %v", want, err)
				}
			}
		})
	}
}

// A secret in a setting is never told in an error.
//
// Case: PRIV-01
func TestErrorsDoNotTellPasswords(t *testing.T) {
	config := valid()
	config.DatabaseURL, config.RedisURL, config.SMTPURL = "mysql://u:canary@h/x", "http://u:canary@h", "http://u:canary@h"
	config.Secrets = []string{"canary"}
	config.Centre = CentreConfig{Issuer: "http://u:canary@h", ClientID: "kontor", ClientSecret: "canary"}
	if err := config.Validate(); err == nil || strings.Contains(err.Error(), "canary") {
		t.Fatalf("%v", err)
	}
}
