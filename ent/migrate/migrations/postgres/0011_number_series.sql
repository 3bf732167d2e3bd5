-- +goose Up

-- Quotes and contracts are numbered like orders.
ALTER TABLE number_series DROP CONSTRAINT number_series_kind_check;
ALTER TABLE number_series ADD CONSTRAINT number_series_kind_check CHECK (kind IN ('ORDER', 'QUOTE', 'CONTRACT'));

-- +goose Down
DELETE FROM number_series WHERE kind <> 'ORDER';
ALTER TABLE number_series DROP CONSTRAINT number_series_kind_check;
ALTER TABLE number_series ADD CONSTRAINT number_series_kind_check CHECK (kind IN ('ORDER'));
