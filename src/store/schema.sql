-- The ledger, version 1. Every table is appended to or replaced in one transaction per commit.

-- One row: what this store is.
CREATE TABLE store (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    seed       INTEGER NOT NULL,             -- of the content digests
    created_at TEXT    NOT NULL              -- RFC 3339, UTC
) STRICT;

-- One row per transaction that changed what counts.
CREATE TABLE commits (
    id      INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,                   -- RFC 3339, UTC
    command TEXT NOT NULL,
    tool    TEXT NOT NULL                    -- version of cdn-meter
) STRICT;

-- Decompressed contents of log files. A content's own lines are those of [from_offset, length);
-- what stands before is the content `parent`, whole.
CREATE TABLE content (
    id             INTEGER PRIMARY KEY,
    parent         INTEGER REFERENCES content (id),
    from_offset    INTEGER NOT NULL,
    length         INTEGER NOT NULL,
    digest         BLOB    NOT NULL,         -- 16 bytes, XXH3-128 over chunk digests and length
    chunks         BLOB    NOT NULL,         -- 16 bytes per MiB
    opening        BLOB    NOT NULL,         -- 16 bytes per hash of the first 1, 2, 4 … record lines
    first_line     BLOB,                     -- the first hash of `opening`
    is_whole_lines INTEGER NOT NULL,
    format         TEXT,
    bytes_in       TEXT,                     -- total | body
    lines          INTEGER NOT NULL,         -- LINE-1: lines = metered + skipped + rejected
    metered        INTEGER NOT NULL,
    skipped        INTEGER NOT NULL,
    rejected       INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,         -- SUM-1: the bytes of its rows in all segments
    counts         TEXT    NOT NULL,         -- JSON: the same by reason
    commit_id      INTEGER NOT NULL REFERENCES commits (id),
    dropped_by     INTEGER REFERENCES commits (id)   -- since then it does not count, for good
) STRICT;
CREATE UNIQUE INDEX content_by_digest ON content (digest, length) WHERE dropped_by IS NULL;
CREATE INDEX content_by_first_line ON content (first_line) WHERE dropped_by IS NULL;
CREATE INDEX content_by_parent ON content (parent) WHERE parent IS NOT NULL;

-- Which content a name holds now. A content is dropped when no name holds it, nor what grew from it.
CREATE TABLE source (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    content     INTEGER NOT NULL REFERENCES content (id),
    compression TEXT,
    stamp       TEXT,                        -- of the file when it was read; NULL proves nothing
    commit_id   INTEGER NOT NULL REFERENCES commits (id)
) STRICT;
CREATE INDEX source_by_content ON source (content);

-- What every name held, for ever.
CREATE TABLE history (
    commit_id INTEGER NOT NULL REFERENCES commits (id),
    name      TEXT    NOT NULL,
    content   INTEGER,                       -- NULL: the name was given up
    change    TEXT    NOT NULL               -- new | grown | replaced | duplicate | renamed | gone
) STRICT;

-- SEG-1: a segment counts if and only if it is listed here.
CREATE TABLE segment (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,      -- of the file in segments/
    file_bytes INTEGER NOT NULL,
    sha256     BLOB    NOT NULL,
    row_count  INTEGER NOT NULL,
    slot_from  INTEGER NOT NULL,             -- first slot, as its number since the epoch
    slot_to    INTEGER NOT NULL,             -- last slot
    commit_id  INTEGER NOT NULL REFERENCES commits (id)
) STRICT;

-- What a segment holds of a content.
CREATE TABLE part (
    segment           INTEGER NOT NULL REFERENCES segment (id),
    content           INTEGER NOT NULL REFERENCES content (id),
    row_count         INTEGER NOT NULL,
    bytes             INTEGER NOT NULL,
    requests          INTEGER NOT NULL,
    error_bytes       INTEGER NOT NULL,
    error_requests    INTEGER NOT NULL,
    doubtful_requests INTEGER NOT NULL,
    PRIMARY KEY (segment, content)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_by_content ON part (content);

-- Rejected lines of a content, in quarantine/.
CREATE TABLE quarantine (
    content  INTEGER NOT NULL REFERENCES content (id),
    name     TEXT    NOT NULL,               -- of the file in quarantine/
    PRIMARY KEY (content, name)
) STRICT, WITHOUT ROWID;
