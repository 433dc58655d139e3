//! `build-cuda` with a real pip, a real C compiler and a toolkit made here; only cargo is not what it
//! says: it writes down what it is told, and gives a small program instead of the pipeline.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{run, seen, xtask};

const NVCC: &str = "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, V13.0.88'\n";

const CARGO: &str = r#"#!/bin/sh
[ -z "$BROKEN" ] || { echo "error: nvcc is not in the mood"; exit 101; }
while [ $# -gt 0 ]; do [ "$1" = --target-dir ] && target=$2; shift; done
mkdir -p "$target/release" && cp "$WORLD/program" "$target/release/pipeline"
env >"$WORLD/env"
"#;

/// A checkout with a manifest and nothing else, packages, and a home for what comes of them.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().expect("folder") };
        for folder in ["xtask", "docker", "wheels"] {
            fs_err::create_dir(world.path(folder)).expect("folder");
        }
        world.write("cargo", CARGO);
        world.write("library.c", "int answer(void) { return 42; }");
        world.write("program.c", "int answer(void); int main(void) { return answer(); }");
        let soname = "-Wl,-soname,libcublas.so.13";
        world.cc(&["-shared", "-fPIC", "library.c", soname, "-o", "libcublas.so.13"]);
        world.cc(&["program.c", "./libcublas.so.13", "-o", "program"]);
        let wheel = world.wheel();
        let path = world.path("wheels/nvidia_cuda-13.0-py3-none-any.whl");
        fs_err::write(path, &wheel).expect("wheel");
        world.write_manifest(&wheel);
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file that can be started.
    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs_err::write(&path, text).expect("file");
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("mode");
    }

    fn cc(&self, arguments: &[&str]) {
        let status = Command::new("cc").args(arguments).current_dir(self.folder.path()).status();
        assert!(status.expect("cc").success(), "{arguments:?}");
    }

    /// The smallest wheel that pip takes, with a toolkit in it.
    fn wheel(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let library = fs_err::read(self.path("libcublas.so.13")).expect("library");
        let metadata: &[u8] = b"Metadata-Version: 2.1\nName: nvidia-cuda\nVersion: 13.0\n";
        let about: &[u8] =
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        for (name, content) in [
            ("nvidia/cu13/bin/nvcc", NVCC.as_bytes()),
            ("nvidia/cu13/include/cuda.h", b"int cuInit(unsigned int Flags);"),
            ("nvidia/cu13/lib/libcublas.so.13", &library),
            ("nvidia_cuda-13.0.dist-info/METADATA", metadata),
            ("nvidia_cuda-13.0.dist-info/WHEEL", about),
            ("nvidia_cuda-13.0.dist-info/RECORD", b""),
        ] {
            let options = SimpleFileOptions::default().unix_permissions(0o744);
            zip.start_file(name, options).expect("member");
            zip.write_all(content).expect("content");
        }
        zip.finish().expect("zip").into_inner()
    }

    fn write_manifest(&self, wheel: &[u8]) {
        let text = format!(
            r#"
            version = "13.0"
            folder = "nvidia/cu13"
            licence = "https://host/eula"
            [[wheel]]
            package = "nvidia-cuda==13.0"
            licence = "none"
            needed = "run"
            sha256 = "{}"
            bytes = {}
            "#,
            fetch::Digest::of(wheel),
            wheel.len(),
        );
        fs_err::write(self.path("docker/cuda.toml"), text).expect("manifest");
    }

    fn build(&self, arguments: &[&str], env: &[(&str, &Path)]) -> Output {
        xtask(&["build-cuda"])
            .args(arguments)
            .env_remove("CUDA_HOME")
            .env_remove("CUDA_PATH")
            .env_remove("RUSTFLAGS")
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("REELBENCH_HOME", self.path("home"))
            .env("CARGO", self.path("cargo"))
            .env("WORLD", self.folder.path())
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.path("wheels"))
            .envs(env.iter().copied())
            .output()
            .expect("xtask starts")
    }

    /// Builds with `--json`, which must go well.
    fn report(&self, env: &[(&str, &Path)]) -> Value {
        let output = self.build(&["--json"], env);
        assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The variables that cargo was given.
    fn env(&self) -> String {
        fs_err::read_to_string(self.path("env")).expect("cargo was started")
    }
}

