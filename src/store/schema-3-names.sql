-- Version 3: names that move on to other logs.

-- What a name held before it moved on: it counts without a name, until a name holds it again or
-- something grows from it.
CREATE TABLE kept (
    content   INTEGER PRIMARY KEY REFERENCES content (id),
    name      TEXT    NOT NULL,              -- that held it last
    commit_id INTEGER NOT NULL REFERENCES commits (id)
) STRICT;
CREATE INDEX kept_by_name ON kept (name);

-- First slot and last of a content's own metered lines; NULL where it has none, and of contents that
-- were counted before version 3.
ALTER TABLE content ADD COLUMN slot_from INTEGER;
ALTER TABLE content ADD COLUMN slot_to INTEGER;

-- history.change has one more word since version 3: `next`, of a content that follows the one that its
-- name held before; both count.
