-- Deltas in two formats, made for the devices that there are, kept within a limit, and counted. Described in docs/server.md.

-- What a device's decoder can do: the container version that it applies (0: BSDIFF40 alone) and the memory that it gives.
ALTER TABLE device
    ADD COLUMN patch_version bigint NOT NULL DEFAULT 0 CHECK (patch_version >= 0),
    ADD COLUMN patch_ram size_bytes NOT NULL DEFAULT 0;

-- 'dropped': it was ready, and its file gave way to others; wanted again, it is pending again.
ALTER TYPE delta_state ADD VALUE 'dropped';
ALTER TABLE delta
    ADD COLUMN patch_version bigint NOT NULL DEFAULT 0 CHECK (patch_version >= 0),  -- what applying it takes
    ADD COLUMN patch_ram size_bytes NOT NULL DEFAULT 0,
    ADD COLUMN mode text NOT NULL DEFAULT '',                                       -- what it is made of
    ADD COLUMN devices bigint NOT NULL DEFAULT 0 CHECK (devices >= 0),              -- that ran the old release when it was asked for
    ADD COLUMN used_at timestamptz;                                                 -- last offered, to the hour
DROP INDEX delta_work;
CREATE INDEX delta_work ON delta (devices DESC, created_at) WHERE state IN ('pending', 'running');
CREATE INDEX delta_kept ON delta (used_at) WHERE state = 'ready';

-- How releases came to devices: attempts that succeeded, by release and way. Written by the trigger below alone.
CREATE TABLE release_traffic (
    model model_name NOT NULL,
    version version_text NOT NULL,
    from_version text NOT NULL COLLATE "C",   -- '': nothing ran before
    transport text NOT NULL,                  -- 'full', 'delta', 'slot'
    devices bigint NOT NULL DEFAULT 0,
    bytes_received bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (model, version, from_version, transport),
    FOREIGN KEY (model, version) REFERENCES release (model, version)
) WITH (fillfactor = 70);

-- Old and new rows are counted with opposite signs, as in attempts_updated: a success that is reopened is taken back.
CREATE FUNCTION release_traffic_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO release_traffic AS t (model, version, from_version, transport, devices, bytes_received)
        SELECT model, version, coalesce(from_version, ''), transport, sum(sign), sum(bytes_received * sign)
        FROM (SELECT model, version, from_version, transport, bytes_received, 1 AS sign FROM new_rows WHERE state = 'succeeded'
              UNION ALL
              SELECT model, version, from_version, transport, bytes_received, -1 FROM old_rows WHERE state = 'succeeded') AS change
        WHERE transport <> ''
        GROUP BY 1, 2, 3, 4
        HAVING sum(sign) <> 0 OR sum(bytes_received * sign) <> 0
        ORDER BY 1, 2, 3, 4
    ON CONFLICT (model, version, from_version, transport) DO UPDATE SET
        devices = t.devices + excluded.devices, bytes_received = t.bytes_received + excluded.bytes_received;
    RETURN NULL;
END $$;
CREATE TRIGGER release_traffic_counted AFTER UPDATE ON attempt REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION release_traffic_counted();
