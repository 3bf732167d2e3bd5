-- +goose Up

-- SQLite compares byte for byte anyway; PostgreSQL gets an index here.
SELECT 1;

-- +goose Down
SELECT 1;
