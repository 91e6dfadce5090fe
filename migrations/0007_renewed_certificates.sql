-- Devices' certificates: until when the newest of each is good, and how often it asked for another. docs/server.md.
ALTER TABLE device
    ADD COLUMN certificate_until timestamptz,                                  -- null: issued before this was kept
    ADD COLUMN renewals int NOT NULL DEFAULT 0 CHECK (renewals >= 0),          -- since `renewals_since`
    ADD COLUMN renewals_since timestamptz;
CREATE INDEX device_certificate ON device (certificate_until) WHERE revoked_at IS NULL;
