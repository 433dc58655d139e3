//! No secret is told: the program asks providers that answer with all that they were sent, in every way
//! that an answer can be wrong, and says nothing of its keys.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// A key that stands in addresses otherwise than it is: what is looked for is in both.
const KEY: &str = "MARKED+of/a=key";
const MARK: &str = "MARKED";

/// How a provider answers what it was sent.
#[derive(Clone, Copy, Debug)]
enum Says {
    /// With this status, and the request as the body.
    Status(u16),
    /// That it is elsewhere, with the request's address in the query.
    Elsewhere,
    /// With the request in a header, half a body, and no more.
    Half,
}

struct Echo {
    base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let note = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let request = answer(connection, says);
                note.lock().expect("no panic").extend(request);
            }
        });
        Self { base_url, asked }
    }
}

fn answer(mut connection: TcpStream, says: Says) -> Option<String> {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match connection.read(&mut chunk) {
            Ok(n_bytes) if n_bytes > 0 => request.extend(&chunk[..n_bytes]),
            _ => return None,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let n_bytes = request.len();
    let first = request.lines().next().unwrap_or_default().replace(' ', "%20");
    let close = "Connection: close\r\n";
    let text = match says {
        Says::Status(status) => {
            format!("HTTP/1.1 {status} x\r\n{close}Content-Length: {n_bytes}\r\n\r\n{request}")
        }
        Says::Elsewhere => format!(
            "HTTP/1.1 307 x\r\n{close}Location: http://me:{MARK}@127.0.0.1:9/?{first}\r\n\
             Content-Length: 0\r\n\r\n"
        ),
        Says::Half => format!(
            "HTTP/1.1 200 x\r\n{close}X-Request: {first}\r\nContent-Length: {}\r\n\r\n{request}",
            n_bytes + 9
        ),
    };
    // The client may leave in the middle.
    let _ = connection.write_all(text.as_bytes());
    Some(request)
}

/// What the program says of a job whose providers answer so.
fn check(says: Says, job: &str, log: &[&str]) {
    let echo = Echo::start(says);
    let data = tempfile::tempdir().expect("a folder");
    let base_url = &echo.base_url;
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.args(log).current_dir(data.path());
    for setting in [
        "data_dir=data".to_owned(),
        "models.dir=models".to_owned(),
        "jobs.max_attempts=1".to_owned(),
        "llm.budget_s=3.0".to_owned(),
        "render.encoders=['libx264']".to_owned(),
        format!("llm.base_url='{base_url}'"),
        format!("speech.base_url='{base_url}'"),
        format!("stock.pexels={{base_url='{base_url}', api_key_env='PEXELS_API_KEY'}}"),
        format!("stock.pixabay={{base_url='{base_url}', api_key_env='PIXABAY_API_KEY'}}"),
        format!("stock.coverr={{base_url='{base_url}', api_key_env='COVERR_API_KEY'}}"),
        format!("replicate.base_url='{base_url}'"),
        "replicate.model='a/picture'".to_owned(),
    ] {
        command.args(["--set", &setting]);
    }
    for provider in ["OPENAI_API_KEY", "PEXELS_API_KEY", "PIXABAY_API_KEY", "COVERR_API_KEY"] {
        command.env(provider, KEY);
    }
    command.env("REPLICATE_API_TOKEN", KEY).env("NO_PROXY", "127.0.0.1");
    command.env("RUST_LOG", "debug").env("NO_COLOR", "1");
    command.args(["make"]).args(job.split('|'));
    command.stdin(std::process::Stdio::null());
    let output = command.output().expect("the program");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{says:?} {job}: {said}");
    let asked = echo.asked.lock().expect("no panic").concat();
    assert!(asked.contains(MARK), "{says:?} {job}: the key is sent, or nothing is shown: {said}");
    assert!(!said.contains(MARK), "{says:?} {job}: {said}");
}

#[test]
fn nothing_that_is_said_has_a_key_in_it() {
    let text =
        "--video-script|The sea is wide.|--video-terms|sea|--stop-at|materials|--video-source";
    let jobs = [
        "--video-subject|the sea|--stop-at|script".to_owned(),
        "--video-script|The sea is wide.|--stop-at|audio|--voice-name|openai:alloy".to_owned(),
        format!("{text}|pexels"),
        format!("{text}|pixabay"),
        format!("{text}|coverr"),
        format!("{text}|replicate"),
    ];
    let logs = [&["--log-json"][..], &[]];
    let says = [Says::Status(401), Says::Status(400), Says::Status(200), Says::Elsewhere];
    for (i, says) in says.into_iter().enumerate() {
        for (j, job) in jobs.iter().enumerate() {
            check(says, job, logs[(i + j) % 2]);
        }
    }
    for log in logs {
        check(Says::Half, &jobs[3], log);
        check(Says::Status(500), &jobs[3], log);
    }
}
