//! Against an S3 on loopback that keeps half of what it is sent, or never answers.

use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::*;

#[derive(Debug, Default)]
struct Server {
    /// Method and query of what was asked.
    asked: Mutex<Vec<String>>,
    /// Size of the object, where there is one.
    object: Mutex<Option<usize>>,
}

async fn answer(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let asked = format!("{method} {}", uri.query().unwrap_or_default());
    let is_first = {
        let mut all = server.asked.lock().expect("no panic");
        all.push(asked.clone());
        !all[..all.len() - 1].contains(&asked)
    };
    let object = || server.object.lock().expect("no panic");
    let xml = |name: &str, inside: &str| {
        format!("<?xml version=\"1.0\"?><{name}>{inside}</{name}>").into_response()
    };
    match asked.as_str() {
        "PUT " if object().is_some() => StatusCode::PRECONDITION_FAILED.into_response(),
        "PUT " => {
            *object() = Some(if is_first { body.len() / 2 } else { body.len() });
            [("etag", "\"1\"")].into_response()
        }
        "HEAD " => match *object() {
            None => StatusCode::NOT_FOUND.into_response(),
            Some(n_bytes) => {
                let modified = "Wed, 21 Oct 2015 07:28:00 GMT".to_owned();
                let head = [("etag", "\"1\"".to_owned()), ("last-modified", modified)];
                (head, vec![0; n_bytes]).into_response()
            }
        },
        "POST delete" => {
            *object() = None;
            xml("DeleteResult", "<Deleted><Key>job/a</Key></Deleted>")
        }
        "POST uploads" | "POST uploads=" => {
            xml("InitiateMultipartUploadResult", "<UploadId>u1</UploadId>")
        }
        "PUT partNumber=1&uploadId=u1" => [("etag", "\"1\"")].into_response(),
        _ if method == Method::PUT => std::future::pending().await,
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn start() -> (Arc<Server>, Publisher) {
    // Another test may have installed it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("address"));
    let server = Arc::new(Server::default());
    let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable());
    let router = router.with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let store = AmazonS3Builder::new()
        .with_bucket_name("b")
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .build()
        .expect("a client");
    let publisher = Publisher {
        store: Arc::new(store),
        root: "s3://b/".to_owned(),
        prefix: ObjectPath::default(),
    };
    (server, publisher)
}

#[tokio::test]
async fn half_a_file_is_taken_away_and_sent_again() {
    let (server, publisher) = start().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("a");
    fs_err::write(&file, "whole").expect("written");
    publisher.publish(&file, "job", "a", Existing::Stays).await.expect("published the second time");
    assert_eq!(*server.object.lock().expect("no panic"), Some(5));
    let asked = server.asked.lock().expect("no panic").clone();
    assert_eq!(asked, ["PUT ", "HEAD ", "POST delete", "PUT ", "HEAD "]);
}

#[tokio::test]
async fn parts_of_an_upload_that_is_given_up_are_thrown_away() {
    let (server, publisher) = start().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("a");
    let sparse = fs_err::File::create(&file).expect("made");
    sparse.set_len(100 << 20).expect("long");
    let publish = publisher.publish(&file, "job", "a", Existing::Stays);
    let is_sent = async {
        while !server.asked.lock().expect("no panic").iter().any(|a| a.contains("partNumber=2")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = publish => panic!("the second part is never answered: {ended:?}"),
        () = is_sent => {}
    }
    for _ in 0..500 {
        if server.asked.lock().expect("no panic").contains(&"DELETE uploadId=u1".to_owned()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the parts stay: {:?}", server.asked.lock());
}
