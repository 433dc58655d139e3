//! The container engine, as `doctor` shows it.

use serde::Serialize;

use crate::image::engine;

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
    ask(engine::host_from_env()).await
}

async fn ask(host: String) -> Engine {
    match engine::Engine::reach(&host).await {
        Ok(engine) => {
            let version = Some(engine.version().to_owned());
            Engine { host, version, reason: String::new() }
        }
        Err(reason) => Engine { host, version: None, reason },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named_with_the_reason() {
        for (host, reason) in [
            ("unix:///no/such/docker.sock", "/no/such/docker.sock"),
            ("tcp://127.0.0.1:9", "Connection refused"),
            ("ssh://somebody@host", "ssh"),
        ] {
            let engine = ask(host.to_owned()).await;
            assert_eq!((engine.version.as_deref(), engine.host.as_str()), (None, host));
            assert!(engine.reason.contains(reason), "{engine:?}");
        }
    }

    /// Answers every request with `body`.
    async fn serve(listener: UnixListener, status: &str, body: &str) {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = vec![0; 1024];
            let n_bytes = stream.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..n_bytes]);
            assert!(request.starts_with("GET ") && request.contains("/version "), "{request}");
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await.expect("an answer");
        }
    }

    #[tokio::test]
    async fn the_version_is_asked_for_over_the_socket() {
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
            let engine = tokio::select! {
                engine = ask(host) => engine,
                () = serve(listener, status, body) => panic!("it serves for ever"),
            };
            assert_eq!(engine.version.as_deref(), expected, "{engine:?}");
            assert_eq!(engine.reason.is_empty(), expected.is_some(), "{engine:?}");
        }
    }
}
