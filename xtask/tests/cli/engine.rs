//! An engine that lists what it is told to list, and writes down what it is to remove.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// It answers as long as the test runs.
pub struct Engine {
    /// What `DOCKER_HOST` is.
    pub host: String,
    removed: Arc<Mutex<Vec<String>>>,
}

/// What there is.
pub struct Things {
    /// IDs of containers, with the sessions that made them.
    pub containers: Vec<(&'static str, String)>,
    /// IDs of images, with their names.
    pub images: Vec<(&'static str, String)>,
}

impl Engine {
    /// One that has `things`, with its socket in `folder`.
    pub fn start(folder: &Path, things: Things) -> Self {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let removed = Arc::new(Mutex::new(Vec::new()));
        let host = format!("unix://{}", socket.display());
        let engine = Self { host, removed: Arc::clone(&removed) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.expect("a connection"), &things, &removed);
            }
        });
        engine
    }

    /// The paths that were to be removed, in order.
    pub fn removed(&self) -> Vec<String> {
        self.removed.lock().expect("alone").clone()
    }
}

fn answer(mut stream: &UnixStream, things: &Things, removed: &Mutex<Vec<String>>) {
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let mut words = head.first().expect("a request").split([' ', '?']);
    let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
    let path = path.trim_start_matches("/v1.41");
    let mut removed = removed.lock().expect("alone");
    let (status, body) = if method == "DELETE" {
        removed.push(path.to_owned());
        (200, "[]".to_owned())
    } else {
        found(path, things, &removed)
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
}

fn found(path: &str, things: &Things, removed: &[String]) -> (u16, String) {
    use serde_json::json;
    let is_left = |kind: &str, names: [&str; 2]| {
        !names.iter().any(|name| removed.contains(&format!("/{kind}/{name}")))
    };
    let images =
        || things.images.iter().filter(|(id, name)| is_left("images", [id, name.as_str()]));
    let body = match path {
        "/version" => json!({"Version": "0.0", "ApiVersion": "1.41"}),
        "/containers/json" => things
            .containers
            .iter()
            .filter(|(id, _)| is_left("containers", [id, id]))
            .map(|(id, session)| {
                json!({"Id": id, "Labels": {"reelbench": "1", "reelbench.session": session}})
            })
            .collect(),
        "/images/json" => images()
            .map(|(id, name)| {
                json!({
                    "Id": id, "RepoTags": [name], "ParentId": "", "RepoDigests": [], "Created": 0,
                    "Size": 0, "SharedSize": -1, "Labels": {}, "Containers": -1,
                })
            })
            .collect(),
        _ => {
            let asked = |(id, name): &&(&'static str, String)| {
                [id, name.as_str()].iter().any(|name| path == format!("/images/{name}/json"))
            };
            match images().find(asked) {
                Some((id, name)) => json!({"Id": id, "RepoTags": [name]}),
                None => return (404, json!({"message": "no such thing"}).to_string()),
            }
        }
    };
    (200, body.to_string())
}
