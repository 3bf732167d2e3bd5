package dial_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/internal/blobs"
	"kontor/internal/db"
	"kontor/internal/dial"
	"kontor/internal/session"
)

// Whoever is connected to by a setting is looked at, by whichever library: mails have a test of their own.
//
// Case: IO-09
func TestSettingsLeadToNoMetadata(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	for url, connect := range map[string]func(context.Context, string) error{
		"postgres://kontor:secret@169.254.169.254/kontor?sslmode=disable": func(ctx context.Context, url string) error {
			d, err := db.Open(authz.System(ctx), url)
			if err != nil {
				return err
			}
			return errors.Join(d.Ping(ctx), d.Close())
		},
		"redis://169.254.169.254:6379": ping, "rediss://169.254.169.254:6379": ping, "redis://169.254.169.254:6379,169.254.169.254:6380": ping,
		"s3://documents?region=eu-central-1&use_path_style=true&endpoint=http://169.254.169.254": func(ctx context.Context, url string) error {
			s, err := blobs.Open(ctx, url)
			if err != nil {
				return err
			}
			_, err = s.Put(ctx, uuid.New(), []byte("hallo"))
			return errors.Join(err, s.Close())
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := connect(ctx, url); err == nil || !strings.Contains(err.Error(), dial.ErrForbidden.Error()) {
			t.Errorf("%s: %v", url, err)
		}
		cancel()
	}
}

func ping(ctx context.Context, url string) error {
	client, stop, err := session.Open(url)
	if err != nil {
		return err
	}
	return errors.Join(client.Ping(ctx).Err(), stop())
}
