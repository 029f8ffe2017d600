-- Version 2, a part of it: contents that are counted again under another name.

-- What is counted once: 0 for what all names share, else the copy (its id) that the content is or grew
-- from. A copy is compared with its own lineage first, so it grows, and is replaced, by itself.
ALTER TABLE content ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;

DROP INDEX content_by_digest;
CREATE UNIQUE INDEX content_by_digest ON content (digest, length, lineage)
    WHERE dropped_by IS NULL;

-- history.change has more words since version 2: `salvaged`, of a damaged archive that counts up to
-- the length of its content; `retried`, of a content of which rejected lines are no more;
-- `duplicate-counted`, of a copy.