/// Whether this machine has a toolkit, which would be taken instead of the packages.
#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn has_toolkit() -> bool {
    let has = Path::new("/usr/local/cuda/bin/nvcc").exists() || which::which("nvcc").is_ok();
    if has {
        eprintln!("\n!!! NOT TESTED: this machine has a CUDA toolkit !!!\n");
    }
    has
}

#[test]
fn packages_become_a_toolkit_once_and_the_program_says_what_it_needs() {
    if has_toolkit() {
        return;
    }
    let world = World::new();
    let report = world.report(&[]);
    assert_eq!(report["compute_cap"], "8.0");
    let libraries = report["libraries"].as_array().expect("libraries");
    assert_eq!(libraries.len(), 1, "{report:#}");
    assert_eq!(libraries[0]["soname"], "libcublas.so.13");
    let library = PathBuf::from(libraries[0]["path"].as_str().expect("a path"));
    let same =
        |a: &Path, b: &Path| fs_err::read(a).expect("file") == fs_err::read(b).expect("file");
    assert!(same(&library, &world.path("libcublas.so.13")));
    let program = PathBuf::from(report["program"].as_str().expect("a path"));
    assert!(same(&program, &world.path("program")));

    let toolkit = library.parent().and_then(Path::parent).expect("the toolkit").display();
    let env = world.env();
    let link = env.lines().find_map(|line| line.split_once("RUSTFLAGS=-L native=")).expect("link");
    assert!(Path::new(link.1).join("libcuda.a").is_file(), "{}", link.1);
    for line in [format!("CUDA_HOME={toolkit}"), "CUDA_COMPUTE_CAP=80".to_owned()] {
        assert!(env.lines().any(|seen| seen == line), "no {line} in\n{env}");
    }

    // Nothing to bring: no pip, not even a wheel to find.
    fs_err::remove_dir_all(world.path("wheels")).expect("remove");
    assert_eq!(world.report(&[])["libraries"], report["libraries"]);
}

#[test]
fn a_package_that_is_not_what_the_manifest_says_is_refused() {
    if has_toolkit() {
        return;
    }
    let world = World::new();
    world.write_manifest(b"another build");
    let output = world.build(&[], &[]);
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(2), "{seen}");
    let expected = format!("expected sha256 {}", fetch::Digest::of(b"another build"));
    for part in ["nvidia_cuda-13.0-py3-none-any.whl", &expected, "got ", "hint: "] {
        assert!(seen.contains(part), "no {part:?} in:\n{seen}");
    }
    let left: Vec<_> = fs_err::read_dir(world.path("home/cuda")).expect("folder").collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!world.path("env").exists(), "cargo was started");
}

#[test]
fn a_toolkit_that_is_there_is_taken_and_a_build_that_fails_says_why() {
    let world = World::new();
    fs_err::remove_dir_all(world.path("wheels")).expect("remove");
    world.write("cuda/bin/nvcc", NVCC);
    for header in ["cuda.h", "cublas_v2.h", "curand.h", "nvrtc.h"] {
        world.write(&format!("cuda/include/{header}"), "int cuInit(unsigned int Flags);");
    }
    for library in ["cudart", "cublas", "cublasLt", "curand", "nvrtc"] {
        world.write(&format!("cuda/lib64/lib{library}.so"), "");
    }
    fs_err::copy(world.path("libcublas.so.13"), world.path("cuda/lib64/libcublas.so.13"))
        .expect("library");
    let home = world.path("cuda");
    let report = world.report(&[("CUDA_HOME", &home)]);
    let expected = json!({"root": home, "version": "13.0", "named_by": "CUDA_HOME"});
    assert_eq!(report["toolkit"], expected);
    assert!(world.env().contains(&format!("NVCC={}/bin/nvcc\n", home.display())));

    let output = world.build(&[], &[("CUDA_HOME", &home), ("BROKEN", Path::new("yes"))]);
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(2), "{seen}");
    assert!(seen.contains("error: nvcc is not in the mood"), "{seen}");
}

#[test]
fn a_compute_capability_that_nobody_has_is_wrong_usage() {
    let seen = run(&["build-cuda", "--compute-cap", "80"]);
    assert!(seen.starts_with("exit: 2\n"), "{seen}");
    assert!(seen.contains("expected a compute capability like 8.0, got `80`"), "{seen}");
}
