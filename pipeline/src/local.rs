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
        fs_err::os::unix::fs::symlink("../secret", folder.join("link")).expect("linked");

        assert!(file(Some(&folder), "a.mp4").is_ok_and(|path| path.ends_with("materials/a.mp4")));
        assert!(file(Some(&folder), "b/../a.mp4").is_ok());
        for outside in ["../secret", "link", "b", "", "c.mp4", "/etc/passwd", "a\0.mp4"] {
            let refused = file(Some(&folder), outside).expect_err(outside);
            assert_eq!(refused, "the name of a file in the folder of local materials");
        }
        let refused = file(None, "a.mp4").expect_err("no folder");
        assert_eq!(refused, "nothing: the setting local.dir names no folder");
    }
}
