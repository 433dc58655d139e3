use axum::http::HeaderValue;

use super::*;
use crate::settings::{Role, Token as Named};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn with(role: Option<Role>, listen: &str) -> Result<Guard, GuardError> {
    let named = |role| Named { name: "me".to_owned(), env: "ME".to_owned(), role };
    let api = settings::Api {
        tokens: role.map(named).into_iter().collect(),
        requests_per_s: std::num::NonZeroU32::MIN,
        burst: std::num::NonZeroU32::new(3).expect("not zero"),
        ..settings::Api::default()
    };
    Guard::with(&api, listen.parse().expect("an address"), |_| Some(SECRET.into()))
}

#[test]
fn without_tokens_nobody_else_can_reach_the_service() {
    for listen in ["127.0.0.1:8090", "[::1]:8090", "127.0.0.2:0"] {
        assert!(!with(None, listen).expect("open to this machine").asks_for_tokens());
    }
    for listen in ["0.0.0.0:8090", "[::]:8090", "10.0.0.7:80"] {
        let error = with(None, listen).expect_err("open to others");
        assert!(
            error.to_string().contains(&format!("listen is {listen}, which others")),
            "{error}"
        );
        assert!(with(Some(Role::Admin), listen).expect("with a token").asks_for_tokens());
    }
}

/// The answer to a request with these headers on a route that needs `Submit`: 200 for let in.
fn answer(guard: &Guard, headers: &[(header::HeaderName, &str)]) -> (u16, Option<String>) {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value)));
    let headers = headers.map(|(name, value)| (name, value.expect("a header"))).collect();
    match guard.caller(&headers, Role::Submit) {
        Ok(_) => (200, None),
        Err(problem) => {
            let status = problem.status().as_u16();
            let told = |(name, value): (header::HeaderName, HeaderValue)| {
                let is_told = name == header::WWW_AUTHENTICATE || name == header::RETRY_AFTER;
                is_told.then(|| value.to_str().expect("ASCII").to_owned())
            };
            (status, problem.into_headers().into_iter().find_map(told))
        }
    }
}

#[test]
fn refusals_are_those_of_rfc_6750() {
    let authorization = |value: &str| vec![(header::AUTHORIZATION, value.to_owned())];
    let ask = |guard: &Guard, headers: Vec<(header::HeaderName, String)>| {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.clone(), &**value)).collect();
        answer(guard, &headers)
    };
    let guard = with(Some(Role::Submit), "0.0.0.0:80").expect("a guard");
    let realm = "Bearer realm=\"reelbench\"".to_owned();
    assert_eq!(ask(&guard, Vec::new()), (401, Some(realm.clone())));
    assert_eq!(ask(&guard, authorization("Basic bWU6bWU=")), (401, Some(realm.clone())));
    let invalid = format!("{realm}, error=\"invalid_token\"");
    assert_eq!(ask(&guard, authorization("Bearer wrong")), (401, Some(invalid)));
    let right = || authorization(&format!("Bearer {SECRET}"));
    // A busy machine may let the seconds go by in which one more is allowed.
    let first = std::time::Instant::now();
    let mut n_let_in = 0;
    let refusal = loop {
        match ask(&guard, right()) {
            (200, None) => n_let_in += 1,
            refusal => break refusal,
        }
    };
    assert_eq!(refusal, (429, Some("1".to_owned())));
    assert!((3..=3 + first.elapsed().as_secs()).contains(&n_let_in), "{n_let_in}");

    let reader = with(Some(Role::Read), "0.0.0.0:80").expect("a guard");
    let scope = format!("{realm}, error=\"insufficient_scope\", scope=\"submit\"");
    assert_eq!(ask(&reader, right()), (403, Some(scope)));
}

#[test]
fn without_tokens_a_page_of_another_origin_is_not_answered() {
    let guard = with(None, "127.0.0.1:0").expect("a guard");
    let page = (header::ORIGIN, "https://page.example");
    let rebound = (header::HOST, "page.example");
    let here = (header::HOST, "127.0.0.1:8090");
    assert_eq!(answer(&guard, std::slice::from_ref(&here)).0, 200);
    assert_eq!(answer(&guard, &[here, page]).0, 403);
    assert_eq!(answer(&guard, &[rebound]).0, 403);
}

#[test]
fn a_wait_is_told_in_whole_seconds() {
    for (wait, expected) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
        assert_eq!(whole_seconds(Duration::from_millis(wait)), expected);
    }
}
