//! What a test of the image starts with.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use futures::FutureExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::image::archive::{Image, Stacked};
use crate::image::engine::{Engine, LABEL, SESSION};
use crate::image::layer::Layer;
use crate::paths::Paths;
use crate::ui::Ui;

/// An engine, a folder, a tag.
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// Gone with the test.
    pub folder: TempDir,
    /// Where the programs and models are.
    pub paths: Paths,
    /// The test's own.
    pub tag: String,
}

/// Runs `test` with an engine, and takes away what it made, also where it fails.
pub async fn with_engine(name: &str, test: impl AsyncFnOnce(&World)) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let engine = match Engine::connect().await {
        Ok(engine) => engine,
        Err(error) if std::env::var_os("CI").is_some() => {
            panic!("a build server has one: {error:#}")
        }
        Err(error) => {
            eprintln!("SKIPPED {name}: {error:#}");
            return;
        }
    };
    let folder = tempfile::tempdir().expect("a folder");
    // A user that is not ours reads what is mounted.
    rustix::fs::chmod(folder.path(), rustix::fs::Mode::from_raw_mode(0o755)).expect("mode");
    let paths = Paths::from_env().expect("a checkout");
    let tag = format!("reelbench-test-{name}:{}", std::process::id());
    let world = World { engine, folder, paths, tag };
    let ended = AssertUnwindSafe(test(&world)).catch_unwind().await;
    let engine = &world.engine;
    engine.remove_containers(&format!("{SESSION}={}", world.tag)).await.expect("removed");
    engine.remove_image(&world.tag, true).await.expect("removed");
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

impl World {
    /// `build-image` of the programs that the tests use, under the test's tag.
    pub fn build(&self, more: &[&str]) -> Command {
        self.build_of(&self.paths.target.join("debug"), more)
    }

    /// The same of the programs in the folder `programs`.
    pub fn build_of(&self, programs: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(self.paths.binary("debug", "xtask"));
        command.args(["build-image", "--variant", "cpu", "--tag", &self.tag, "--json"]);
        command.arg("--programs").arg(programs).args(more);
        command.env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Builds, and gives the document.
    pub async fn built(&self, command: &mut Command) -> Value {
        let output = command.output().await.expect("xtask starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("one document")
    }

    /// A copy of `docker/` in which `from` became `to` in the file `name`.
    pub fn docker_with(&self, name: &str, from: &str, to: &str) -> PathBuf {
        let target = self.folder.path().join("docker");
        copy(&self.paths.root.join("docker"), &target);
        let path = target.join(name);
        let text = fs_err::read_to_string(&path).expect("a file");
        let changed = text.replace(from, to);
        assert_ne!(text, changed, "{name} has no {from:?}");
        fs_err::write(path, changed).expect("written");
        target
    }

    /// An image of `layer` under `name`.
    pub async fn load(&self, name: &str, layer: &Layer) {
        let stacked = Stacked {
            diff_id: layer.digest().expect("a digest"),
            made_by: "a test".to_owned(),
            tar: Some(layer.pieces().expect("pieces")),
        };
        let labels = vec![(LABEL.to_owned(), "1".to_owned())];
        let image = Image { name: name.to_owned(), layers: vec![stacked], env: Vec::new(), labels };
        let ui = Ui::from_env(crate::ui::Output { quiet: true, ..Default::default() });
        let progress = ui.progress("loading").into();
        self.engine.load(name, image.pieces(0).expect("pieces"), progress).await.expect("loaded");
    }

    /// What the test's tag names.
    pub async fn tagged(&self) -> Option<String> {
        self.engine.image(&self.tag).await.expect("an answer").map(|image| image.id)
    }

    /// An image that has the tag before: what must be there after a failure.
    pub async fn old_image(&self) -> String {
        let text = crate::image::layer::Entry::Text(self.tag.clone());
        self.load(&self.tag, &Layer::default().with("old", text)).await;
        self.tagged().await.expect("the old image")
    }

    /// Runs `command`, which must end with `code` and say all of `parts`, and must leave the tag where it
    /// was, and no container.
    pub async fn check_refused(&self, command: &mut Command, code: i32, parts: &[&str]) {
        let old = self.old_image().await;
        let output = command.output().await.expect("xtask starts");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for part in parts {
            assert!(said.contains(part), "no {part:?} in:\n{said}");
        }
        self.check_nothing_left(&old).await;
    }

    /// Checks that the tag names `old`, and that neither a container nor a candidate is left.
    pub async fn check_nothing_left(&self, old: &str) {
        assert_eq!(self.tagged().await.as_deref(), Some(old), "the tag moved");
        assert_eq!(self.leftovers().await, [""; 0]);
    }

    /// Containers of any session, and candidates.
    pub async fn leftovers(&self) -> Vec<String> {
        use bollard::query_parameters::ListContainersOptionsBuilder;
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let containers = self.engine.docker().list_containers(Some(options)).await;
        let mut left: Vec<String> = containers
            .expect("containers")
            .into_iter()
            .filter(|one| one.labels.as_ref().is_some_and(|labels| labels.contains_key(SESSION)))
            .flat_map(|one| one.names.unwrap_or_default())
            .collect();
        for id in self.engine.images_of_ours().await.expect("images") {
            let image = self.engine.image(&id).await.expect("an answer").unwrap_or_default();
            left.extend(image.tags.into_iter().filter(|tag| tag.contains("-candidate:")));
        }
        left
    }

    /// Starts `command` and does not wait.
    pub fn spawn(&self, command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("xtask starts")
    }
}

/// All that was printed.
pub fn said(output: &Output) -> String {
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{stdout}{stderr}")
}

fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).expect("a folder");
    for entry in fs_err::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).expect("copied");
        }
    }
}
