-- Version 4, a part of it: contents that are taken out on request.

-- Why, in the words of who asked for it.
ALTER TABLE history ADD COLUMN reason TEXT;

-- history.change has one more word since version 4: `forgotten`, of a content that counts no more
-- because somebody asked for it; the name holds nothing then.
