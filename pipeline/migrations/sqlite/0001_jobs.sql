-- The truth about jobs. A row changes state only under `epoch`, which grows with every claim: a worker
-- whose job was given to somebody else can write nothing any more.
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
    id               TEXT    NOT NULL UNIQUE,
    spec             TEXT    NOT NULL,
    priority         INTEGER NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempt          INTEGER NOT NULL DEFAULT 0, -- counted at claim: a job that kills its worker stops too
    max_attempts     INTEGER NOT NULL,
    epoch            INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    not_before_us    INTEGER NOT NULL DEFAULT 0,
    submitted_us     INTEGER NOT NULL,
    started_us       INTEGER,
    finished_us      INTEGER,
    error            TEXT,
    outcome          TEXT
);

CREATE INDEX jobs_waiting ON jobs (priority DESC, seq) WHERE state = 'queued';

CREATE TABLE stage_times (
    job         TEXT    NOT NULL REFERENCES jobs (id),
    attempt     INTEGER NOT NULL,
    stage       TEXT    NOT NULL,
    started_us  INTEGER NOT NULL,
    finished_us INTEGER,
    PRIMARY KEY (job, attempt, stage)
);
