//! What an image may be called: Docker's grammar of references, in short.

/// Bytes of a name without its tag.
const LONGEST_NAME: usize = 255;
/// Characters of a tag.
const LONGEST_TAG: usize = 128;

/// `typed` as a name with a tag: `latest` where it has none.
///
/// # Errors
///
/// The engine would not take it; says why.
pub fn with_tag(typed: &str) -> Result<String, String> {
    if typed.contains('@') {
        return Err("a digest cannot be given to an image".to_owned());
    }
    let (name, tag) = split(typed);
    if name.len() > LONGEST_NAME {
        return Err(format!("the name is longer than {LONGEST_NAME} bytes"));
    }
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if is_registry(host) => (Some(host), path),
        _ => (None, name),
    };
    if let Some(host) = host.filter(|host| !is_host(host)) {
        return Err(format!("`{host}` is no host or host:port of a registry"));
    }
    if let Some(part) = path.split('/').find(|part| !is_component(part)) {
        return Err(format!(
            "`{part}` is no part of a name: lower-case letters and digits, with `.`, `_`, `__` or \
             hyphens between them"
        ));
    }
    if host.is_none() && path.len() == 64 && path.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("64 hexadecimal digits are an ID".to_owned());
    }
    if !is_tag(tag) {
        return Err(format!(
            "`{tag}` is no tag: up to {LONGEST_TAG} letters, digits, `_`, `.` and `-`, and neither `.` \
             nor `-` first"
        ));
    }
    Ok(format!("{name}:{tag}"))
}

/// A name without its tag, and the tag. A port is no tag; a digest stays with the name.
pub fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repo, tag)) if !tag.contains('/') && !repo.contains('@') => (repo, tag),
        _ => (name, if name.contains('@') { "" } else { "latest" }),
    }
}

/// Whether what stands before the first slash is a registry, and not a part of the name.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(inner) && label.trim_matches('-') == label
    };
    name.split('.').all(is_label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Runs of lower-case letters and digits, with one separator between two of them.
fn is_component(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |text: &str| {
        matches!(text, "" | "." | "_" | "__") || text.chars().all(|character| character == '-')
    };
    part.starts_with(is_word) && part.ends_with(is_word) && part.split(is_word).all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= LONGEST_TAG
        && tag.starts_with(is_word)
        && tag.chars().all(|c| is_word(c) || ".-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Result<&str, &str>) {
        match (with_tag(typed), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{typed}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{typed}: {found}"),
            (found, _) => panic!("{typed}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn a_name_without_a_tag_is_the_latest() {
        check("mine", Ok("mine:latest"));
        check("mine:1", Ok("mine:1"));
        check("host:5000/mine", Ok("host:5000/mine:latest"));
        check("host:5000/mine:1", Ok("host:5000/mine:1"));
        check("localhost/a/b", Ok("localhost/a/b:latest"));
        check("Registry.example:443/team/a.b_c__d---e:V1.0-x_", {
            Ok("Registry.example:443/team/a.b_c__d---e:V1.0-x_")
        });
        check("mine:_1", Ok("mine:_1"));
    }

    #[test]
    fn what_the_engine_would_refuse_is_refused() {
        check("", Err("`` is no part of a name"));
        check("Mine", Err("`Mine` is no part of a name"));
        check("team/Mine:1", Err("`Mine` is no part of a name"));
        for part in ["a b", "-a", "a-", "a..b", "a___b", "a._b", "ä"] {
            check(part, Err("is no part of a name"));
            check(&format!("host:5000/{part}"), Err("is no part of a name"));
        }
        check("a//b", Err("`` is no part of a name"));
        check("/a", Err("`` is no part of a name"));
        check("host:5000/", Err("`` is no part of a name"));
        check("host:port/a", Err("`host:port` is no host"));
        check("host:70000/a", Err("`host:70000` is no host"));
        check("-host.x/a", Err("`-host.x` is no host"));
        check("a:", Err("`` is no tag"));
        check("a:.x", Err("`.x` is no tag"));
        check("a:x y", Err("`x y` is no tag"));
        check("a:b:c", Err("`a:b` is no part of a name"));
        check(&format!("a:{}", "x".repeat(129)), Err("is no tag"));
        check("a@sha256:ab", Err("a digest"));
        check(&"ab".repeat(32), Err("are an ID"));
        check(&"a".repeat(256), Err("longer than 255 bytes"));
    }

    #[test]
    fn a_port_and_a_digest_are_no_tag() {
        for (name, expected) in [
            ("debian", ("debian", "latest")),
            ("debian:bookworm-slim", ("debian", "bookworm-slim")),
            ("host:5000/base", ("host:5000/base", "latest")),
            ("host:5000/base:1", ("host:5000/base", "1")),
            ("debian@sha256:ab", ("debian@sha256:ab", "")),
        ] {
            assert_eq!(split(name), expected);
        }
    }
}
