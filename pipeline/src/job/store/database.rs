//! Reaching the database: SQLite in the data folder, or PostgreSQL that several machines share.
//!
//! Both have the same tables and run the same statements (`$1` is a parameter in both). What differs is
//! here, and the words that keep claimers apart: PostgreSQL has `SKIP LOCKED`, SQLite has one writer.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, AssertSqlSafe, Executor as _};

use super::{StoreError, instant};
use crate::job::now_us;

/// Connections that read beside the one that writes to SQLite.
const SQLITE_READERS: u32 = 2;
/// Connections to PostgreSQL. Its own default is 100 for all machines.
const POSTGRES_CONNECTIONS: u32 = 8;
/// What PostgreSQL is told on each connection: a machine that is cut off in the middle of something must
/// not keep the rows that it has locked, or the lock of those who submit, for as long as TCP believes in
/// it, which is hours. On a Unix socket the second half is ignored.
const POSTGRES_SESSION: &str = "
    SET idle_in_transaction_session_timeout = '20s';
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '20s'";
/// Time to get a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the database's clock at the start.
const FIRST_LOOKS: usize = 8;
/// After so long a look counts, however slow it was: clocks drift.
const CLOCKS_DRIFT: Duration = Duration::from_secs(60);

/// Where jobs are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// `jobs.sqlite` in the data folder.
    Folder,
    /// A PostgreSQL database, by its address.
    Postgres(SecretString),
}

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    /// For statements that write. SQLite: one connection, so that waiting for it is fair.
    pub(super) writer: AnyPool,
    /// For statements that read.
    pub(super) reader: AnyPool,
    /// Locks the rows that a claim looks at, and passes those that others have locked.
    pub(super) skip_locked: &'static str,
    /// Serialises those who count before they insert.
    pub(super) lock_submits: Option<&'static str>,
    /// The database's clock less ours: instants of several machines are compared. Zero on one machine.
    clock_ahead: Mutex<Ahead>,
    /// Asks for that clock.
    clock: Option<&'static str>,
}

/// How far the database's clock is ahead.
#[derive(Debug, Default)]
struct Ahead {
    us: i64,
    /// How long the look took, and when it was. None: there was none.
    took: Duration,
    at: Option<Instant>,
}

impl Database {
    pub(super) async fn open(place: &Place, data_dir: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let database = match place {
            Place::Folder => sqlite(&data_dir.join("jobs.sqlite")).await?,
            Place::Postgres(address) => postgres(address).await?,
        };
        database.compare_clocks(FIRST_LOOKS).await?;
        Ok(database)
    }

    /// Whether other processes may use it.
    pub(super) const fn is_shared(&self) -> bool {
        self.clock.is_some()
    }

    /// Microseconds since the Unix epoch, on the clock that all workers share.
    pub(super) fn now_us(&self) -> u64 {
        now_us().saturating_add_signed(self.ahead().us)
    }

    /// Looks so many times how far the database's clock is ahead of ours. The quickest answer is the best:
    /// it is wrong by half of its time at most (Cristian, "Probabilistic clock synchronization", 1989).
    pub(super) async fn compare_clocks(&self, times: usize) -> Result<(), sqlx::Error> {
        let Some(clock) = self.clock else { return Ok(()) };
        for _ in 0..times {
            let asked = Instant::now();
            let theirs: i64 = sqlx::query_scalar(clock).fetch_one(&self.reader).await?;
            let took = asked.elapsed();
            let half = i64::try_from(took.as_micros() / 2).unwrap_or(0);
            let us = theirs + half - instant(now_us());
            let mut best = self.ahead();
            if best.at.is_none_or(|at| took <= best.took || at.elapsed() > CLOCKS_DRIFT) {
                *best = Ahead { us, took, at: Some(asked) };
            }
        }
        Ok(())
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.clock_ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sqlite(path: &Path) -> Result<Database, StoreError> {
    let unusable =
        |error: sqlx::Error| StoreError::Open { path: path.to_owned(), reason: error.to_string() };
    let url = url::Url::from_file_path(path).map_err(|()| StoreError::Open {
        path: path.to_owned(),
        reason: "it is no absolute path".to_owned(),
    })?;
    let options: AnyConnectOptions =
        format!("sqlite://{}?mode=rwc", url.path()).parse().map_err(unusable)?;
    // A job that was accepted survives a power failure, too: 202 is a promise.
    let writer = pool(1, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", &options).await;
    let writer = writer.map_err(unusable)?;
    let migrated = sqlx::migrate!("migrations/sqlite").run(&writer).await;
    migrated.map_err(|error| unusable(error.into()))?;
    let reader = pool(SQLITE_READERS, "PRAGMA query_only = ON", &options).await;
    Ok(Database {
        writer,
        reader: reader.map_err(unusable)?,
        skip_locked: "",
        lock_submits: None,
        clock_ahead: Mutex::default(),
        clock: None,
    })
}

async fn postgres(address: &SecretString) -> Result<Database, StoreError> {
    let named = shown(address);
    let unusable = |error: sqlx::Error| StoreError::Open {
        path: PathBuf::from(&named),
        reason: error.to_string(),
    };
    let options: AnyConnectOptions = address.expose_secret().parse().map_err(unusable)?;
    let pool = pool(POSTGRES_CONNECTIONS, POSTGRES_SESSION, &options).await.map_err(unusable)?;
    let migrated = sqlx::migrate!("migrations/postgres").run(&pool).await;
    migrated.map_err(|error| unusable(error.into()))?;
    Ok(Database {
        writer: pool.clone(),
        reader: pool,
        skip_locked: "FOR UPDATE SKIP LOCKED",
        lock_submits: Some("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.jobs'))"),
        clock_ahead: Mutex::default(),
        clock: Some("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"),
    })
}

async fn pool(
    connections: u32,
    first: &'static str,
    options: &AnyConnectOptions,
) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(AssertSqlSafe(first)).await.map(drop) })
        })
        .connect_with(options.clone())
        .await
}

/// The address without user, password and parameters.
fn shown(address: &SecretString) -> String {
    let Ok(mut url) = url::Url::parse(address.expose_secret()) else {
        return "the address of the database".to_owned();
    };
    // Neither fails for an address with a host; one without has nothing to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let shown = |address: &str| shown(&SecretString::from(address));
        assert_eq!(shown("postgres://me:word@db:5432/jobs?sslkey=k"), "postgres://db:5432/jobs");
        assert_eq!(shown("word"), "the address of the database");
    }
}
