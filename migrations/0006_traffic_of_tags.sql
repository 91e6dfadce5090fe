-- What devices fetched, by their tags and by release. Described in docs/server.md.

-- The tags that a device had when its success was counted: what is taken back later is what was counted.
ALTER TABLE attempt ADD COLUMN counted_tags text[];
UPDATE attempt a SET counted_tags = d.tags FROM device d WHERE d.id = a.device_id AND a.state = 'succeeded';

CREATE FUNCTION attempt_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.counted_tags := (SELECT tags FROM device WHERE id = NEW.device_id);
    RETURN NEW;
END $$;
CREATE TRIGGER attempt_tags BEFORE UPDATE ON attempt FOR EACH ROW
    WHEN (NEW.state = 'succeeded' AND OLD.state <> 'succeeded') EXECUTE FUNCTION attempt_tags();

-- A device counts under each of its tags. Written by the trigger below alone.
CREATE TABLE tag_traffic (
    tag text NOT NULL COLLATE "C",            -- '': devices without tags
    transport text NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,   -- the order in which they came
    devices bigint NOT NULL DEFAULT 0,
    bytes_received bigint NOT NULL DEFAULT 0,
    bytes_full bigint NOT NULL DEFAULT 0,     -- of as many full releases
    PRIMARY KEY (tag, transport)
) WITH (fillfactor = 70);

CREATE FUNCTION tags_or_none(tags text[]) RETURNS text[] IMMUTABLE PARALLEL SAFE LANGUAGE sql
    AS $$ SELECT CASE WHEN cardinality(tags) > 0 THEN tags ELSE '{""}' END $$;

INSERT INTO tag_traffic (tag, transport, devices, bytes_received, bytes_full)
    SELECT tag, transport, count(*), sum(bytes_received), sum(r.size)
    FROM attempt a CROSS JOIN unnest(tags_or_none(a.counted_tags)) AS tag
    JOIN release r ON r.model = a.model AND r.version = a.version
    WHERE a.state = 'succeeded' AND transport <> '' GROUP BY 1, 2 ORDER BY 1, 2;

-- As release_traffic_counted, with which it fires.
CREATE FUNCTION tag_traffic_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tag_traffic AS t (tag, transport, devices, bytes_received, bytes_full)
        SELECT tag, transport, sum(sign), sum(bytes_received * sign), sum(r.size * sign)
        FROM (SELECT model, version, transport, bytes_received, counted_tags, 1 AS sign FROM new_rows WHERE state = 'succeeded'
              UNION ALL
              SELECT model, version, transport, bytes_received, counted_tags, -1 FROM old_rows WHERE state = 'succeeded') AS change
        CROSS JOIN unnest(tags_or_none(counted_tags)) AS tag
        JOIN release r USING (model, version)
        WHERE transport <> ''
        GROUP BY 1, 2
        HAVING sum(sign) <> 0 OR sum(bytes_received * sign) <> 0
        ORDER BY 1, 2
    ON CONFLICT (tag, transport) DO UPDATE SET devices = t.devices + excluded.devices,
        bytes_received = t.bytes_received + excluded.bytes_received, bytes_full = t.bytes_full + excluded.bytes_full;
    RETURN NULL;
END $$;
CREATE TRIGGER tag_traffic_counted AFTER UPDATE ON attempt REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tag_traffic_counted();

-- What each device fetched of a release, over all rollouts.
CREATE INDEX attempt_of_release ON attempt (model, version, device_id, n);
