//! What the engine builds from: a tar file of the Dockerfile and what it copies.

use std::io;
use std::path::Path;

use super::layer::{Entry, Layer};
use super::pieces::Piece;

/// A Dockerfile with `labels` as its last step: given to the engine beside it, each of them would be a
/// step of its own, a second each with some image stores.
pub fn labelled(dockerfile: &str, labels: &[(String, String)]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
    let pair = |(key, value): &(String, String)| format!(" {key}=\"{}\"", quoted(value));
    let pairs: String = labels.iter().map(pair).collect();
    format!("{}\nLABEL{pairs}\n", dockerfile.trim_end())
}

/// The context of a base: its Dockerfile, and the options of dpkg.
///
/// # Errors
///
/// None in practice: both names can stand in a tar file.
pub fn of_base(dockerfile: String, dpkg: String) -> io::Result<Vec<Piece>> {
    let layer = Layer::default().with("Dockerfile", Entry::Text(dockerfile));
    layer.with("dpkg.cfg", Entry::Text(dpkg)).pieces()
}

/// The context of the code: `docker/Dockerfile` with `labels`, all of `docker/root`, and the `programs`,
/// which go into `usr/local/bin`.
///
/// # Errors
///
/// A file cannot be read.
pub fn of_code(
    docker: &Path,
    programs: &[&Path],
    labels: &[(String, String)],
) -> anyhow::Result<Vec<Piece>> {
    let dockerfile = fs_err::read_to_string(docker.join("Dockerfile"))?;
    let mut layer = Layer::default()
        .with("Dockerfile", Entry::Text(labelled(&dockerfile, labels)))
        .with("data", Entry::Folder);
    for (path, entry) in files(&docker.join("root"), "root")? {
        layer = layer.with(&path, entry);
    }
    for program in programs {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        layer = layer.with(&format!("root/usr/local/bin/{name}"), file(program, true)?);
    }
    Ok(layer.pieces()?)
}

fn file(path: &Path, executable: bool) -> io::Result<Entry> {
    let bytes = fs_err::metadata(path)?.len();
    Ok(Entry::File { source: path.to_owned(), bytes, sha256: None, executable })
}

/// All files under `folder`, as they stand under `prefix`.
fn files(folder: &Path, prefix: &str) -> io::Result<Vec<(String, Entry)>> {
    let mut all = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let (path, name) = {
            let entry = entry?;
            (entry.path(), format!("{prefix}/{}", entry.file_name().to_string_lossy()))
        };
        if path.is_dir() {
            all.extend(files(&path, &name)?);
        } else {
            all.push((name, file(&path, false)?));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::pieces;
    use super::*;

    #[test]
    fn labels_are_one_step_and_mean_what_they_say() {
        let labels = [("a", "1"), ("b.c", "x \"y\" $HOME \\")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expected = "FROM x\nLABEL a=\"1\" b.c=\"x \\\"y\\\" \\$HOME \\\\\"\n";
        assert_eq!(labelled("FROM x\n\n", &labels), expected);
    }

    #[test]
    fn the_context_has_the_dockerfile_the_tree_and_the_programs() {
        let folder = tempfile::tempdir().expect("folder");
        let docker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker");
        let program = folder.path().join("pipeline");
        fs_err::write(&program, "a program").expect("written");
        let context = of_code(&docker, &[&program], &[]).expect("a context");
        let mut tar = Vec::new();
        pieces::read(&context, &mut |chunk| {
            tar.extend_from_slice(&chunk);
            Ok(())
        })
        .expect("bytes");
        let mut archive = tar::Archive::new(&tar[..]);
        let found: Vec<(String, u32)> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let path = entry.path().expect("a path").to_string_lossy().into_owned();
                (path, entry.header().mode().expect("a mode"))
            })
            .filter(|(path, _)| !path.ends_with('/') || path == "data/")
            .collect();
        let expected = [
            ("Dockerfile", 0o644),
            ("data/", 0o755),
            ("root/etc/reelbench/settings.toml", 0o644),
            ("root/usr/local/bin/pipeline", 0o755),
        ];
        assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
}
