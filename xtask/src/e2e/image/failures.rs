//! Every failure leaves the old image under its name, and no container.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::world::{World, said, with_engine};
use crate::image::base;
use crate::image::engine::Spec;
use crate::image::layer::{Entry, Layer};
use crate::image::session::Session;

/// As long as the first of them may wait for a base that is made.
const PATIENCE: Duration = Duration::from_secs(420);

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_with_a_broken_entrypoint_does_not_get_the_name() {
    with_engine("entrypoint", async |world| {
        let docker = world.docker_with("Dockerfile", "\"/usr/bin/tini\"", "\"/no/such/init\"");
        let mut build = world.build(&["--base", "local"]);
        let parts = ["fails its smoke test", "/no/such/init"];
        world.check_refused(build.arg("--docker").arg(docker), 1, &parts).await;

        // One that starts, and ends at once.
        let docker =
            world.docker_with("Dockerfile", "CMD [\"serve\"]", "CMD [\"no-such-command\"]");
        let text = fs_err::read_to_string(docker.join("Dockerfile")).expect("the Dockerfile");
        let false_entry = text.replace("\"/usr/local/bin/pipeline\"]\nCMD", "\"/bin/false\"]\nCMD");
        assert_ne!(text, false_entry);
        fs_err::write(docker.join("Dockerfile"), false_entry).expect("written");
        let mut build = world.build(&["--base", "local"]);
        let parts = ["fails its smoke test", "the container ended with code 1"];
        world.check_refused(build.arg("--docker").arg(docker), 1, &parts).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_with_an_unhealthy_check_does_not_get_the_name() {
    with_engine("health", async |world| {
        let check = "HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \\\n  \
                     CMD [\"/usr/local/bin/pipeline\", \"healthcheck\"]";
        let docker = world.docker_with("Dockerfile", check, "HEALTHCHECK NONE");
        let mut build = world.build(&["--base", "local"]);
        let parts = ["the container becomes healthy: the image has no health check", "hint: "];
        world.check_refused(build.arg("--docker").arg(docker), 1, &parts).await;
    })
    .await;
}

/// Answers every request with `body`.
async fn serve(body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let _ = stream.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
        }
    });
    format!("http://{address}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_with_a_wrong_model_is_not_built() {
    with_engine("checksum", async |world| {
        let base = serve(b"the weightz").await;
        let docker = world.docker_with("Dockerfile", "EXPOSE 8090", "EXPOSE 8091");
        let expected = fetch::Digest::of(b"the weights");
        let manifest = format!(
            "[[model]]\nname = 'm'\nlicence = 'MIT'\nweights = 'w.bin'\nsource.url = '{base}'\n\
             [[model.file]]\npath = 'w.bin'\nsha256 = '{expected}'\nbytes = 11\n"
        );
        fs_err::write(docker.join("models.toml"), manifest).expect("written");
        fs_err::remove_file(docker.join("models.lock")).expect("removed");
        let mut build = world.build(&["--base", "local"]);
        build.arg("--docker").arg(docker).env("REELBENCH_HOME", world.folder.path().join("home"));
        let (expected, found) =
            (expected.to_string(), fetch::Digest::of(b"the weightz").to_string());
        world.check_refused(&mut build, 2, &[&expected, &found, "w.bin"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_on_a_full_disk_is_not_built() {
    with_engine("disk", async |world| {
        // A base that nobody has, whose layer cannot be written.
        let docker = world.docker_with("packages.txt", "tini ", "tini-that-is-not-there ");
        let tools = world.folder.path().join("tools");
        fs_err::create_dir(&tools).expect("a folder");
        let tool = tools.join("mmdebstrap");
        fs_err::write(&tool, "#!/bin/sh\nexec head -c 1000000 /dev/zero\n").expect("written");
        rustix::fs::chmod(&tool, rustix::fs::Mode::from_raw_mode(0o755)).expect("mode");
        // Everything but the layer is where it always is: models and media.
        let home = world.folder.path().join("home");
        fs_err::create_dir_all(home.join("image")).expect("a folder");
        for name in ["models", "media", "store"] {
            let target = world.paths.home.join(name);
            std::os::unix::fs::symlink(target, home.join(name)).expect("a link");
        }
        let name = base::local_name(&docker).expect("a name").replace(':', "-");
        let tar = home.join("image").join(format!("{name}.tar"));
        std::os::unix::fs::symlink("/dev/full", &tar).expect("a link");
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        let mut build = world.build(&["--base", "local"]);
        build.arg("--docker").arg(docker).env("REELBENCH_HOME", &home).env("PATH", path);
        let parts = ["No space left on device", &tar.display().to_string()];
        world.check_refused(&mut build, 2, &parts).await;
        assert!(!tar.is_symlink(), "what was begun is gone");
    })
    .await;
}

/// A base whose C library is of long ago.
async fn old_base(world: &World) -> String {
    let folder = world.folder.path();
    fs_err::write(folder.join("old.map"), "GLIBC_2.2.5 { old; };\nGLIBC_2.5 { less_old; };\n")
        .expect("written");
    fs_err::write(folder.join("old.c"), "void old(void) {}\nvoid less_old(void) {}\n")
        .expect("written");
    let library = folder.join("libc.so.6");
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-nostdlib", "-Wl,--version-script=old.map", "-o"]);
    compile.arg(&library).arg("old.c").current_dir(folder);
    let output = compile.output().await.expect("cc starts");
    assert!(output.status.success(), "{}", said(&output));
    let bytes = fs_err::metadata(&library).expect("a library").len();
    let entry = Entry::File { source: library, bytes, sha256: None, executable: false };
    let machine = std::env::consts::ARCH;
    let name = format!("{}-old-base", world.tag);
    world
        .load(&name, &Layer::default().with(&format!("lib/{machine}-linux-gnu/libc.so.6"), entry))
        .await;
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_over_a_base_that_is_too_old_is_not_built() {
    with_engine("old", async |world| {
        let base = old_base(world).await;
        let mut build = world.build(&["--base", &base]);
        let parts = [
            "is too old: the programs need GLIBC_2.",
            "of libc.so.6, which has at most GLIBC_2.5",
            "hint: ",
        ];
        world.check_refused(&mut build, 2, &parts).await;
        world.engine.remove_image(&base, true).await.expect("removed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_that_is_interrupted_leaves_nothing() {
    with_engine("interrupt", async |world| {
        let old = world.old_image().await;
        let child = world.spawn(&mut world.build(&["--base", "local"]));
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
        let started = async {
            // The containers that only look into an image are of the session too, and not named by us.
            while !world.leftovers().await.iter().any(|name| name.contains("reelbench-fixtures")) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, started).await.expect("a smoke test");
        kill_process(pid, Signal::INT).expect("it is there");
        let output = child.wait_with_output().await.expect("an end");
        assert_eq!(output.status.code(), Some(130), "{}", said(&output));
        world.check_nothing_left(&old).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_removes_first_what_a_killed_build_left() {
    with_engine("killed", async |world| {
        let old = world.old_image().await;
        let mut child = Command::new("true").spawn().expect("true");
        let killed = Session::of(child.id().expect("a process"));
        child.wait().await.expect("it ends");
        world.engine.tag(&old, &killed.candidate()).await.expect("a candidate");
        let name = format!("reelbench-smoke-{}", killed.id());
        let (image, labels) = (world.tag.clone(), killed.labels());
        let command = vec!["serve".to_owned()];
        let spec = Spec { name, image, command, labels, ..Spec::default() };
        world.engine.start(&spec).await.expect_err("there is no program in it, but a container");
        assert_eq!(world.leftovers().await.len(), 2, "a container and a candidate");

        // One that fails early, but not before it has begun.
        let mut build = world.build_of(Path::new("/no/programs"), &["--base", "local"]);
        let output = build.output().await.expect("xtask starts");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let told = "removed what a killed build-image left: 1 images, 1 containers";
        assert!(said.contains(told), "{said}");
        world.check_nothing_left(&old).await;
    })
    .await;
}
