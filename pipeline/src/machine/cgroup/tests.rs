use procfs::process::MountInfos;
use procfs::{FromBufRead as _, ProcessCGroups};
use tempfile::TempDir;

use super::*;

/// A machine with these files, mounts (`{}` is its folder) and groups of a process.
struct World {
    folder: TempDir,
    groups: ProcessCGroups,
    mounts: MountInfos,
}

fn world(files: &[(&str, &str)], mounts: &str, groups: &str) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs_err::write(path, text).expect("written");
    }
    let mounts = mounts.replace("{}", &folder.path().to_string_lossy());
    World {
        groups: ProcessCGroups::from_buf_read(groups.as_bytes()).expect("groups"),
        mounts: MountInfos::from_buf_read(mounts.as_bytes()).expect("mounts"),
        folder,
    }
}

impl World {
    fn groups(&self) -> Groups {
        let find = |controller| find(&self.groups.0, &self.mounts.0, controller);
        Groups { memory: find("memory"), cpu: find("cpu"), cpu_time: find("cpuacct") }
    }
}

const V2: &str = "31 23 0:28 / {}/cgroup rw - cgroup2 cgroup2 rw\n";

#[test]
fn version_2_has_everything_in_one_folder_and_the_least_limit_counts() {
    let world = world(
        &[
            ("cgroup/a/memory.max", "4096\n"),
            ("cgroup/a/cpu.max", "150000 100000\n"),
            ("cgroup/a/b/memory.current", "1024\n"),
            ("cgroup/a/b/memory.max", "max\n"),
            ("cgroup/a/b/cpu.max", "max 100000\n"),
            (
                "cgroup/a/b/cpu.stat",
                "usage_usec 2500000\nuser_usec 1\nnr_periods 7\nnr_throttled 3\nthrottled_usec 250000\n",
            ),
        ],
        V2,
        "0::/a/b\n",
    );
    let expected = Cgroup {
        memory_bytes: Some(1024),
        memory_limit_bytes: Some(4096),
        cpu_s: Some(2.5),
        cpu_limit_cores: Some(1.5),
        periods: Some(7),
        throttled_periods: Some(3),
        throttled_s: Some(0.25),
    };
    assert_eq!(world.groups().look(), Some(expected));
}

#[test]
fn version_1_has_a_folder_for_each_controller() {
    let mounts = "32 31 0:29 / {}/cpu rw - cgroup cgroup rw,cpu\n\
                  33 31 0:30 / {}/cpuacct rw - cgroup cgroup rw,cpuacct\n\
                  35 31 0:32 / {}/memory rw - cgroup cgroup rw,memory\n\
                  41 31 0:38 / {}/unified rw - cgroup2 cgroup2 rw\n";
    let world = world(
        &[
            ("memory/job/memory.usage_in_bytes", "2048\n"),
            ("memory/job/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cpu/job/cpu.cfs_quota_us", "-1\n"),
            ("cpu/job/cpu.cfs_period_us", "100000\n"),
            ("cpu/job/cpu.stat", "nr_periods 5\nnr_throttled 1\nthrottled_time 500000000\n"),
            ("cpuacct/job/cpuacct.usage", "1500000000\n"),
            ("unified/cgroup.procs", ""),
        ],
        mounts,
        "4:memory:/job\n2:cpuacct:/job\n1:cpu:/job\n0::/\n",
    );
    let expected = Cgroup {
        memory_bytes: Some(2048),
        memory_limit_bytes: None,
        cpu_s: Some(1.5),
        cpu_limit_cores: None,
        periods: Some(5),
        throttled_periods: Some(1),
        throttled_s: Some(0.5),
    };
    assert_eq!(world.groups().look(), Some(expected));
}

#[test]
fn in_a_container_the_root_of_the_mount_is_our_group() {
    let files = [("cgroup/memory.current", "77\n")];
    for (mounted, group) in
        [("/", "/"), ("/docker/x", "/docker/x"), ("/", "/docker/x"), ("/y", "/x")]
    {
        let mounts = V2.replacen(" / ", &format!(" {mounted} "), 1);
        let world = world(&files, &mounts, &format!("0::{group}\n"));
        let found = world.groups().memory.expect("a group");
        assert_eq!(found.folder, world.folder.path().join("cgroup"), "{mounted} {group}");
        assert_eq!(world.groups().look().and_then(|found| found.memory_bytes), Some(77));
    }
}

#[test]
fn what_is_not_there_is_absent() {
    assert_eq!(Groups::default().look(), None);
    let world = world(&[("cgroup/cgroup.procs", "")], V2, "0::/\n");
    assert_eq!(world.groups().look(), None);
}
