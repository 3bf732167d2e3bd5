package server_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/internal/audit"
	"kontor/internal/db"
	"kontor/internal/seal"
	"kontor/server/servertest"
)

// Heads are written whatever level the log has, and all of them at first. An end whose secret is not listed is told
// from one that another hand changed, and keeps no other company's retention.
//
// Case: PRIV-02
// Case: PRIV-09
func TestAuditHeadsAreShippedAlways(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, k *servertest.Kontor) {
		k.As(t, "martha.hansen")
		k.As(t, "maik.alster")
		ctx := authz.System(t.Context())
		k.WithDatabase(t, func(d *db.DB) {
			k.Clock.Advance(day)
			var text strings.Builder
			err := k.AuditLog(t, d).Ship(ctx, slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelError})), map[uuid.UUID]int64{})
			if err != nil || strings.Count(text.String(), audit.HeadMessage) < 2 {
				t.Errorf("%q, %v", text.String(), err)
			}
			sealer, err := seal.New([]string{"another secret, of 32 characters or more"})
			if err != nil {
				t.Fatal(err)
			}
			other := audit.New(d, sealer, k.Clock.Now, nil)
			if _, err := other.Heads(ctx, nil); err == nil || strings.Contains(err.Error(), "another hand") {
				t.Errorf("an end of an unknown secret: %v", err)
			}
			k.Clock.Advance(3 * 366 * day)
			if _, err := other.Retain(ctx); err == nil || strings.Count(err.Error(), "deleting old entries of the audit log") < 2 {
				t.Errorf("the retention ended at the first: %v", err)
			}
		})
	})
}
