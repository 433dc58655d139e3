//! Out of packages a toolkit: the files where nvcc, cmake and the linker look for them.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fs_err::os::unix::fs::{OpenOptionsExt, symlink};
use zip::ZipArchive;

/// Unpacks what `wheel` has in `folder` into `tree`.
///
/// # Errors
///
/// The wheel cannot be read, or has nothing there.
pub fn unpack(wheel: &Path, folder: &str, tree: &Path) -> Result<()> {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let mut archive = ZipArchive::new(fs_err::File::open(wheel)?)
        .with_context(|| format!("cannot read {name}"))?;
    let mut n_files = 0;
    for i in 0..archive.len() {
        let mut member = archive.by_index(i).with_context(|| format!("cannot read {name}"))?;
        let Some(target) = target(member.enclosed_name(), folder, tree) else { continue };
        if member.is_dir() {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let is_program = member.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut file = options.mode(if is_program { 0o755 } else { 0o644 }).open(&target)?;
        io::copy(&mut member, &mut file)
            .with_context(|| format!("cannot unpack {} of {name}", target.display()))?;
        n_files += 1;
    }
    ensure!(n_files > 0, "{name} has no folder {folder}");
    Ok(())
}

/// Where a member of the wheel goes. None: it is not of the toolkit, or wants to leave its folder.
fn target(member: Option<PathBuf>, folder: &str, tree: &Path) -> Option<PathBuf> {
    Some(tree.join(member?.strip_prefix(folder).ok()?))
}

/// Adds what an installed toolkit has and packages have not: `lib64`, and for each library the name
/// that the linker looks for.
///
/// # Errors
///
/// The tree cannot be written.
pub fn finish(tree: &Path) -> Result<()> {
    symlink("lib", tree.join("lib64"))?;
    for entry in fs_err::read_dir(tree.join("lib"))? {
        let name = entry?.file_name();
        let Some(plain) = name.to_str().and_then(linker_name) else { continue };
        let path = tree.join("lib").join(plain);
        if !path.exists() {
            symlink(&name, path)?;
        }
    }
    Ok(())
}

/// `libcublas.so` of `libcublas.so.13`. None: it is no library with a version.
fn linker_name(name: &str) -> Option<&str> {
    let end = name.find(".so.")? + ".so".len();
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[track_caller]
    fn check_target(member: Option<&str>, expected: Option<&str>) {
        let target = target(member.map(PathBuf::from), "nvidia/cu13", Path::new("/tree"));
        assert_eq!(target.as_deref(), expected.map(Path::new), "{member:?}");
    }

    #[test]
    fn only_files_of_the_toolkit_are_taken() {
        check_target(Some("nvidia/cu13/bin/nvcc"), Some("/tree/bin/nvcc"));
        check_target(Some("nvidia/cu12/bin/nvcc"), None);
        check_target(Some("nvidia_cuda_nvcc-13.0.88.dist-info/METADATA"), None);
        check_target(None, None);
    }

    #[track_caller]
    fn check_name(name: &str, expected: Option<&str>) {
        assert_eq!(linker_name(name), expected, "{name}");
    }

    #[test]
    fn a_library_has_a_name_for_the_linker() {
        check_name("libcublas.so.13", Some("libcublas.so"));
        check_name("libnvrtc-builtins.so.13.0", Some("libnvrtc-builtins.so"));
        check_name("libcudart_static.a", None);
        check_name("libcublas.so", None);
    }

    #[test]
    fn a_wheel_becomes_a_tree() {
        let folder = tempfile::tempdir().expect("folder");
        let wheel = folder.path().join("nvidia_x-1.0-py3-none-any.whl");
        let mut zip = ZipWriter::new(fs_err::File::create(&wheel).expect("wheel"));
        for (name, mode) in [
            ("nvidia/cu13/bin/nvcc", 0o744),
            ("nvidia/cu13/lib/libx.so.13", 0o644),
            ("nvidia/cu13/../../../escaped", 0o644),
            ("nvidia_x-1.0.dist-info/METADATA", 0o644),
        ] {
            let options = SimpleFileOptions::default().unix_permissions(mode);
            zip.start_file(name, options).expect("member");
            zip.write_all(name.as_bytes()).expect("content");
        }
        zip.finish().expect("zip");

        let tree = folder.path().join("a/tree");
        unpack(&wheel, "nvidia/cu13", &tree).expect("unpack");
        finish(&tree).expect("finish");
        let mode = |path: &str| {
            fs_err::metadata(tree.join(path)).expect(path).permissions().mode() & 0o777
        };
        assert_eq!([mode("bin/nvcc"), mode("lib/libx.so.13")], [0o755, 0o644]);
        let read = |path: &str| fs_err::read_to_string(tree.join(path)).expect(path);
        assert_eq!(read("lib64/libx.so"), "nvidia/cu13/lib/libx.so.13");
        assert!(!tree.join("nvidia_x-1.0.dist-info").exists());
        assert!(!folder.path().join("escaped").exists());

        let error = unpack(&wheel, "nvidia/cu14", &tree).expect_err("nothing there").to_string();
        assert_eq!(error, "nvidia_x-1.0-py3-none-any.whl has no folder nvidia/cu14");
    }
}
