//! Chromium without a window, driven through its DevTools protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>): JSON over a WebSocket, which these tests speak
//! already. Clicks and keys go the way of a user's, through the browser's input.
//!
//! Knows nothing of what the page shows.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::protocol::Connection;

/// Longer than anything a page does here on a loaded machine, but for a job.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs that Chromium is known by.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page. It ends with this, and its folder goes.
pub struct Browser {
    page: Connection,
    _process: Child,
    _profile: TempDir,
}

/// The browser of this machine. None: there is none, and this is no build server.
pub fn program() -> Option<PathBuf> {
    let found = PROGRAMS.iter().find_map(|name| which::which(name).ok());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no Chromium on a build server");
        eprintln!("skipped: no Chromium; `cargo xtask setup test` installs it");
    }
    found
}

impl Browser {
    /// Starts `program` on an empty page.
    pub async fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("temporary folder");
        let mut command = Command::new(program);
        command
            .args(["--headless=new", "--remote-debugging-port=0", "--no-first-run", "--mute-audio"])
            // Containers give it no namespaces, and it sees our own pages only.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--disable-component-update", "--lang=en-US"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            // Neither through a proxy nor into somebody's home.
            .arg("--no-proxy-server")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().expect("Chromium starts");
        let mut said = BufReader::new(process.stderr.take().expect("piped")).lines();
        let address = async {
            while let Some(line) = said.next_line().await.expect("UTF-8") {
                if let Some(address) = line.strip_prefix("DevTools listening on ws://") {
                    return address.split('/').next().unwrap_or_default().to_owned();
                }
            }
            panic!("Chromium ended before it listened");
        };
        let address = tokio::time::timeout(PATIENCE, address).await.expect("it listens in time");
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        let pages = reqwest::get(format!("http://{address}/json/list")).await.expect("an answer");
        let pages: Value = pages.json().await.expect("pages");
        let page = pages.as_array().into_iter().flatten().find(|page| page["type"] == "page");
        let url = page.expect("a page")["webSocketDebuggerUrl"].as_str().expect("an address");
        let page = Connection::open(url).await;
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        Self { page, _process: process, _profile: profile }
    }

    /// Goes to an address and waits until the page is loaded.
    pub async fn go(&self, url: &str) {
        self.page.call("Page.navigate", json!({"url": url})).await;
        self.until("document.readyState === 'complete' && location.protocol !== 'about:'").await;
    }

    /// The value of an expression in the page; a promise is waited for.
    pub async fn eval(&self, expression: &str) -> Value {
        let question = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.page.call("Runtime.evaluate", question).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&self, expression: &str) {
        self.until_for(expression, PATIENCE).await;
    }

    /// The same, for as long as a job may take.
    pub async fn until_for(&self, expression: &str, patience: Duration) {
        let looked = async {
            // A navigation ends what is evaluated: it is asked again and again, from here.
            while self.page.try_eval(expression).await != Some(Value::Bool(true)) {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        if tokio::time::timeout(patience, looked).await.is_err() {
            let shown = self.eval("document.body.innerText").await;
            panic!("never true: {expression}\n{}\n{shown}", self.complaints().join("\n"));
        }
    }

    /// Clicks the middle of the element, as a mouse does.
    pub async fn click(&self, selector: &str) {
        self.until(&format!("document.querySelector({selector:?}) !== null")).await;
        let place = format!(
            "(() => {{ const one = document.querySelector({selector:?}); one.scrollIntoView({{block: 'center'}}); \
             const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let place = self.eval(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.page.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Presses a key: `Tab`, `Enter`, `Escape` or `Space`.
    pub async fn press(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, None),
            "Enter" => ("Enter", 13, Some("\r")),
            "Escape" => ("Escape", 27, None),
            "Space" => ("Space", 32, Some(" ")),
            other => panic!("no such key: {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "code": code, "key": text.filter(|_| key == "Space").unwrap_or(key),
                "windowsVirtualKeyCode": number,
            });
            if let (Some(text), "keyDown") = (text, kind) {
                event["text"] = text.into();
            }
            self.page.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Types into what has the focus.
    pub async fn write(&self, text: &str) {
        self.page.call("Input.insertText", json!({"text": text})).await;
    }

    /// Presses Tab until what has the focus matches; a keyboard has no other way.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..60 {
            self.press("Tab").await;
            let is_there = format!("document.activeElement?.matches({selector:?}) === true");
            if self.eval(&is_there).await == Value::Bool(true) {
                return;
            }
        }
        panic!("no Tab leads to {selector}");
    }

    /// A window of that many pixels; a narrow one is a phone's.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.page.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the reader's system prefers: `dark` or `light`.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            // Pictures of what moves differ.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.page.call("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// What language the reader's browser asks for.
    pub async fn speak(&self, language: &str) {
        let agent = self.eval("navigator.userAgent").await;
        let wish = json!({"userAgent": agent, "acceptLanguage": language});
        self.page.call("Network.setUserAgentOverride", wish).await;
    }

    /// A picture of what is seen, as PNG.
    pub async fn picture(&self, file: &Path) {
        let shot = self.page.call("Page.captureScreenshot", json!({"format": "png"})).await;
        let data = shot["data"].as_str().expect("a picture");
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        fs_err::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs_err::write(file, bytes).expect("written");
    }

    /// Addresses that were asked for so far, but for what the page has in memory.
    pub fn requests(&self) -> Vec<String> {
        let events = self.page.events();
        let sent = events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        let urls = sent.filter_map(|event| event["params"]["request"]["url"].as_str());
        urls.filter(|url| !url.starts_with("blob:") && !url.starts_with("data:"))
            .map(str::to_owned)
            .collect()
    }

    /// Errors of the console, of scripts and of what could not be loaded.
    pub fn complaints(&self) -> Vec<String> {
        let is_bad = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        self.page.events().iter().filter(is_bad).map(|event| event["params"].to_string()).collect()
    }
}
