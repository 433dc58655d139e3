//! A database for a test: a folder, or a schema of its own on a real PostgreSQL server.
//!
//! `cargo xtask test` starts a server and names it in `REELBENCH_POSTGRES`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use super::store::{Place, Store};

/// Longer than any test takes to come to it.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// Where the jobs of a test are.
pub(super) struct TestDatabase {
    pub(super) place: Place,
    folder: TempDir,
}

impl TestDatabase {
    /// SQLite.
    pub(super) async fn sqlite() -> Option<Self> {
        Some(Self { place: Place::Folder, folder: folder() })
    }

    /// PostgreSQL. None: there is no server, and this is no build server.
    pub(super) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("REELBENCH_POSTGRES") else {
            assert!(std::env::var_os("CI").is_none(), "no REELBENCH_POSTGRES on a build server");
            eprintln!("skipped: no REELBENCH_POSTGRES; `cargo xtask test` starts a server");
            return None;
        };
        // A transaction of its own would be seen by LISTEN; a schema is a database of its own here.
        let schema = format!("t{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(&server).await.expect("the server");
        let create = format!("CREATE SCHEMA {schema}");
        connection.execute(AssertSqlSafe(create)).await.expect("a schema");
        let mut address: url::Url = server.parse().expect("an address");
        address.query_pairs_mut().append_pair("options", &format!("-csearch_path={schema}"));
        let place = Place::Postgres(SecretString::from(address.to_string()));
        Some(Self { place, folder: folder() })
    }

    /// Lets the lease of every job run out, where others could take it.
    pub(super) async fn run_out_leases(&self) {
        let Place::Postgres(address) = &self.place else { return };
        let address = secrecy::ExposeSecret::expose_secret(address);
        let mut connection = PgConnection::connect(address).await.expect("the server");
        connection.execute("UPDATE jobs SET lease_until_us = 0").await.expect("written");
    }

    /// The data folder of the first worker.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Opens it as the worker of `folder`, below the data folder.
    pub(super) async fn open(&self, folder: &str, lease: Duration) -> Arc<Store> {
        let folder = self.path().join(folder);
        Arc::new(Store::open(&self.place, &folder, lease).await.expect("a database"))
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("temporary folder")
}

/// Makes of each `async fn case(TestDatabase)` one test a database.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                let database = crate::job::test_database::TestDatabase::sqlite().await;
                super::$case(database.expect("a folder")).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                if let Some(database) = crate::job::test_database::TestDatabase::postgres().await {
                    super::$case(database).await;
                }
            })+
        }
    };
}
pub(super) use on_both;
