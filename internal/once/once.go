// Package once lets a request that is sent twice do what it does once: it remembers
// keys in the transaction of the effect (OR-01).
package once

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
	"unicode"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/idempotencykey"
	"kontor/internal/fault"
)

// Request is a request that is told from others by its key; the same key belongs to
// another request for another user and for another operation.
type Request struct {
	Operation string // such as placeOrder
	Key       string // the client's
	Input     string // all that the client sent besides, in one spelling
}

// Check refuses keys that could not be told apart or would not travel well.
func (r Request) Check() error {
	if r.Key == "" || len(r.Key) > 255 {
		return fault.New("IDEMPOTENCY_KEY_INVALID", "idempotencyKey")
	}
	for _, c := range r.Key {
		if !unicode.IsPrint(c) {
			return fault.New("IDEMPOTENCY_KEY_INVALID", "idempotencyKey")
		}
	}
	return nil
}

// Result is what the same request did before, or false. With another input it is the
// fault IDEMPOTENCY_KEY_REUSED.
func (r Request) Result(ctx context.Context, tx *ent.Tx) (uuid.UUID, bool, error) {
	known, err := tx.IdempotencyKey.Query().Where(idempotencykey.Operation(r.Operation), idempotencykey.Key(r.Key)).Only(ctx)
	if ent.IsNotFound(err) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("looking for the idempotency key: %w", err)
	}
	if known.InputHash != r.hash() {
		return uuid.Nil, false, fault.New("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")
	}
	return known.ResultID, true, nil
}

// Remember keeps what the request did.
func (r Request) Remember(ctx context.Context, tx *ent.Tx, v *authz.Viewer, result uuid.UUID, now time.Time) error {
	err := tx.IdempotencyKey.Create().SetTenantID(v.Tenant).SetUserID(v.User).SetOperation(r.Operation).
		SetKey(r.Key).SetInputHash(r.hash()).SetResultID(result).SetCreatedAt(now).Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing the idempotency key: %w", err)
	}
	return nil
}

func (r Request) hash() string {
	sum := sha256.Sum256([]byte(r.Input))
	return hex.EncodeToString(sum[:])
}
