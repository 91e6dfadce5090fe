-- Rollouts, their attempts, and the events that tell of both. Described in docs/server.md.
-- States have the names and the order of proto/wire/states.h.

CREATE TYPE attempt_state AS ENUM ('queued', 'notified', 'deferred', 'downloading', 'verifying', 'installing', 'trial',
                                   'succeeded', 'failed', 'rejected', 'timed_out', 'rolled_back', 'cancelled');
CREATE TYPE rollout_state AS ENUM ('draft', 'awaiting_approval', 'scheduled', 'running', 'paused', 'succeeded',
                                   'failed', 'rolling_back', 'rolled_back', 'cancelled');
CREATE TYPE phase_state AS ENUM ('pending', 'running', 'succeeded', 'failed');

CREATE TABLE rollout (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 128),
    model model_name NOT NULL,
    version version_text NOT NULL,
    filter text NOT NULL,
    state rollout_state NOT NULL DEFAULT 'draft',
    status text NOT NULL DEFAULT '',
    phase int NOT NULL DEFAULT 0 CHECK (phase >= 0),
    devices bigint NOT NULL CHECK (devices > 0),
    abort_threshold_percent double precision NOT NULL CHECK (abort_threshold_percent > 0 AND abort_threshold_percent <= 100),
    abort_min_executed bigint NOT NULL CHECK (abort_min_executed > 0),
    abort_failure_types text[] NOT NULL
        CHECK (abort_failure_types <@ '{ALL,FAILED,REJECTED,TIMED_OUT}' AND cardinality(abort_failure_types) > 0),
    in_progress_timeout_s bigint NOT NULL CHECK (in_progress_timeout_s > 0),
    retries int NOT NULL CHECK (retries BETWEEN 0 AND 10),
    on_failure text NOT NULL CHECK (on_failure IN ('stop', 'rollback')),
    deltas_until timestamptz,                 -- devices are not notified before their deltas are there, or this time
    settled boolean NOT NULL DEFAULT false,   -- ended, and every attempt too: the scheduler is done with it
    rev bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    FOREIGN KEY (model, version) REFERENCES release (model, version),
    CHECK ((state IN ('succeeded', 'failed', 'rolled_back', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (NOT settled OR ended_at IS NOT NULL)
);
CREATE INDEX rollout_unsettled ON rollout (id) WHERE NOT settled;

-- The counters are written by the triggers on attempt, and by nothing else.
CREATE TABLE rollout_phase (
    rollout_id bigint NOT NULL REFERENCES rollout,
    phase int NOT NULL CHECK (phase > 0),
    percent double precision NOT NULL CHECK (percent > 0 AND percent <= 100),
    success_percent double precision NOT NULL CHECK (success_percent >= 0 AND success_percent <= 100),
    soak_s bigint NOT NULL CHECK (soak_s >= 0),
    state phase_state NOT NULL DEFAULT 'pending',
    devices bigint NOT NULL CHECK (devices >= 0),
    reached_at timestamptz,
    bytes_received bigint NOT NULL DEFAULT 0,
    queued bigint NOT NULL DEFAULT 0 CHECK (queued >= 0),
    notified bigint NOT NULL DEFAULT 0 CHECK (notified >= 0),
    deferred bigint NOT NULL DEFAULT 0 CHECK (deferred >= 0),
    downloading bigint NOT NULL DEFAULT 0 CHECK (downloading >= 0),
    verifying bigint NOT NULL DEFAULT 0 CHECK (verifying >= 0),
    installing bigint NOT NULL DEFAULT 0 CHECK (installing >= 0),
    trial bigint NOT NULL DEFAULT 0 CHECK (trial >= 0),
    succeeded bigint NOT NULL DEFAULT 0 CHECK (succeeded >= 0),
    failed bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    rejected bigint NOT NULL DEFAULT 0 CHECK (rejected >= 0),
    timed_out bigint NOT NULL DEFAULT 0 CHECK (timed_out >= 0),
    rolled_back bigint NOT NULL DEFAULT 0 CHECK (rolled_back >= 0),
    cancelled bigint NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    PRIMARY KEY (rollout_id, phase)
) WITH (fillfactor = 50);

CREATE TABLE attempt (
    device_id device_name NOT NULL REFERENCES device,
    n int NOT NULL CHECK (n > 0),
    rollout_id bigint NOT NULL,
    phase int NOT NULL,
    model model_name NOT NULL,
    version version_text NOT NULL,
    from_version version_text,
    rollback boolean NOT NULL DEFAULT false,
    state attempt_state NOT NULL DEFAULT 'queued',
    rev bigint NOT NULL DEFAULT 1 CHECK (rev > 0),
    cancel_requested boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,     -- a newer attempt of this rollout stands for the device
    retries_left int NOT NULL CHECK (retries_left >= 0),
    -- How it counts: a failure that will be tried again is still queued; a completed way back is no success.
    counted attempt_state GENERATED ALWAYS AS (
        CASE WHEN superseded THEN NULL
             WHEN retries_left > 0 AND state IN ('failed', 'timed_out') THEN 'queued'
             WHEN rollback AND state = 'succeeded' THEN 'rolled_back'
             ELSE state END) STORED,
    transitions int NOT NULL DEFAULT 0,
    percent int NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    code int NOT NULL DEFAULT 0 CHECK (code >= 0),
    ext int NOT NULL DEFAULT 0,
    message text NOT NULL DEFAULT '',
    transport text NOT NULL DEFAULT '',
    bytes_received bigint NOT NULL DEFAULT 0 CHECK (bytes_received >= 0),
    health jsonb,
    deadline timestamptz,
    hint_at timestamptz,                           -- when the device is told (again)
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, n),
    FOREIGN KEY (rollout_id, phase) REFERENCES rollout_phase (rollout_id, phase),
    FOREIGN KEY (model, version) REFERENCES release (model, version)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX attempt_one_active ON attempt (device_id, model) WHERE state < 'succeeded';
CREATE INDEX attempt_of_rollout ON attempt (rollout_id, device_id, n);
CREATE INDEX attempt_queued ON attempt (rollout_id, phase, device_id) WHERE counted = 'queued';
CREATE INDEX attempt_hint ON attempt (hint_at) WHERE hint_at IS NOT NULL;
CREATE INDEX attempt_deadline ON attempt (deadline) WHERE state > 'queued' AND state < 'succeeded';

-- Events: numbered without gaps in the order of commits, because the one row of event_clock is held until the commit.
CREATE TABLE event_clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    last bigint NOT NULL
);
INSERT INTO event_clock (last) VALUES (0);

CREATE TABLE event (
    number bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    rollout_id bigint NOT NULL,
    device_id text,                                -- null: an event of the rollout itself
    n int,
    state text NOT NULL,
    text text NOT NULL,                            -- message of the attempt, status of the rollout
    phase int NOT NULL,
    percent int NOT NULL DEFAULT 0,
    code int NOT NULL DEFAULT 0,
    transport text NOT NULL DEFAULT '',
    bytes_received bigint NOT NULL DEFAULT 0,
    health jsonb
);
CREATE INDEX event_of_rollout ON event (rollout_id, number);
CREATE INDEX event_age ON event USING brin (at);

CREATE FUNCTION next_event(count bigint) RETURNS bigint LANGUAGE sql
    AS $$ UPDATE event_clock SET last = last + count RETURNING last - count $$;

CREATE FUNCTION rollout_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (number, at, rollout_id, state, text, phase)
        VALUES (next_event(1) + 1, NEW.updated_at, NEW.id, NEW.state::text, NEW.status, NEW.phase);
    PERFORM pg_notify('godwit_events', '');
    RETURN NULL;
END $$;
CREATE TRIGGER rollout_created AFTER INSERT ON rollout FOR EACH ROW EXECUTE FUNCTION rollout_changed();
CREATE TRIGGER rollout_changed AFTER UPDATE ON rollout FOR EACH ROW WHEN (OLD.rev <> NEW.rev)
    EXECUTE FUNCTION rollout_changed();

-- New attempts are queued. They make no events: a rollout of 100,000 devices would begin with as many.
CREATE FUNCTION attempts_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rollout_phase p SET queued = p.queued + d.n
        FROM (SELECT rollout_id, phase, count(*) AS n FROM new_rows GROUP BY 1, 2) d
        WHERE p.rollout_id = d.rollout_id AND p.phase = d.phase;
    RETURN NULL;
END $$;
CREATE TRIGGER attempts_inserted AFTER INSERT ON attempt REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION attempts_inserted();

-- No join of old and new rows: plpgsql keeps the plan of the first call, and one made for a single row is quadratic for
-- a thousand.
CREATE FUNCTION attempts_updated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changes bigint;
BEGIN
    SELECT count(*) INTO changes FROM
        (SELECT device_id, n, rollout_id, phase, state, message, percent, code, transport, bytes_received, health, updated_at
         FROM new_rows EXCEPT
         SELECT device_id, n, rollout_id, phase, state, message, percent, code, transport, bytes_received, health, updated_at
         FROM old_rows) AS changed;
    IF changes > 0 THEN
        -- The clock is taken before the counters, by everybody: whoever holds a counter never waits for the clock.
        INSERT INTO event (number, at, rollout_id, device_id, n, state, text, phase, percent, code, transport, bytes_received, health)
            SELECT base + row_number() OVER (ORDER BY device_id, n), updated_at, rollout_id, device_id, n, state::text,
                   message, phase, percent, code, transport, bytes_received, health
            FROM (SELECT device_id, n, rollout_id, phase, state, message, percent, code, transport, bytes_received, health, updated_at
                  FROM new_rows EXCEPT
                  SELECT device_id, n, rollout_id, phase, state, message, percent, code, transport, bytes_received, health, updated_at
                  FROM old_rows) AS changed CROSS JOIN next_event(changes) AS base;
        PERFORM pg_notify('godwit_events', '');
    END IF;
    UPDATE rollout_phase p SET
            bytes_received = p.bytes_received + d.bytes, queued = p.queued + d.queued,
            notified = p.notified + d.notified, deferred = p.deferred + d.deferred,
            downloading = p.downloading + d.downloading, verifying = p.verifying + d.verifying,
            installing = p.installing + d.installing, trial = p.trial + d.trial,
            succeeded = p.succeeded + d.succeeded, failed = p.failed + d.failed, rejected = p.rejected + d.rejected,
            timed_out = p.timed_out + d.timed_out, rolled_back = p.rolled_back + d.rolled_back,
            cancelled = p.cancelled + d.cancelled
        FROM (SELECT rollout_id, phase, sum(bytes_received * sign) AS bytes,
                     coalesce(sum(sign) FILTER (WHERE counted = 'queued'), 0) AS queued,
                     coalesce(sum(sign) FILTER (WHERE counted = 'notified'), 0) AS notified,
                     coalesce(sum(sign) FILTER (WHERE counted = 'deferred'), 0) AS deferred,
                     coalesce(sum(sign) FILTER (WHERE counted = 'downloading'), 0) AS downloading,
                     coalesce(sum(sign) FILTER (WHERE counted = 'verifying'), 0) AS verifying,
                     coalesce(sum(sign) FILTER (WHERE counted = 'installing'), 0) AS installing,
                     coalesce(sum(sign) FILTER (WHERE counted = 'trial'), 0) AS trial,
                     coalesce(sum(sign) FILTER (WHERE counted = 'succeeded'), 0) AS succeeded,
                     coalesce(sum(sign) FILTER (WHERE counted = 'failed'), 0) AS failed,
                     coalesce(sum(sign) FILTER (WHERE counted = 'rejected'), 0) AS rejected,
                     coalesce(sum(sign) FILTER (WHERE counted = 'timed_out'), 0) AS timed_out,
                     coalesce(sum(sign) FILTER (WHERE counted = 'rolled_back'), 0) AS rolled_back,
                     coalesce(sum(sign) FILTER (WHERE counted = 'cancelled'), 0) AS cancelled
              FROM (SELECT rollout_id, phase, counted, bytes_received, 1 AS sign FROM new_rows
                    UNION ALL SELECT rollout_id, phase, counted, bytes_received, -1 FROM old_rows) AS change
              GROUP BY rollout_id, phase) d
        WHERE p.rollout_id = d.rollout_id AND p.phase = d.phase
          AND (d.bytes, d.queued, d.notified, d.deferred, d.downloading, d.verifying, d.installing, d.trial,
               d.succeeded, d.failed, d.rejected, d.timed_out, d.rolled_back, d.cancelled) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    RETURN NULL;
END $$;
CREATE TRIGGER attempts_updated AFTER UPDATE ON attempt REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION attempts_updated();
