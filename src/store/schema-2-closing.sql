-- Version 2, a part of it: closed months.

-- What was frozen of a month. Never changed, never deleted: what comes later is an adjustment.
CREATE TABLE close (
    id                INTEGER PRIMARY KEY,
    month             TEXT    NOT NULL UNIQUE, -- 2026-10
    zone              TEXT    NOT NULL,        -- the clock of the month, +08:00
    at                TEXT    NOT NULL,        -- RFC 3339, UTC
    tool              TEXT    NOT NULL,        -- version of cdn-meter
    through           INTEGER NOT NULL,        -- the last commit that counted in it
    registry_digest   TEXT    NOT NULL,
    catalogue_digest  TEXT,                    -- NULL: nothing was priced
    usage_digest      TEXT    NOT NULL,
    overhead_factor   TEXT    NOT NULL,
    sampling_factor   TEXT    NOT NULL,
    bytes             INTEGER NOT NULL,
    requests          INTEGER NOT NULL,
    error_bytes       INTEGER NOT NULL,
    error_requests    INTEGER NOT NULL,
    doubtful_requests INTEGER NOT NULL,
    previous          TEXT,                    -- digest of the close before; NULL for the first
    digest            TEXT    NOT NULL UNIQUE  -- SHA-256 of the statement, see store/close.rs
) STRICT;

-- The files of a close, in closed/<month>/.
CREATE TABLE closed_file (
    close      INTEGER NOT NULL REFERENCES close (id),
    name       TEXT    NOT NULL,               -- summary/part-00000.parquet
    file_bytes INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    PRIMARY KEY (close, name)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER close_is_final BEFORE UPDATE ON close
BEGIN SELECT raise(ABORT, 'a close is final'); END;
CREATE TRIGGER close_stays BEFORE DELETE ON close
BEGIN SELECT raise(ABORT, 'a close is final'); END;
CREATE TRIGGER closed_file_is_final BEFORE UPDATE ON closed_file
BEGIN SELECT raise(ABORT, 'a close is final'); END;
CREATE TRIGGER closed_file_stays BEFORE DELETE ON closed_file
BEGIN SELECT raise(ABORT, 'a close is final'); END;
