// Package rounds has the server do what nobody waits for: now, and again and again.
package rounds

import (
	"context"
	"log/slog"
	"time"
)

// Keep does something until the context ends: at once, after each interval, and whenever it is woken;
// nil: it is not. That it failed is a warning with this text, because the next round does it.
func Keep(ctx context.Context, every time.Duration, woken <-chan struct{}, log *slog.Logger, failed string, do func(context.Context) error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, failed, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-woken:
		}
	}
}
