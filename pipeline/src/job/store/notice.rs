//! What the processes that share a database tell each other, so that nobody has to look again and again:
//! PostgreSQL's LISTEN and NOTIFY (<https://www.postgresql.org/docs/current/sql-notify.html>).
//!
//! A notice that is lost delays, and loses nothing: who was cut off is told [`Notice::Missed`], and looks
//! at everything again.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;

use super::{Place, Store, StoreError};

/// Before it is tried again to listen.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long a silence it is asked whether the database still hears us: a network that was cut tells
/// nobody, least of all him who only listens.
const SILENCE: Duration = Duration::from_secs(10);

/// Something that others should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    /// A job may be claimed.
    Queued,
    /// A job is to end.
    Cancel(String),
    /// A job has changed.
    Changed(String),
    /// Some notices were lost.
    #[serde(skip)]
    Missed,
}

/// The notices of other processes.
#[derive(Debug)]
pub struct Notices {
    address: SecretString,
    channel: String,
    listener: Option<PgListener>,
    silence: Duration,
}

impl Store {
    /// Listens to the other processes. None: this database has one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn notices(&self, place: &Place) -> Result<Option<Notices>, StoreError> {
        let Place::Postgres(address) = place else { return Ok(None) };
        let schema: String = sqlx::query_scalar("SELECT current_schema()::text")
            .fetch_one(&self.database.reader)
            .await?;
        let (address, channel) = (address.clone(), channel(&schema));
        let mut notices = Notices { address, channel, listener: None, silence: SILENCE };
        notices.listen().await?;
        Ok(Some(notices))
    }

    /// Names of jobs that change from now on, in this process or another. Who is too slow to read them is
    /// told so, and looks again.
    pub fn changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.changes.subscribe()
    }

    /// A job has changed, in this process.
    pub async fn changed(&self, id: &str) {
        self.heard_of(id);
        self.tell(&Notice::Changed(id.to_owned())).await;
    }

    /// A job has changed, somewhere.
    pub fn heard_of(&self, id: &str) {
        // Nobody may be watching.
        let _ = self.changes.send(id.into());
    }

    /// Tells the other processes. Where there are none, or they cannot be told now, nothing happens.
    pub async fn tell(&self, notice: &Notice) {
        if !self.is_shared() {
            return;
        }
        let text = serde_json::to_string(notice).unwrap_or_default();
        let told = sqlx::query("SELECT pg_notify('reelbench_' || current_schema(), $1)")
            .bind(text)
            .execute(&self.database.writer)
            .await;
        if let Err(error) = told {
            tracing::warn!(%error, ?notice, "cannot tell the other workers");
        }
    }
}

impl Notices {
    /// Waits for the next one. A connection that is lost is made again.
    pub async fn next(&mut self) -> Notice {
        loop {
            let Some(listener) = &mut self.listener else {
                tokio::time::sleep(PAUSE).await;
                if self.listen().await.is_ok() {
                    return Notice::Missed;
                }
                continue;
            };
            match tokio::time::timeout(self.silence, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    if let Ok(notice) = serde_json::from_str(notification.payload()) {
                        return notice;
                    }
                }
                // Cut off. What was said meanwhile is lost.
                Ok(Ok(None) | Err(_)) => self.listener = None,
                Err(_) if is_heard(listener, self.silence).await => {}
                Err(_) => {
                    tracing::warn!("the database does not hear us any more: connecting again");
                    self.listener = None;
                }
            }
        }
    }

    async fn listen(&mut self) -> Result<(), sqlx::Error> {
        // A pool of its own each time: the connection that is lost may hold its place for long.
        let mut listener = PgListener::connect(self.address.expose_secret()).await?;
        listener.listen(&self.channel).await?;
        self.listener = Some(listener);
        Ok(())
    }
}

/// Whether the database answers on this connection.
async fn is_heard(listener: &mut PgListener, patience: Duration) -> bool {
    let asked = sqlx::query("SELECT 1").execute(listener);
    matches!(tokio::time::timeout(patience, asked).await, Ok(Ok(_)))
}

fn channel(schema: &str) -> String {
    format!("reelbench_{schema}")
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::watch;

    use super::*;
    use crate::job::test_database::{LEASE, TestDatabase};

    /// A wire to the server that is cut while `is_cut` says so: connections stay, and nothing arrives.
    async fn wire(address: &SecretString, is_cut: watch::Receiver<bool>) -> SecretString {
        let mut url: url::Url = address.expose_secret().parse().expect("an address");
        let to = (url.host_str().expect("a host").to_owned(), url.port().expect("a port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        url.set_port(Some(listener.local_addr().expect("an address").port())).expect("set");
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (to, mut is_cut) = (to.clone(), is_cut.clone());
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(to).await.expect("the server");
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut server) => {}
                        () = async { drop(is_cut.wait_for(|is_cut| *is_cut).await) } => {
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        SecretString::from(url.to_string())
    }

    /// Nobody says goodbye where a network is cut.
    #[tokio::test]
    async fn who_listens_on_a_wire_that_was_cut_hears_again() {
        let Some(database) = TestDatabase::postgres().await else { return };
        let store = database.open("a", LEASE).await;
        let Place::Postgres(address) = &database.place else { panic!("it is PostgreSQL") };
        let (cut, is_cut) = watch::channel(false);
        let far = Place::Postgres(wire(address, is_cut).await);
        let mut notices = store.notices(&far).await.expect("answer").expect("PostgreSQL");
        notices.silence = Duration::from_millis(200);
        store.tell(&Notice::Queued).await;
        assert_eq!(notices.next().await, Notice::Queued);
        let quiet = tokio::time::timeout(Duration::from_millis(900), notices.next()).await;
        assert!(quiet.is_err(), "it is asked for, and heard: {quiet:?}");

        cut.send_replace(true);
        let mended = async {
            tokio::time::sleep(Duration::from_millis(900)).await;
            cut.send_replace(false);
        };
        let (heard, ()) = tokio::join!(notices.next(), mended);
        assert_eq!(heard, Notice::Missed);
        store.tell(&Notice::Cancel("a".to_owned())).await;
        assert_eq!(notices.next().await, Notice::Cancel("a".to_owned()));
    }
}
