use object_store::ObjectStoreExt;
use object_store::memory::InMemory;

use super::*;

#[track_caller]
fn check_refused(url: &str, reason: &str) {
    let settings = settings::Publish { url: Some(url.to_owned()), ..Default::default() };
    let error = Publisher::new(&settings).expect_err("must be refused").to_string();
    assert!(error.contains(reason), "{url}: {error}");
}

#[test]
fn what_is_no_store_is_refused_by_name() {
    check_refused("videos", "publish.url is \"videos\", expected s3://bucket/prefix");
    check_refused("https://bucket/videos", "expected s3://bucket/prefix or file:///folder");
    check_refused("s3:videos", "expected s3://bucket/prefix");
    assert!(Publisher::new(&settings::Publish::default()).expect("none").is_none());
}

struct Bench {
    folder: tempfile::TempDir,
    store: Arc<InMemory>,
    publisher: Publisher,
}

fn bench() -> Bench {
    let store = Arc::new(InMemory::new());
    let prefix = ObjectPath::from("videos");
    let publisher = Publisher { store: store.clone(), root: "s3://b/".to_owned(), prefix };
    Bench { folder: tempfile::tempdir().expect("temporary folder"), store, publisher }
}

impl Bench {
    fn file(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        fs_err::write(&path, content).expect("written");
        path
    }

    async fn stored(&self, path: &str) -> Vec<u8> {
        let object = self.store.get(&ObjectPath::from(path)).await.expect("an object");
        object.bytes().await.expect("its bytes").to_vec()
    }
}

#[tokio::test]
async fn files_of_every_size_arrive_whole_and_one_that_is_gone_is_named() {
    let bench = bench();
    for n_bytes in [0_u32, 1000, 40_000_000] {
        let content: Vec<u8> = (0..n_bytes).map(|byte| byte.to_le_bytes()[1]).collect();
        let name = format!("{n_bytes}.mp4");
        let file = bench.file(&name, &content);
        let url =
            bench.publisher.publish(&file, "job", &name, Existing::Stays).await.expect("published");
        assert_eq!(url, format!("s3://b/videos/job/{name}"));
        assert_eq!(bench.stored(&format!("videos/job/{name}")).await, content);
        // An attempt that was cut off after the upload does it again.
        bench
            .publisher
            .publish(&file, "job", &name, Existing::Stays)
            .await
            .expect("the same file is there");
    }
    let gone = bench
        .publisher
        .publish(&bench.folder.path().join("gone"), "job", "gone", Existing::Stays)
        .await;
    let error = gone.expect_err("no such file");
    assert!(error.to_string().starts_with("s3://b/videos/job/gone: "), "{error}");
}

#[tokio::test]
async fn another_file_in_the_place_is_not_replaced() {
    let bench = bench();
    for n_bytes in [10, 33 << 20] {
        let name = format!("{n_bytes}.mp4");
        let first = bench.file("first", &vec![1; n_bytes]);
        let second = bench.file("second", &vec![2; n_bytes]);
        bench.publisher.publish(&first, "job", &name, Existing::Stays).await.expect("published");
        let error = bench
            .publisher
            .publish(&second, "job", &name, Existing::Stays)
            .await
            .expect_err("occupied");
        assert!(error.reason.is_refusal(), "{error}");
        assert!(error.to_string().contains("found another one"), "{error}");
        assert_eq!(bench.stored(&format!("videos/job/{name}")).await[0], 1);
    }
}

/// A worker died while it published; what it spoke was other than what is spoken now.
#[tokio::test]
async fn what_an_attempt_before_left_is_replaced() {
    let bench = bench();
    for n_bytes in [10, 33 << 20] {
        let name = format!("{n_bytes}.mp4");
        let first = bench.file("first", &vec![1; n_bytes]);
        let second = bench.file("second", &vec![2; n_bytes]);
        for (file, content) in [(&first, 1), (&second, 2), (&second, 2)] {
            let goes = bench.publisher.publish(file, "job", &name, Existing::Goes);
            goes.await.expect("published");
            assert_eq!(bench.stored(&format!("videos/job/{name}")).await, vec![content; n_bytes]);
        }
    }
}

#[tokio::test]
async fn a_folder_is_a_store_too() {
    let bench = bench();
    let target = bench.folder.path().join("out");
    let url = format!("file://{}", target.display());
    let settings = settings::Publish { url: Some(url.clone()), ..Default::default() };
    let publisher = Publisher::new(&settings).expect("a folder").expect("is set");
    let file = bench.file("a.srt", b"1");
    let published =
        publisher.publish(&file, "job", "a.srt", Existing::Stays).await.expect("published");
    assert_eq!(published, format!("{url}/job/a.srt"));
    assert_eq!(fs_err::read(target.join("job/a.srt")).expect("a file"), b"1");
}
