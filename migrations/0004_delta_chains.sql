-- Deltas for devices of little memory, and chains of deltas for those that apply several one after another. docs/server.md.

-- A container whose decoder takes 192 KiB, made where devices need it.
ALTER TABLE delta DROP CONSTRAINT delta_format_check;
ALTER TABLE delta ADD CONSTRAINT delta_format_check CHECK (format IN ('bsdiff', 'godwit', 'godwit-small'));

-- How many deltas it applies one after another: 1 of a device that says nothing.
ALTER TABLE device ADD COLUMN patch_steps bigint NOT NULL DEFAULT 1 CHECK (patch_steps >= 1);
