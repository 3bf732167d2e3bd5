-- +goose Up

-- What changed in the last minutes, for subscriptions that begin or come back.
CREATE INDEX order_events_by_time ON order_events (at);

-- +goose Down
DROP INDEX order_events_by_time;
