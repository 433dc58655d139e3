//! The host's own package sources, so that a base comes from the mirrors and under the keys that this
//! machine uses. Pure: the files are passed in
//! (<https://manpages.debian.org/bookworm/apt/sources.list.5.en.html>).

use std::collections::BTreeMap;

/// A release of Debian or Ubuntu, as `/etc/os-release` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `debian` or `ubuntu`.
    pub id: String,
    /// `bookworm`, `noble`.
    pub codename: String,
}

impl Release {
    /// What `/etc/os-release` says; none where it names no release that `apt` knows.
    pub fn parse(os_release: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.strip_prefix('=')?.trim_matches('"').to_owned())
        };
        let (id, codename) = (field("ID")?, field("VERSION_CODENAME")?);
        (["debian", "ubuntu"].contains(&id.as_str()) && !codename.is_empty())
            .then_some(Self { id, codename })
    }

    /// Whether `suite` is this release, its updates or its security fixes, and not somebody's packages
    /// for it.
    fn has(&self, suite: &str) -> bool {
        let rest = suite.strip_prefix(self.codename.as_str());
        rest.is_some_and(|rest| ["", "-updates", "-security", "/updates"].contains(&rest))
    }
}

/// The sources of `release` in `files` (their names and contents), as lines of a `sources.list`. Only
/// those that have the component `main`, so the repositories of other projects stay out.
pub fn lines(release: &Release, files: &[(String, String)]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, text) in files {
        let found = if name.ends_with(".sources") { of_stanzas(text) } else { of_lines(text) };
        for source in found {
            let suites = source.suites.iter().filter(|suite| release.has(suite));
            if source.components.iter().any(|component| component == "main") {
                all.extend(suites.map(|suite| source.line(suite)));
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

struct Source {
    options: String,
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
}

impl Source {
    fn line(&self, suite: &str) -> String {
        let Self { options, uri, components, .. } = self;
        format!("deb {options}{uri} {suite} {}", components.join(" "))
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// `deb [signed-by=/key] http://host/debian bookworm main`.
fn of_lines(text: &str) -> Vec<Source> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter_map(|line| {
            let rest = line.strip_prefix("deb ")?.trim();
            let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            {
                Some((options, rest)) => (format!("[{}] ", options.trim()), rest.trim()),
                None => (String::new(), rest),
            };
            let mut words = words(rest).into_iter();
            let (uri, suite) = (words.next()?, words.next()?);
            Some(Source { options, uri, suites: vec![suite], components: words.collect() })
        })
        .collect()
}

/// Stanzas of `Types`, `URIs`, `Suites`, `Components`, `Signed-By`.
fn of_stanzas(text: &str) -> Vec<Source> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stanzas = lines.split(|line| line.trim().is_empty()).map(fields);
    let mut all = Vec::new();
    for stanza in stanzas {
        let field = |name: &str| stanza.get(name).map_or("", String::as_str);
        let is_off = field("enabled").eq_ignore_ascii_case("no");
        if is_off || !words(field("types")).contains(&"deb".to_owned()) {
            continue;
        }
        // A key that stands in the stanza itself cannot stand in a line; apt's own keys are left.
        let key = field("signed-by");
        let options =
            if key.starts_with('/') { format!("[signed-by={key}] ") } else { String::new() };
        for uri in words(field("uris")) {
            let (suites, components) = (words(field("suites")), words(field("components")));
            all.push(Source { options: options.clone(), uri, suites, components });
        }
    }
    all
}

/// Fields by their names in lower case; a line that begins with a blank goes on with the one before.
fn fields(stanza: &[&str]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in stanza {
        if line.starts_with([' ', '\t']) {
            let value = all.entry(last.clone()).or_default();
            *value = format!("{value} {}", line.trim());
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.trim().to_lowercase();
            all.insert(last.clone(), value.trim().to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: &[&str]) {
        let release = Release { id: "debian".to_owned(), codename: "bookworm".to_owned() };
        assert_eq!(lines(&release, &[(name.to_owned(), text.to_owned())]), expected);
    }

    #[test]
    fn stanzas_of_the_release_become_lines() {
        let text = "Types: deb\n# a comment\nURIs: http://mirror/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/debian.gpg\n\n\
                    Types: deb deb-src\nURIs: http://mirror/security\nSuites: bookworm-security\n\
                    Components: main contrib\n";
        check(
            "debian.sources",
            text,
            &[
                "deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror/debian bookworm main",
                "deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror/debian bookworm-updates main",
                "deb http://mirror/security bookworm-security main contrib",
            ],
        );
    }

    #[test]
    fn what_is_off_or_of_others_stays_out() {
        let other = |fields: &str| format!("Types: deb\nURIs: http://other\n{fields}\n");
        check("o.sources", &other("Suites: nodistro\nComponents: main"), &[]);
        check("o.sources", &other("Suites: bookworm\nComponents: stable"), &[]);
        check("o.sources", &other("Suites: bookworm-pgdg\nComponents: main"), &[]);
        check("o.sources", &other("Suites: bookworm\nComponents: main\nEnabled: no"), &[]);
        check(
            "o.sources",
            "Types: deb-src\nURIs: http://o\nSuites: bookworm\nComponents: main",
            &[],
        );
        check("o.list", "# deb http://o bookworm main\ndeb-src http://o bookworm main", &[]);
        check("o.list", "deb http://o bookworm", &[]);
    }

    #[test]
    fn lines_keep_their_options_and_are_there_once() {
        let text = "deb [ arch=amd64 signed-by=/k.gpg ] http://mirror/debian bookworm main # ours\n\
                    deb mirror+file:/etc/apt/mirrors.txt bookworm/updates main\n";
        let expected = [
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror/debian bookworm main",
            "deb mirror+file:/etc/apt/mirrors.txt bookworm/updates main",
        ];
        check("sources.list", text, &expected);
        check("sources.list", &format!("{text}{text}"), &expected);
    }

    #[test]
    fn a_key_within_a_stanza_and_long_fields_are_read() {
        let text = "Types: deb\nURIs: http://mirror/debian\nSuites:\n bookworm\n bookworm-updates\n\
                    Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n";
        check(
            "debian.sources",
            text,
            &[
                "deb http://mirror/debian bookworm main",
                "deb http://mirror/debian bookworm-updates main",
            ],
        );
    }

    #[test]
    fn only_releases_that_apt_knows_are_read() {
        let release = Release::parse("NAME=\"x\"\nID=debian\nVERSION_CODENAME=bookworm\n");
        let expected = Release { id: "debian".to_owned(), codename: "bookworm".to_owned() };
        assert_eq!(release, Some(expected));
        for other in ["ID=fedora\nVERSION_CODENAME=\"\"\n", "ID=debian\n", "ID=arch\n", ""] {
            assert_eq!(Release::parse(other), None, "{other:?}");
        }
    }
}
