-- What is published, who may speak, and devices. Described in docs/server.md.

CREATE TYPE delta_state AS ENUM ('pending', 'running', 'ready', 'rejected', 'failed');
CREATE TYPE artifact_kind AS ENUM ('model', 'firmware', 'delta');

CREATE DOMAIN sha256 AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN size_bytes AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN model_name AS text COLLATE "C" CHECK (VALUE ~ '^[a-z0-9][a-z0-9_-]{0,63}$');
CREATE DOMAIN device_name AS text COLLATE "C" CHECK (VALUE ~ '^[A-Za-z0-9_-]{1,64}$');
CREATE DOMAIN version_text AS text COLLATE "C" CHECK (VALUE ~ '^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$' AND length(VALUE) <= 64);
CREATE DOMAIN label AS text COLLATE "C" CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$');

-- Times are bound as milliseconds since 1970: the clock is an argument of the server, not of the database.
CREATE FUNCTION from_ms(bigint) RETURNS timestamptz IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    AS $$ SELECT timestamptz 'epoch' + $1 * interval '1 millisecond' $$;
CREATE FUNCTION to_ms(timestamptz) RETURNS bigint IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    AS $$ SELECT (extract(epoch FROM $1) * 1000)::bigint $$;

-- What is published ------------------------------------------------------------------------------------------------

CREATE TABLE artifact (
    sha256 sha256 PRIMARY KEY,
    sha1 bytea NOT NULL CHECK (octet_length(sha1) = 20),
    md5 bytea NOT NULL CHECK (octet_length(md5) = 16),
    size size_bytes NOT NULL,
    kind artifact_kind,                       -- null until something names it
    created_at timestamptz NOT NULL
);

CREATE TABLE model (
    name model_name PRIMARY KEY,
    kind artifact_kind NOT NULL CHECK (kind <> 'delta'),
    created_at timestamptz NOT NULL
);

CREATE TABLE channel (
    model model_name NOT NULL REFERENCES model,
    name label NOT NULL,
    PRIMARY KEY (model, name)
);

CREATE TABLE release (
    model model_name NOT NULL REFERENCES model,
    version version_text NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    parent version_text CHECK (parent <> version),
    notes text NOT NULL CHECK (length(notes) <= 65536),
    channel label,
    kind artifact_kind NOT NULL CHECK (kind <> 'delta'),
    yanked text CHECK (yanked <> ''),
    path text NOT NULL UNIQUE,
    sha256 sha256 NOT NULL REFERENCES artifact,
    size size_bytes NOT NULL,
    plain_sha256 sha256 NOT NULL,
    plain_size size_bytes NOT NULL,
    encoding text NOT NULL CHECK (encoding IN ('none', 'zstd')),
    release_counter bigint NOT NULL CHECK (release_counter >= 0),
    hardware_ids text[] NOT NULL,             -- requires; empty or 0: anything
    arch text NOT NULL,
    engine_version bigint NOT NULL CHECK (engine_version >= 0),
    ram size_bytes NOT NULL,
    flash size_bytes NOT NULL,
    gate_soak_inferences bigint NOT NULL CHECK (gate_soak_inferences >= 0),
    gate_accuracy_drop_points_max double precision,
    gate_psi_max double precision,
    gate_latency_p99_us_max bigint,
    gate_error_rate_max double precision,
    key_enc bytea NOT NULL CHECK (octet_length(key_enc) = 32),   -- content key, wrapped to the server
    key_ct bytea NOT NULL CHECK (octet_length(key_ct) = 48),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (model, version),
    FOREIGN KEY (model, parent) REFERENCES release (model, version),
    FOREIGN KEY (model, channel) REFERENCES channel (model, name)
);
CREATE UNIQUE INDEX release_log ON release (model, number DESC);

CREATE FUNCTION release_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{channel,yanked}'::text[] <> to_jsonb(OLD) - '{channel,yanked}'::text[] THEN
        RAISE EXCEPTION 'release % % is immutable', OLD.model, OLD.version;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER release_is_immutable BEFORE UPDATE ON release FOR EACH ROW EXECUTE FUNCTION release_is_immutable();

