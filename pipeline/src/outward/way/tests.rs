use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, Proxy, Request};

use super::*;

/// A server on loopback: `/to?<address>` leads there, everything else answers `here`.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Server {
    async fn start(at: &str) -> Self {
        // Another test may have installed it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind((at, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::<Mutex<Vec<HeaderMap>>>::default();
        let note = Arc::clone(&asked);
        let answer = async move |uri: Uri, headers: HeaderMap| {
            note.lock().expect("no panic").push(headers);
            let mut answer = HeaderMap::new();
            answer.insert(header::CONNECTION, "close".parse().expect("a value"));
            let status = match (uri.path(), uri.query()) {
                ("/to", Some(to)) => {
                    answer.insert(header::LOCATION, to.parse().expect("a value"));
                    StatusCode::FOUND
                }
                _ => StatusCode::OK,
            };
            (status, answer, "here")
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn n_asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

fn outward(allow: &[&str]) -> Outward {
    let allow = allow.iter().map(|one| one.parse().expect("valid")).collect();
    Outward::new(&settings::Outward { allow, through_proxy: false })
}

/// What comes of `url` by `way`: the body, or the error's words.
async fn got(way: &Way, url: &str) -> Result<String, String> {
    let mut request = Request::new(Method::GET, url.parse().expect("an address"));
    for name in ["authorization", "x-api-key"] {
        request.headers_mut().insert(name, "secret".parse().expect("a value"));
    }
    let answer = fetch::ask(way, request).await.map_err(|error| error.to_string())?;
    answer.text().await.map_err(|error| error.to_string())
}

#[track_caller]
fn check(found: Result<String, String>, expected: Result<(), &str>) {
    match (found, expected) {
        (Ok(body), Ok(())) => assert_eq!(body, "here"),
        (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
        (found, _) => panic!("{found:?}, expected {expected:?}"),
    }
}

#[tokio::test]
async fn a_provider_is_asked_where_it_is_set_and_leads_nowhere_else_in_here() {
    let (own, other) = (Server::start("127.0.0.1").await, Server::start("127.0.0.1").await);
    for http in [HttpClient::Shared, HttpClient::PerRequest] {
        let way = outward(&[]).to_provider(&format!("{}/v1", own.url()), http, None);
        let way = way.expect("a client");
        check(got(&way, &own.url()).await, Ok(()));
        check(got(&way, &format!("{}/to?/file", own.url())).await, Ok(()));
        check(got(&way, &format!("{}/to?{}/file", own.url(), own.url())).await, Ok(()));

        let refused =
            "127.0.0.1 is no address outside of this network (hint: the setting outward.allow";
        check(got(&way, &other.url()).await, Err(refused));
        let led = format!("{}/to?{}/secret?token=1", own.url(), other.url());
        let reason = got(&way, &led).await.expect_err("refused");
        let to = format!("it leads to {}/secret?…: 127.0.0.1 is no address", other.url());
        assert!(reason.starts_with(&to), "{reason}");
        check(
            got(&way, &format!("{}/to?file:///etc/passwd", own.url())).await,
            Err("http or https"),
        );
        for private in ["http://169.254.169.254/latest/meta-data", "http://[::ffff:10.0.0.1]/"] {
            let led = format!("{}/to?{private}", own.url());
            check(got(&way, &led).await, Err("no address outside of this network"));
        }
        let round = format!("{}/to?/to?{}", own.url(), "/to?".repeat(12));
        check(got(&way, &round).await, Err("it leads on more than 10 times"));
    }
    assert_eq!(other.n_asked(), 0);
    // The same host by its name is another origin, and a name is looked up.
    let way = outward(&[]).to_provider(&own.url(), HttpClient::Shared, None).expect("a client");
    let by_name = format!("http://localhost:{}/", own.address.port());
    check(got(&way, &by_name).await, Err("localhost stands for "));
    let own_by_name = way.of(&by_name);
    check(got(&own_by_name, &by_name).await, Ok(()));
}

#[tokio::test]
async fn what_the_operator_allows_is_asked_without_what_is_the_providers() {
    let (own, other) = (Server::start("127.0.0.1").await, Server::start("127.0.0.2").await);
    let led = format!("{}/to?{}/file", own.url(), other.url());
    let by_name = format!("http://localhost:{}/", own.address.port());
    for (allow, expected) in [
        (&["127.0.0.2"][..], Ok(())),
        (&["127.0.0.0/8"], Ok(())),
        (&["127.0.0.3", "localhost"], Err("no address outside")),
    ] {
        let way = outward(allow).to_provider(&own.url(), HttpClient::Shared, None);
        check(got(&way.expect("a client"), &led).await, expected);
    }
    for (allow, expected) in [
        ("localhost", Ok(())),
        ("127.0.0.1", Ok(())),
        ("other.internal", Err("localhost stands for ")),
    ] {
        let way = outward(&[allow]).to_files(reqwest::Client::builder).expect("a client");
        check(got(&way, &by_name).await, expected);
    }
    let asked = |server: &Server, name: &str| {
        let asked = server.asked.lock().expect("no panic");
        asked.iter().map(|headers| headers.contains_key(name)).collect::<Vec<_>>()
    };
    for name in ["authorization", "x-api-key"] {
        assert!(asked(&own, name).iter().all(|&is_told| is_told), "{name}");
        assert_eq!(asked(&other, name), [false, false], "{name}");
    }
}

/// Names that stand for something else each time they are looked up.
struct Changing(Mutex<Vec<Vec<SocketAddr>>>);

impl Resolve for Changing {
    fn resolve(&self, _: Name) -> Resolving {
        let next = self.0.lock().expect("no panic").remove(0);
        let next: Addrs = Box::new(next.into_iter());
        Box::pin(std::future::ready(Ok(next)))
    }
}

/// DNS rebinding: what was looked up and found good is what is connected to, each time.
#[tokio::test]
async fn a_name_that_comes_to_stand_for_this_network_is_not_asked_any_more() {
    let (good, bad) = (Server::start("127.0.0.1").await, Server::start("127.0.0.2").await);
    let (a, b) = (good.address, bad.address);
    let answers = vec![vec![a], vec![b], vec![b, a], vec![]];
    let names = Names(Arc::new(Changing(Mutex::new(answers))));
    // The one that is allowed is the world here: nothing else of it is in reach.
    let outward = Outward { names, ..outward(&["127.0.0.1"]) };
    let way = outward.to_provider("http://127.0.0.3", HttpClient::PerRequest, None);
    let (way, url) = (way.expect("a client"), format!("http://cdn.example:{}/", a.port()));
    check(got(&way, &url).await, Ok(()));
    let refused = "cdn.example stands for 127.0.0.2, no address outside of this network";
    check(got(&way, &url).await, Err(refused));
    check(got(&way, &url).await, Ok(()));
    check(got(&way, &url).await, Err("cdn.example is no address"));
    assert_eq!((good.n_asked(), bad.n_asked()), (2, 0));
}

#[tokio::test]
async fn a_proxy_is_asked_in_our_place_where_it_is_set_so() {
    let proxy = Server::start("127.0.0.1").await;
    let with = |through_proxy| {
        let outward = Outward { through_proxy, ..outward(&[]) };
        let proxy = proxy.url();
        let build =
            move || reqwest::Client::builder().proxy(Proxy::all(&proxy).expect("an address"));
        outward.to_files(build).expect("a client")
    };
    check(got(&with(true), "http://cdn.invalid/file").await, Ok(()));
    assert_eq!(proxy.n_asked(), 1);
    check(got(&with(true), "http://10.0.0.1/file").await, Err("no address outside"));
    got(&with(false), "http://cdn.invalid/file").await.expect_err("there is no such name");
    assert_eq!(proxy.n_asked(), 1);
}
