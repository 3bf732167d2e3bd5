package servertest

import (
	"strings"
	"testing"
	"time"
)

// Environment are the settings of k for a process of its own, which shares database, Redis and
// documents with it. The test's clock is set to the time that it is: a process has no other.
func (k *Kontor) Environment(t testing.TB) []string {
	t.Helper()
	k.Clock.Advance(time.Since(k.Clock.Now()))
	return []string{
		"KONTOR_ADDR=127.0.0.1:0", "KONTOR_DEBUG_ADDR=127.0.0.1:0", "KONTOR_DEMO=true", "KONTOR_BASE_URL=" + k.config.BaseURL,
		"KONTOR_DATABASE_URL=" + k.config.DatabaseURL, "KONTOR_REDIS_URL=" + k.config.RedisURL, "KONTOR_BLOB_URL=" + k.config.BlobURL,
		"KONTOR_SECRET=" + strings.Join(k.config.Secrets, ","),
		"KONTOR_PROVISIONING_URL=" + k.config.Provisioning.URL, "KONTOR_PROVISIONING_SECRET=" + k.config.Provisioning.Secret,
	}
}

// At is the same client at another address.
func (c *Client) At(url string) *Client {
	other := *c
	other.URL = url
	return &other
}
