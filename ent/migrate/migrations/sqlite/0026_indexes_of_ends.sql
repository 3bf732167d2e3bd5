-- +goose Up

-- What it does on PostgreSQL, beside servers that answer, 0022 to 0024 do here: SQLite has one server, which waits.
SELECT 1;

-- +goose Down
SELECT 1;
