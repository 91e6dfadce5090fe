-- Deltas that weak cores apply in time, large files too. docs/server.md.

-- A container of tables alone, several times as fast to apply, made where devices need it.
ALTER TABLE delta DROP CONSTRAINT delta_format_check;
ALTER TABLE delta ADD CONSTRAINT delta_format_check CHECK (format IN ('bsdiff', 'godwit', 'godwit-small', 'godwit-fast'));

-- Bytes a second that its decoder makes of weights whose coder learns; 0: not said.
ALTER TABLE device ADD COLUMN patch_rate bigint NOT NULL DEFAULT 0 CHECK (patch_rate >= 0);
