//! The container engine, asked over its socket (Docker Engine API, `GET /version`:
//! <https://docs.docker.com/reference/api/engine/>).

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

const LIMIT: Duration = Duration::from_secs(5);

/// Where no `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// A container engine, or why there is none.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Engine {
    /// Where it was asked.
    pub host: String,
    /// Its version. None: it does not answer.
    pub version: Option<String>,
    /// Why it does not answer; empty where it does.
    pub reason: String,
}

/// Asks the engine that `DOCKER_HOST` names, or the usual socket.
pub async fn look() -> Engine {
    let host = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    ask(host.unwrap_or_else(|| format!("unix://{SOCKET}"))).await
}

async fn ask(host: String) -> Engine {
    match version(&host).await {
        Ok(version) => Engine { host, version: Some(version), reason: String::new() },
        Err(error) => {
            // The last cause is the one that helps: "no such file", "connection refused".
            Engine { host, version: None, reason: error.root_cause().to_string() }
        }
    }
}

async fn version(host: &str) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        version: String,
    }
    let builder = reqwest::Client::builder().timeout(LIMIT).no_proxy();
    let (client, url) = match address(host)? {
        Address::Socket(path) => (builder.unix_socket(path), "http://engine/version".to_owned()),
        Address::Tcp(authority) => (builder, format!("http://{authority}/version")),
    };
    let answer = client.build()?.get(url).send().await?.error_for_status()?;
    let version: Version = answer.json().await.context("the answer names no version")?;
    Ok(version.version)
}

#[derive(Debug, PartialEq, Eq)]
enum Address {
    Socket(PathBuf),
    Tcp(String),
}

fn address(host: &str) -> anyhow::Result<Address> {
    match host.split_once("://") {
        Some(("unix", path)) => Ok(Address::Socket(path.into())),
        Some(("tcp" | "http", authority)) => {
            Ok(Address::Tcp(authority.trim_end_matches('/').to_owned()))
        }
        _ => bail!("expected unix:// or tcp://, found {host:?}"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    #[test]
    fn docker_host_is_a_socket_or_an_address() {
        let socket = Address::Socket("/run/user/1000/podman.sock".into());
        assert_eq!(address("unix:///run/user/1000/podman.sock").ok(), Some(socket));
        let tcp = Address::Tcp("10.0.0.1:2375".to_owned());
        assert_eq!(address("tcp://10.0.0.1:2375/").ok(), Some(tcp));
        for bad in ["ssh://somebody@host", "", "/var/run/docker.sock"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named_with_the_reason() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let engine = ask("unix:///no/such/docker.sock".to_owned()).await;
        assert_eq!(engine.version, None);
        assert!(engine.reason.contains("No such file"), "{engine:?}");
    }

    /// Answers one request with `body`, and gives what it was asked.
    async fn serve(listener: UnixListener, status: &str, body: &str) -> String {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = vec![0; 1024];
        let n_bytes = stream.read(&mut request).await.expect("a request");
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.expect("an answer");
        String::from_utf8_lossy(&request[..n_bytes]).into_owned()
    }

    #[tokio::test]
    async fn the_version_is_asked_for_over_the_socket() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a temp folder");
        let path = folder.path().join("engine.sock");
        let cases = [
            ("200 OK", r#"{"Version":"28.2.2","ApiVersion":"1.50"}"#, Some("28.2.2")),
            ("500 Internal Server Error", r#"{"message":"no"}"#, None),
            ("200 OK", "<html>", None),
        ];
        for (status, body, expected) in cases {
            let _ = fs_err::remove_file(&path);
            let listener = UnixListener::bind(&path).expect("a socket");
            let host = format!("unix://{}", path.display());
            let (engine, request) = tokio::join!(ask(host), serve(listener, status, body));
            assert_eq!(engine.version.as_deref(), expected, "{engine:?}");
            assert!(request.starts_with("GET /version HTTP/1.1\r\n"), "{request}");
        }
    }
}
