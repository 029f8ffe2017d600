-- Version 4: what a quarantine file is, so that only lines that we wrote are read back. NULL where the file was
-- gone when the ledger was brought up to this version: then it was not kept.
ALTER TABLE quarantine ADD COLUMN file_bytes INTEGER;
ALTER TABLE quarantine ADD COLUMN sha256 BLOB;
