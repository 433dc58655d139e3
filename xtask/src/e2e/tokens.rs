//! Who may call what, as callers meet it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::json;

use super::{PATIENCE, World, short};
use crate::services::{PROVIDER_KEY, TOKENS};

pub(super) const ADMIN: &str = TOKENS[0].1;
const SUBMIT: &str = TOKENS[1].1;
pub(super) const READ: &str = TOKENS[2].1;
pub(super) const ALL: &str = "api.tokens=[{name='a', env='FIXTURE_ADMIN_TOKEN', role='admin'}, \
                   {name='s', env='FIXTURE_SUBMIT_TOKEN', role='submit'}, \
                   {name='r', env='FIXTURE_READ_TOKEN', role='read'}]";

async fn ask(world: &World, method: Method, path: &str, token: Option<&str>) -> Response {
    let url = world.base.join(path).expect("a path");
    let mut request = reqwest::Client::new().request(method.clone(), url);
    if method == Method::POST {
        request = request.json(&short(&json!({"stop_at": "script"})));
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("an answer")
}

async fn check(world: &World, method: Method, path: &str, expected: [(Option<&str>, u16); 5]) {
    for (token, status) in expected {
        let answer = ask(world, method.clone(), path, token).await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path} with {token:?}");
        assert!(answer.headers().contains_key("x-request-id"), "{method} {path}");
        if status == 401 {
            let challenge = answer.headers()["www-authenticate"].to_str().expect("ASCII");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_token_may_what_its_role_says_and_is_told_to_nobody() {
    let world = World::start("", &[ALL]).await;
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let wrong = Some("fixture-token-of-nobody-at-all");
    let roles = |open: [u16; 5]| {
        let tokens = [None, wrong, Some(READ), Some(SUBMIT), Some(ADMIN)];
        std::array::from_fn(|place| (tokens[place], open[place]))
    };
    check(&world, get.clone(), "/healthz", roles([200; 5])).await;
    check(&world, get.clone(), "/openapi.json", roles([200; 5])).await;
    // The dashboard holds no data.
    check(&world, get.clone(), "/", roles([200; 5])).await;
    check(&world, get.clone(), "/dashboard/app.js", roles([200; 5])).await;
    check(&world, get.clone(), "/api/v1/caller", roles([401, 401, 200, 200, 200])).await;
    for (token, expected) in [(READ, "read"), (SUBMIT, "submit"), (ADMIN, "admin")] {
        let answer = ask(&world, Method::GET, "/api/v1/caller", Some(token)).await;
        let caller: serde_json::Value = answer.json().await.expect("a document");
        assert_eq!(caller, json!({"name": &expected[..1], "role": expected}));
    }
    check(&world, get.clone(), "/metrics", roles([401, 401, 200, 200, 200])).await;
    check(&world, get, "/api/v1/jobs/x", roles([401, 401, 404, 404, 404])).await;
    check(&world, post, "/api/v1/jobs", roles([401, 401, 403, 202, 202])).await;
    check(&world, delete, "/api/v1/jobs/x", roles([401, 401, 403, 404, 404])).await;
    let mut told = world.log();
    assert!(told.contains("not let in"), "{told}");
    for path in ["/metrics", "/metrics.json", "/openapi.json", "/api/v1/jobs", "/api/v1/queue"] {
        let answer = ask(&world, Method::GET, path, Some(ADMIN)).await;
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        told += &answer.text().await.expect("a document");
    }
    let secrets = TOKENS.map(|(_, secret)| secret);
    for secret in [&secrets[..], &["fixture-token-of-nobody-at-all", PROVIDER_KEY]].concat() {
        assert!(!told.contains(secret), "{told}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_token_has_a_pace_of_its_own() {
    let world = World::start("", &[ALL, "api.requests_per_s=1", "api.burst=3"]).await;
    let mut refused: Option<HeaderMap> = None;
    for _ in 0..60 {
        let answer = ask(&world, Method::GET, "/api/v1/jobs/x", Some(READ)).await;
        if answer.status().as_u16() == 429 {
            refused = Some(answer.headers().clone());
            break;
        }
    }
    let wait: u64 = refused.expect("one too many")["retry-after"]
        .to_str()
        .expect("ASCII")
        .parse()
        .expect("seconds");
    assert!((1..=2).contains(&wait), "{wait}");
    let other = ask(&world, Method::GET, "/api/v1/jobs/x", Some(ADMIN)).await;
    assert_eq!(other.status().as_u16(), 404, "another token has its own pace");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let again = ask(&world, Method::GET, "/api/v1/jobs/x", Some(READ)).await;
    assert_eq!(again.status().as_u16(), 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_without_tokens_only_this_machine_is_served() {
    let mut world = World::start("", &[]).await;
    let client = reqwest::Client::new();
    let url = world.base.join("/api/v1/jobs/x").expect("a path");
    for (name, value, expected) in [
        ("origin", "https://page.example", 403),
        ("origin", "http://localhost:3000", 404),
        ("host", "rebound.example", 403),
    ] {
        let answer = client.get(url.clone()).header(name, value).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{name}: {value}");
    }
    world.pipeline.ends_by_sigterm(PATIENCE).await.expect("it ends");
    world.set.push("listen='0.0.0.0:0'".to_owned());
    let error = world.refusal().await;
    assert!(error.contains("others can reach, and there are no tokens"), "{error}");
    world.set.push(ALL.to_owned());
    let (pipeline, mut base) = world.worker("pipeline").await;
    base.set_host(Some("127.0.0.1")).expect("a host");
    let answer = client.get(base.join("/api/v1/jobs/x").expect("a path")).send().await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 401);
    pipeline.stop().await;
    world.servers.stop().await;
}
