//! How to do it again: what to type, on which commit, with which seeds and digests.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::page::Block;

/// One run that is to be made again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Which one, where there are several.
    pub name: Option<&'static str>,
    /// The commit of the checkout; ` and changes` or the like behind it where there were some.
    pub revision: Option<String>,
    /// What was typed.
    pub command: Option<String>,
}

/// The section: `facts` are seeds and digests by name, `last` is typed after all of it.
pub(crate) fn blocks(sides: &[Side], facts: &[(String, String)], last: Option<&str>) -> Vec<Block> {
    let mut lines = Vec::new();
    for side in sides {
        lines.extend(side.name.map(|name| format!("# {name}")));
        if let Some(revision) = &side.revision {
            let (commit, changes) = revision.split_once(' ').unwrap_or((revision, ""));
            let changes =
                if changes.is_empty() { "" } else { "   # and changes that no commit has" };
            lines.push(format!("git checkout {commit}{changes}"));
        }
        let command = side.command.as_deref().unwrap_or("# what was typed is not recorded");
        lines.extend(command.lines().map(str::to_owned));
    }
    lines.extend(last.map(str::to_owned));
    let one_line = |text: &str| text.replace(['\n', '\r'], " ");
    lines.extend(
        facts.iter().map(|(name, value)| format!("# {}: {}", one_line(name), one_line(value))),
    );
    vec![Block::heading("Again"), Block::Code { language: "sh", text: lines.join("\n") }]
}

/// What is known of the machine and the settings, folded, and how to do it again by `command` with `facts`.
pub(crate) fn known(
    environment: &BTreeMap<String, Value>,
    command: &str,
    facts: &[(String, String)],
) -> Vec<Block> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows = environment.iter().map(|(name, value)| [name.clone(), text(value)]);
    let mut folded = vec![Block::Folded {
        title: "Everything that is known of the machine and the settings".to_owned(),
        blocks: vec![Block::table(["what", "value"], rows)],
    }];
    let side = Side {
        name: None,
        revision: environment.get("revision").map(text),
        command: Some(command.to_owned()),
    };
    folded.extend(blocks(&[side], facts, None));
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sides: &[Side], facts: &[(&str, &str)], last: Option<&str>, expected: &str) {
        let facts: Vec<(String, String)> =
            facts.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let Some(Block::Code { text, .. }) = blocks(sides, &facts, last).pop() else {
            panic!("no lines");
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn it_is_what_a_shell_takes() {
        check(&[Side::default()], &[], None, "# what was typed is not recorded");
        let side = |name, revision: &str| Side {
            name: Some(name),
            revision: Some(revision.to_owned()),
            command: Some("cargo xtask load-test".to_owned()),
        };
        check(
            &[side("before", "abc"), side("after", "def with changes")],
            &[("seed", "7"), ("image", "sha256:1\nrm -rf /")],
            Some("cargo xtask compare BEFORE AFTER"),
            "# before\ngit checkout abc\ncargo xtask load-test\n# after\ngit checkout def   # and changes \
             that no commit has\ncargo xtask load-test\ncargo xtask compare BEFORE AFTER\n# seed: 7\n\
             # image: sha256:1 rm -rf /",
        );
    }
}
