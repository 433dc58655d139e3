use super::*;
use crate::media::Mode;
use crate::speech::Dispatch;

fn load_with(profile: &str, overrides: &[&str]) -> Result<Settings, String> {
    let overrides: Vec<String> = overrides.iter().map(|&pair| pair.to_owned()).collect();
    load(profile, None, &overrides).map_err(|error| error.to_string())
}

#[track_caller]
fn check_refused(profile: &str, overrides: &[&str], reason: &str) {
    let error = load_with(profile, overrides).expect_err("must be refused");
    assert!(error.contains(reason), "{overrides:?}: {error}");
}

#[test]
fn what_means_nothing_is_refused() {
    check_refused("fast", &[], "unknown profile \"fast\"");
    check_refused("optimized", &["downloads.concurrency"], "expected KEY=VALUE");
    check_refused("optimized", &["downloads.konkurrency=1"], "unknown field `konkurrency`");
    check_refused("optimized", &["downloads.concurrency=0"], "expected a nonzero usize");
    check_refused("optimized", &["similarity.batch=0"], "is 0, expected 1 to 1024");
    check_refused("optimized", &["similarity.mode='all'"], "unknown variant `all`, expected");
    check_refused("optimized", &["similarity.mmr_lambda=1.1"], "is 1.1, expected 0 to 1");
    check_refused("optimized", &["similarity.batch_wait_ms=10001"], "expected 0 to 10000");
    check_refused("optimized", &["similarity.mmr_lambda=nan"], "is NaN, expected 0 to 1");
    check_refused("optimized", &["similarity.clip_weight=-0.1"], "is -0.1, expected 0 to 1");
    check_refused("optimized", &["similarity.min_score=-2.0"], "is -2, expected -1 to 1");
    check_refused("optimized", &["downloads.concurrency=many"], "invalid type");
    check_refused("optimized", &["downloads.stall_s=-1.0"], "is -1, expected seconds above 0");
    check_refused("optimized", &["llm.timeout_s=nan"], "is NaN, expected seconds above 0");
    check_refused("optimized", &["llm.budget_s=0.0"], "llm.budget_s is 0, expected seconds");
    check_refused("optimized", &["llm.cache_ttl_s=nan"], "expected seconds above 0, up to a year");
    check_refused("optimized", &["llm.temperature=2.5"], "llm.temperature is 2.5, expected 0 to 2");
    check_refused("optimized", &["jobs.ageing_s=-1.0"], "is -1, expected 0 to 1000000000");
    check_refused("optimized", &["jobs.keep_h=nan"], "is NaN, expected 0 to 1000000000");
    check_refused("optimized", &["jobs.lease_s=0.0"], "is 0, expected seconds above 0");
    check_refused("optimized", &["jobs.retry_after_s=1e9"], "expected seconds above 0");
    check_refused("optimized", &["jobs.concurrency=4611686018427387904"], "expected 1 to 1024");
    check_refused("optimized", &["llm.base_url=foo"], "llm.base_url is foo, expected an http");
    for address in ["http://me:hunter2@h/v1", "http://hunter2@h/v1", "http://h/v1?key=hunter2"] {
        for room in ["llm", "speech", "comfyui", "replicate"] {
            let with_secret = format!("{room}.base_url={address}");
            let error = load_with("optimized", &[&with_secret]).expect_err("a secret");
            assert!(
                error.contains("expected one without") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
    check_refused("optimized", &["music.dir=no/such"], "expected a folder that is there");
    check_refused("optimized", &["subtitles.min_heard_share=1.1"], "is 1.1, expected 0 to 1");
    check_refused("optimized", &["render.mode=fast"], "unknown variant `fast`");
    let presets = "render.preset is hasty, expected one of x264's presets, ultrafast to veryslow";
    check_refused("optimized", &["render.preset=hasty"], presets);
    check_refused("optimized", &["render.crf=52"], "render.crf is 52, expected 0 to 51");
    let lufs = "render.loudness_lufs is 3, expected -40 to -5";
    check_refused("optimized", &["render.loudness_lufs=3.0"], lufs);
    check_refused("optimized", &["render.time_factor=0.5"], "is 0.5, expected 1 to 1000");
    check_refused("optimized", &["render.time_floor_s=nan"], "expected seconds, 1 to 86400");
    let memory = "render.max_memory_bytes is 1000, expected 0, or 536870912 and above";
    check_refused("optimized", &["render.max_memory_bytes=1000"], memory);
    check_refused("optimized", &["render.max_file_bytes=1"], "is 1, expected 0, or 1048576");
    check_refused("optimized", &["stock.search_cache_h=-1.0"], "is -1, expected hours, 0 to 8760");
    check_refused("optimized", &["media.max_pixels=0"], "is 0, expected 1 to 268435456");
    check_refused("optimized", &["media.max_clip_s=nan"], "is NaN, expected seconds, 1 to");
    check_refused("optimized", &["media.max_fps=0.5"], "is 0.5, expected 1 to 1000000");
    check_refused("optimized", &["media.max_picture_bytes=0"], "is 0, expected 1 to");
    let exception = "expected a network such as 10.0.0.0/8, an address, or a host name";
    check_refused("optimized", &["outward.allow=['10.0.0.0/33']"], exception);
    check_refused("optimized", &["comfyui.workflow=no/such"], "expected a file that is there");
    check_refused("optimized", &["comfyui.poll_s=0.0"], "expected seconds above 0");
    check_refused("optimized", &["limits.heavy=2000"], "is 2000, expected 1 to 1024");
    check_refused("optimized", &["limits.light=0"], "limits.light is 0, expected 1 to 1024");
    check_refused("optimized", &["limits.shared=1025"], "is 1025, expected 0 to 1024");
    check_refused("optimized", &["cache.warm_up=no/such"], "expected a file that is there");
    check_refused("optimized", &["cache.flight_s=0.0"], "expected seconds above 0");
    check_refused("optimized", &["cache.redis_timeout_ms=0"], "is 0, expected 1 to 60000");
    check_refused("optimized", &["cache.eviction=fifo"], "unknown variant `fifo`");
    let percent = "limits.cpu_percent is 101, expected percent above 0, up to 100";
    check_refused("optimized", &["limits.cpu_percent=101.0"], percent);
    check_refused("optimized", &["limits.memory_percent=nan"], "is NaN, expected percent");
    check_refused("optimized", &["limits.gpu_memory_percent=0.0"], "is 0, expected percent");
    check_refused("optimized", &["limits.sample_s=0.1"], "expected seconds, 0.2 to 3600");
    let model = "replicate.models.comic is a b, expected owner/name";
    check_refused("optimized", &["replicate.models.comic=a b"], model);
    check_refused(
        "optimized",
        &["replicate.model=a b?c"],
        "expected owner/name, owner/name:version",
    );
    check_refused("optimized", &["replicate.model=../../files"], "expected owner/name");
    check_refused("optimized", &["pictures.prescale=huge"], "unknown variant `huge`");
    check_refused("optimized", &["listen=here"], "invalid socket address");
}

#[test]
fn each_profile_loads_and_the_later_source_wins() {
    let baseline = load_with("baseline", &[]).expect("shipped");
    assert!(baseline.data_dir.is_absolute() && baseline.models.dir.is_absolute());
    assert_eq!((baseline.downloads.concurrency.get(), baseline.similarity.batch), (1, 1));
    let optimized = load_with("optimized", &[]).expect("shipped");
    assert_eq!((optimized.downloads.concurrency.get(), optimized.similarity.batch), (5, 32));
    assert_eq!((baseline.llm.cache, optimized.llm.cache), (false, true));
    let speech = |settings: &Settings| (settings.speech.dispatch, settings.speech.concurrency);
    assert_eq!(speech(&baseline), (Dispatch::Executor, MAX_COUNT));
    assert_eq!(speech(&optimized), (Dispatch::Pool, 2));

    let (before, after) = (&baseline.render, &optimized.render);
    assert_eq!((before.mode, after.mode), (Mode::PerClip, Mode::SinglePass));
    assert_eq!((before.loudness_lufs, after.loudness_lufs), (None, Some(-16.0)));
    let claims = |settings: &Settings| {
        let (comfyui, replicate) = (&settings.comfyui, &settings.replicate);
        let generators = [comfyui.parse_once, replicate.poll_inside_limiter];
        (settings.downloads.early_stop, settings.stock.search_cache_h > 0.0, generators)
    };
    assert_eq!(claims(&baseline), (false, false, [false; 2]));
    assert_eq!(claims(&optimized), (true, true, [true; 2]));
    assert_ne!(baseline.pictures.prescale, optimized.pictures.prescale);

    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("settings.toml");
    fs_err::write(&file, "[downloads]\nconcurrency = 2\nstall_s = 3.0\n").expect("written");
    let overrides = ["downloads.concurrency=7".to_owned(), "data_dir=/a b/c".to_owned()];
    let settings = load("baseline", Some(&file), &overrides).expect("valid");
    assert_eq!(settings.downloads.concurrency.get(), 7);
    assert!((settings.downloads.stall_s - 3.0).abs() < f64::EPSILON);
    assert_eq!(settings.data_dir, Path::new("/a b/c"));
    assert_eq!(settings.similarity.batch, 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = load("optimized", Some(Path::new("no/such/file.toml")), &[]).expect_err("absent");
    assert!(error.to_string().contains("no/such/file.toml"), "{error}");
}
