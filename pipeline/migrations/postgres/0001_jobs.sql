-- The truth about jobs, as in `../sqlite`: the same names and the same integers, so that the same
-- statements run on both.
CREATE TABLE jobs (
    seq              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of arrival
    id               TEXT   NOT NULL UNIQUE,
    spec             TEXT   NOT NULL,
    priority         BIGINT NOT NULL,
    state            TEXT   NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempt          BIGINT NOT NULL DEFAULT 0, -- counted at claim: a job that kills its worker stops too
    max_attempts     BIGINT NOT NULL,
    epoch            BIGINT NOT NULL DEFAULT 0,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    not_before_us    BIGINT NOT NULL DEFAULT 0,
    submitted_us     BIGINT NOT NULL,
    started_us       BIGINT,
    finished_us      BIGINT,
    error            TEXT,
    outcome          TEXT,
    lane             TEXT   NOT NULL,
    -- The order of waiting jobs: arrival, less what the priority is worth. Ageing is in it.
    place            BIGINT NOT NULL,
    owner            TEXT   NOT NULL DEFAULT '',
    lease_until_us   BIGINT NOT NULL DEFAULT 0,
    idempotency_key  TEXT,
    request_digest   TEXT,
    batch            TEXT,
    timeout_us       BIGINT,
    expires_us       BIGINT,
    queued_us        BIGINT NOT NULL, -- since when it waits
    waited_us        BIGINT NOT NULL DEFAULT 0, -- sums over all attempts
    worked_us        BIGINT NOT NULL DEFAULT 0,
    overhead_us      BIGINT NOT NULL DEFAULT 0,
    lost_us          BIGINT NOT NULL DEFAULT 0,
    files_gone       BIGINT NOT NULL DEFAULT 0,
    webhook          TEXT, -- until it was told
    webhook_due_us   BIGINT NOT NULL DEFAULT 0,
    webhook_attempt  BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX jobs_waiting ON jobs (lane, place, seq) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (owner) WHERE state = 'running';
CREATE INDEX jobs_ended   ON jobs (finished_us) WHERE finished_us IS NOT NULL;
CREATE INDEX jobs_batch   ON jobs (batch) WHERE batch IS NOT NULL;
CREATE INDEX jobs_webhook ON jobs (webhook_due_us) WHERE webhook IS NOT NULL;
CREATE UNIQUE INDEX jobs_idempotency ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE stage_times (
    job         TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt     BIGINT NOT NULL,
    stage       TEXT   NOT NULL,
    started_us  BIGINT NOT NULL,
    finished_us BIGINT,
    PRIMARY KEY (job, attempt, stage)
);

-- One row: whether the queue is held.
CREATE TABLE queue (paused BIGINT NOT NULL);
INSERT INTO queue VALUES (0);