-- A delta between two releases is also the row of the job that makes it: pending rows are taken with SKIP LOCKED.
CREATE TABLE delta (
    model model_name NOT NULL,
    from_version version_text NOT NULL,
    to_version version_text NOT NULL CHECK (to_version <> from_version),
    format text NOT NULL CHECK (format IN ('bsdiff', 'godwit')),
    state delta_state NOT NULL DEFAULT 'pending',
    tries int NOT NULL DEFAULT 0 CHECK (tries >= 0),
    lease_until timestamptz,
    size size_bytes,                          -- sealed
    full_size size_bytes NOT NULL,            -- of the sealed full release
    reason text NOT NULL DEFAULT '',
    seconds double precision,
    sha256 sha256 REFERENCES artifact,
    key_enc bytea CHECK (octet_length(key_enc) = 32),
    key_ct bytea CHECK (octet_length(key_ct) = 48),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (model, to_version, from_version, format),
    FOREIGN KEY (model, from_version) REFERENCES release (model, version),
    FOREIGN KEY (model, to_version) REFERENCES release (model, version),
    CHECK (state <> 'ready' OR (sha256 IS NOT NULL AND key_enc IS NOT NULL AND key_ct IS NOT NULL AND size IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK (state NOT IN ('rejected', 'failed') OR reason <> '')
);
CREATE INDEX delta_work ON delta (created_at) WHERE state IN ('pending', 'running');

-- Exact texts of signed documents, verified when they were stored.
CREATE TABLE trust_document (
    repository text NOT NULL CHECK (repository IN ('image', 'director')),
    role text NOT NULL CHECK (role IN ('root', 'targets')),
    version bigint NOT NULL CHECK (version > 0),
    document text NOT NULL,
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (repository, role, version)
);

-- Who may speak -----------------------------------------------------------------------------------------------------

CREATE TABLE api_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 128),
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'release_manager', 'admin')),
    hash sha256 NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE enrolment_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash sha256 NOT NULL UNIQUE,
    note text NOT NULL CHECK (length(note) <= 1024),
    uses_left int NOT NULL CHECK (uses_left >= 0),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE idempotency_key (
    token_id bigint NOT NULL REFERENCES api_token,
    key text NOT NULL CHECK (key <> '' AND length(key) <= 255),
    content sha256 NOT NULL,
    started_at timestamptz NOT NULL,
    status int,                               -- null while the request runs
    body text,
    etag text,
    PRIMARY KEY (token_id, key),
    CHECK ((status IS NULL) = (body IS NULL))
);
CREATE INDEX idempotency_key_age ON idempotency_key (started_at);

-- Devices: cold facts apart from the state that every message changes (small rows, updated in place) -----------------

CREATE TABLE device (
    id device_name PRIMARY KEY,
    hardware_id text NOT NULL,
    arch text NOT NULL DEFAULT '',
    engine_version bigint NOT NULL DEFAULT 0 CHECK (engine_version >= 0),
    ram size_bytes NOT NULL DEFAULT 0,
    flash size_bytes NOT NULL DEFAULT 0,
    agent text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}',
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    rev bigint NOT NULL DEFAULT 1,
    public_key_sha256 sha256 NOT NULL,        -- of the certificate's SubjectPublicKeyInfo
    sealing_key bytea NOT NULL CHECK (octet_length(sealing_key) = 32),
    enrolled_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE device_state (
    device_id device_name PRIMARY KEY REFERENCES device,
    online boolean NOT NULL DEFAULT false,
    hello_epoch bigint NOT NULL DEFAULT 0,    -- newest hello; presence belongs to its epoch
    hello_seq bigint NOT NULL DEFAULT 0,
    report_epoch bigint NOT NULL DEFAULT 0,   -- newest report that counted
    report_seq bigint NOT NULL DEFAULT 0,
    attempt_last int NOT NULL DEFAULT 0 CHECK (attempt_last >= 0),
    director_version bigint NOT NULL DEFAULT 0,
    last_seen_at timestamptz
) WITH (fillfactor = 70);

CREATE TABLE device_component (
    device_id device_name NOT NULL REFERENCES device,
    component model_name NOT NULL,
    version version_text,
    plain_sha256 sha256,
    other_version version_text,
    other_plain_sha256 sha256,
    PRIMARY KEY (device_id, component),
    CHECK ((version IS NULL) = (plain_sha256 IS NULL)),
    CHECK ((other_version IS NULL) = (other_plain_sha256 IS NULL))
) WITH (fillfactor = 70);

CREATE TABLE device_filter (
    name label PRIMARY KEY,
    query text NOT NULL CHECK (length(query) <= 4096),
    rev bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL
);
