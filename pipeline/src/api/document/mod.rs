//! The OpenAPI document (<https://spec.openapis.org/oas/v3.1.1.html>): what the routes say of themselves,
//! and what the types cannot say.

mod job;

use std::collections::BTreeMap;

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
            (name = "dashboard", description = "The page at `/`, and what only it asks"),
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
    name_operations(&mut document["paths"]);
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

/// Names of operations are unique (section 4.8.10): those that several handlers have begin with their tag.
fn name_operations(paths: &mut Value) {
    let mut counts = BTreeMap::new();
    for operation in members(paths).flat_map(members) {
        *counts.entry(operation["operationId"].clone().to_string()).or_insert(0) += 1;
    }
    for operation in members(paths).flat_map(members) {
        let id = operation["operationId"].clone();
        if counts.get(&id.to_string()).is_some_and(|&n| n > 1)
            && let (Some(id), Some(tag)) = (id.as_str(), operation["tags"][0].as_str())
        {
            operation["operationId"] = format!("{tag}_{id}").into();
        }
    }
}

fn named(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    named(value).map(|(_, member)| member)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_operations_have_one_name() {
        let guard = crate::api::Guard::of_this_machine();
        let mut document = finished(crate::api::routes(&guard).into_openapi(), false);
        let mut names = BTreeSet::new();
        for operation in members(&mut document["paths"]).flat_map(members) {
            let name = operation["operationId"].as_str().expect("a name").to_owned();
            assert!(names.insert(name.clone()), "two operations are called {name}");
        }
        assert!(names.contains("jobs_submit") && names.contains("batches_submit"), "{names:?}");
    }
}
