-- Lanes, ageing, leases, batches, idempotency, time limits, the sums of a job's times.
ALTER TABLE jobs ADD COLUMN lane             TEXT    NOT NULL DEFAULT 'video';
-- The order of waiting jobs: arrival, less what the priority is worth. Ageing is in it (`store/submit.rs`).
ALTER TABLE jobs ADD COLUMN place            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN owner            TEXT    NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN lease_until_us   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN idempotency_key  TEXT;
ALTER TABLE jobs ADD COLUMN request_digest   TEXT;
ALTER TABLE jobs ADD COLUMN batch            TEXT;
ALTER TABLE jobs ADD COLUMN timeout_us       INTEGER;
ALTER TABLE jobs ADD COLUMN expires_us       INTEGER;
ALTER TABLE jobs ADD COLUMN queued_us        INTEGER NOT NULL DEFAULT 0; -- since when it waits
ALTER TABLE jobs ADD COLUMN waited_us        INTEGER NOT NULL DEFAULT 0; -- sums over all attempts
ALTER TABLE jobs ADD COLUMN worked_us        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN overhead_us      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN lost_us          INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN files_gone       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN webhook          TEXT; -- until it was told
ALTER TABLE jobs ADD COLUMN webhook_due_us   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN webhook_attempt  INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET place = submitted_us - priority * 600000000, queued_us = submitted_us;

DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (lane, place, seq) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (owner) WHERE state = 'running';
CREATE INDEX jobs_ended   ON jobs (finished_us) WHERE finished_us IS NOT NULL;
CREATE INDEX jobs_batch   ON jobs (batch) WHERE batch IS NOT NULL;
CREATE INDEX jobs_webhook ON jobs (webhook_due_us) WHERE webhook IS NOT NULL;
CREATE UNIQUE INDEX jobs_idempotency ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- One row: whether the queue is held.
CREATE TABLE queue (paused INTEGER NOT NULL);
INSERT INTO queue VALUES (0);
