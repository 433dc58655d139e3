//! The OpenAPI document (<https://spec.openapis.org/oas/v3.1.1.html>): what the routes say of themselves,
//! and what the types cannot say.

mod job;

use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::guard::SCHEME;
use super::problem::MEDIA_TYPE;

/// The document before the routes.
pub fn begun() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(
        info(
            title = "Reelbench",
            description = "Text to video. A refused request is answered with a problem document (RFC 9457)."
        ),
        components(schemas(protocol::Problem)),
        tags(
            (name = "jobs", description = "Videos, from the request to the file"),
            (name = "moneyprinterturbo", description = "MoneyPrinterTurbo's routes, with its status codes"),
            (name = "batches", description = "Many jobs at once"),
            (name = "queue", description = "For those who run the service"),
            (name = "runpod", description = "RunPod's operations, bare and below /v2/{endpoint}"),
            (name = "speech", description = "OpenAI's way to speak a text"),
            (name = "watch", description = "For those who watch the service"),
        )
    )]
    struct Begun;
    Begun::openapi()
}

/// The document as it is served. `has_tokens`: callers need one.
pub fn finished(mut document: utoipa::openapi::OpenApi, has_tokens: bool) -> Value {
    if has_tokens {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme(SCHEME, scheme);
    }
    // It holds names, texts and numbers: it can always be written.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    describe_problems(&mut document["paths"]);
    name_endpoints(&mut document["paths"]);
    job::describe(&mut document["components"]["schemas"]);
    document
}

/// A refusal that is not said to be anything else is a problem document.
fn describe_problems(paths: &mut Value) {
    let operations = members(paths).flat_map(members);
    for (status, response) in operations.flat_map(|operation| named(&mut operation["responses"])) {
        if status.starts_with(['4', '5']) && response.get("content").is_none() {
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            response["content"] = json!({MEDIA_TYPE: {"schema": schema}});
        }
    }
}

/// RunPod's operations stand below the name of an endpoint, too: which one, nobody looks at.
fn name_endpoints(paths: &mut Value) {
    for (path, item) in named(paths).filter(|(path, _)| path.starts_with("/v2/{endpoint}/")) {
        for operation in members(item) {
            let id = format!(
                "v2_{}",
                path.rsplit('/').find(|part| !part.starts_with('{')).unwrap_or(path)
            );
            operation["operationId"] = id.replace('-', "_").into();
            let endpoint = json!({
                "name": "endpoint",
                "in": "path",
                "required": true,
                "description": "Any name",
                "schema": {"type": "string"},
            });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.push(endpoint),
                None => operation["parameters"] = json!([endpoint]),
            }
        }
    }
}

fn named(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    named(value).map(|(_, member)| member)
}
