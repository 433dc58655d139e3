//! Files of the user that the service may read: ready narrations and materials, in one folder that the
//! operator names.

use std::path::{Path, PathBuf};

/// The file `name` of `folder`, with every link followed.
///
/// # Errors
///
/// What would have been expected: there is no folder, the file is not there, or it lies outside.
pub fn file(folder: Option<&Path>, name: &str) -> Result<PathBuf, String> {
    let folder = folder.ok_or("nothing: the setting local.dir names no folder")?;
    let root = folder.canonicalize();
    let root = root.map_err(|error| format!("a folder {}: {error}", folder.display()))?;
    let path = root.join(name).canonicalize();
    let inside = path.ok().filter(|path| path.starts_with(&root) && path.is_file());
    inside.ok_or_else(|| "the name of a file in the folder of local materials".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_found() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = data.path().join("materials");
        fs_err::create_dir_all(folder.join("b")).expect("made");
        fs_err::write(folder.join("a.mp4"), "x").expect("written");
        fs_err::write(data.path().join("secret"), "x").expect("written");
        let link = |to: &str, name: &str| {
            fs_err::os::unix::fs::symlink(to, folder.join(name)).expect("linked");
        };
        link("../secret", "link");
        link("..", "b/up");
        link("loop", "loop");
        link("/dev/zero", "zero.mp4");
        link("a.mp4", "inside.mp4");
        fs_err::create_dir_all(data.path().join("materials2")).expect("made");
        fs_err::write(data.path().join("materials2/secret"), "x").expect("written");

        assert!(file(Some(&folder), "a.mp4").is_ok_and(|path| path.ends_with("materials/a.mp4")));
        for inside in ["b/../a.mp4", "./a.mp4", "b//..//a.mp4", "inside.mp4", "b/up/a.mp4"] {
            let found = file(Some(&folder), inside).expect(inside);
            assert!(found.ends_with("materials/a.mp4"), "{inside}: {}", found.display());
        }
        let long = "a".repeat(5000);
        for outside in [
            "../secret",
            "b/../../secret",
            "b/up/../secret",
            "../materials2/secret",
            "link",
            "link/",
            "loop",
            "zero.mp4",
            "b",
            ".",
            "..",
            "",
            "c.mp4",
            "a.mp4/",
            "a.mp4/../../secret",
            "/etc/passwd",
            "//etc/passwd",
            "/proc/self/environ",
            "file:///etc/passwd",
            "%2e%2e/secret",
            "..%2fsecret",
            "..\\secret",
            "C:\\secret",
            "\\\\host\\share\\secret",
            "\u{ff0e}\u{ff0e}/secret",
            "a.mp4\0",
            "a\0.mp4",
            "../secret\0.mp4",
            long.as_str(),
        ] {
            let refused = file(Some(&folder), outside).expect_err(outside);
            assert_eq!(refused, "the name of a file in the folder of local materials");
        }
        let refused = file(None, "a.mp4").expect_err("no folder");
        assert_eq!(refused, "nothing: the setting local.dir names no folder");
    }
}
