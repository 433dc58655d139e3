//! Who may call what. With tokens, every route but those that watch whether the service lives asks for
//! one. Without, the service listens on loopback and answers what was sent from there, to there.

mod here;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use self::tokens::{Token, TokenError, Tokens, bearer};
use super::dialect::Dialect;
use super::problem::ApiProblem;
use crate::settings::{self, Role, Settings};

/// The name of the security scheme in the document.
pub const SCHEME: &str = "token";

/// Decides who may call. Clones are the same guard.
#[derive(Clone, Debug)]
pub struct Guard {
    tokens: Arc<Tokens>,
}

/// Why nobody can be let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Whoever reaches the address could use the service.
    #[error(
        "listen is {0}, which others can reach, and there are no tokens\n\
         hint: api.tokens=[{{name='me', env='REELBENCH_TOKEN', role='admin'}}], or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// A token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token. None: nobody needs one.
    pub name: Option<String>,
    /// What they may.
    pub role: Role,
}

/// What stands before a group of routes.
#[derive(Clone)]
struct Gate {
    guard: Guard,
    needed: Role,
    dialect: Dialect,
}

impl Guard {
    /// The guard that `settings` ask for, with the secrets of the environment.
    ///
    /// # Errors
    ///
    /// [`GuardError`].
    pub fn new(settings: &Settings) -> Result<Self, GuardError> {
        Self::with(&settings.api, settings.listen, |env| std::env::var_os(env))
    }

    /// A guard without tokens.
    #[cfg(test)]
    pub fn of_this_machine() -> Self {
        let api = settings::Api::default();
        Self::with(&api, ([127, 0, 0, 1], 0).into(), |_| None).expect("no tokens, on loopback")
    }

    fn with(
        api: &settings::Api,
        listen: SocketAddr,
        variable: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Result<Self, GuardError> {
        let tokens = Tokens::read(api, variable)?;
        if tokens.is_empty() && !listen.ip().is_loopback() {
            return Err(GuardError::Open(listen));
        }
        Ok(Self { tokens: Arc::new(tokens) })
    }

    /// Whether callers need a token.
    pub fn asks_for_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Lets only who may what `needed` may to these routes, and says so in their document. Everybody
    /// else is answered in `dialect`.
    pub fn over<S>(
        &self,
        mut routes: OpenApiRouter<S>,
        needed: Role,
        dialect: Dialect,
    ) -> OpenApiRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        for path in routes.get_openapi_mut().paths.paths.values_mut() {
            let methods = [&mut path.get, &mut path.post, &mut path.put, &mut path.delete];
            for operation in methods.into_iter().flatten() {
                let answers = &mut operation.responses.responses;
                let mut add = |status: &str, description: &str| {
                    let described = answers.entry(status.to_owned());
                    let schema = Ref::from_schema_name(dialect.schema);
                    let content = Content::new(Some(schema));
                    let answer = ResponseBuilder::new().description(description);
                    let answer = answer.content(dialect.media_type, content);
                    described.or_insert_with(|| answer.build().into());
                };
                if self.asks_for_tokens() {
                    let requirement = SecurityRequirement::new(SCHEME, [needed.as_str()]);
                    operation.security = Some(vec![requirement]);
                    add("401", "No token, or one that nobody has");
                    add("403", &format!("The token may not what {} may", needed.as_str()));
                    add("429", "The token has sent too many requests; `Retry-After` says when");
                } else {
                    add("403", "Not from this machine, or sent by a page of another origin");
                }
            }
        }
        let gate = Gate { guard: self.clone(), needed, dialect };
        routes.route_layer(middleware::from_fn_with_state(gate, admit))
    }

    /// Who calls. None: somebody on this machine, and nobody needs a token.
    fn caller(&self, headers: &HeaderMap, needed: Role) -> Result<Option<&Token>, ApiProblem> {
        if self.tokens.is_empty() {
            return here::check(headers).map(|()| None).map_err(ApiProblem::not_from_here);
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        let Some(secret) = given else {
            return Err(ApiProblem::no_token());
        };
        let token = self.tokens.of(secret).ok_or_else(ApiProblem::unknown_token)?;
        token.take_turn().map_err(|wait| ApiProblem::too_often(whole_seconds(wait)))?;
        if token.may(needed) { Ok(Some(token)) } else { Err(ApiProblem::may_not(needed.as_str())) }
    }
}

async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match gate.guard.caller(request.headers(), gate.needed) {
        Ok(token) => {
            if let Some(token) = token {
                tracing::Span::current().record("caller", token.name());
            }
            let caller = Caller {
                name: token.map(|token| token.name().to_owned()),
                role: token.map_or(Role::Admin, Token::role),
            };
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => {
            tracing::info!(%problem, "not let in");
            (gate.dialect.tell)(problem)
        }
    }
}

/// Up to the next whole second: `Retry-After` knows no less.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
