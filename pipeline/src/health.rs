//! Asks a service on this machine whether it is alive, as an orchestrator does: images need no `curl`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Longer than a busy service takes, shorter than whoever asks waits.
const LIMIT: Duration = Duration::from_secs(4);

/// Asks `/healthz` of the service that listens on `listen`.
///
/// # Errors
///
/// It does not answer, or not with 200.
pub async fn ask(listen: SocketAddr) -> anyhow::Result<()> {
    let url = format!("http://{}/healthz", reachable(listen));
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("no answer from {url}"))?;
    let status = answer.status();
    ensure!(status.as_u16() == 200, "{url}: expected 200, got {status}");
    Ok(())
}

/// Where to ask a service that listens on `listen`: one that listens everywhere does so on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:8090", "127.0.0.1:8090"),
            ("[::]:8090", "[::1]:8090"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), expected);
        }
    }

    /// Asks a service that answers with `status`.
    async fn asked(status: StatusCode) -> Result<(), String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut address = listener.local_addr().expect("an address");
        address.set_ip(Ipv4Addr::UNSPECIFIED.into());
        let router = Router::new().route("/healthz", get(async move || status));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let answer = ask(address).await.map_err(|error| format!("{error:#}"));
        server.abort();
        answer
    }

    #[tokio::test]
    async fn alive_is_200_and_nothing_else() {
        asked(StatusCode::OK).await.expect("alive");
        let error = asked(StatusCode::SERVICE_UNAVAILABLE).await.expect_err("not alive");
        assert!(error.ends_with("/healthz: expected 200, got 503 Service Unavailable"), "{error}");
    }

    #[tokio::test]
    async fn nobody_is_not_alive() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Nobody listens on port 9 of loopback.
        let error = ask("127.0.0.1:9".parse().expect("an address")).await.expect_err("nobody");
        assert!(format!("{error:#}").contains("no answer from http://127.0.0.1:9/healthz"));
    }
}
