-- Deltas that could not be made: when, when the next try is due, and who asked for one by hand. docs/server.md.
ALTER TABLE delta
    ADD COLUMN failed_at timestamptz,                  -- the last try that failed
    ADD COLUMN not_before timestamptz,                 -- when the next one is due; null: at once
    ADD COLUMN requested_by text NOT NULL DEFAULT '',  -- the token that asked by hand
    ADD COLUMN requested_at timestamptz,
    ADD CHECK ((requested_by = '') = (requested_at IS NULL));
CREATE INDEX delta_alarm ON delta (model) WHERE state = 'failed';
