-- +goose Up

-- SQLite has no row security: here, the one wall is that of ent/schema/scoped.go. The
-- number is kept, so that both databases have the same.
SELECT 1;

-- +goose Down
SELECT 1;
