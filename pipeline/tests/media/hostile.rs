//! Files that are no clips, and renders that want more than they may have.

use std::net::TcpListener;
use std::time::Duration;

use pipeline::media::{Allowance, MediaError, Mode, probe, render};
use pipeline::process::ProcessError;
use protocol::Size;

use super::failure::n_running_in;
use super::*;

/// Lists of other files, by the names of clips.
fn lists(url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n")),
        ("master.mp4", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n")),
        ("concat.mp4", format!("ffconcat version 1.0\nfile '{url}'\n")),
        (
            "dash.mp4",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
                 type=\"static\" mediaPresentationDuration=\"PT1S\"><Period><AdaptationSet \
                 mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>{url}\
                 </BaseURL></Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "session.mp4",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n\
             a=rtpmap:96 H264/90000\n"
                .to_owned(),
        ),
        ("image.mp4", format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"{url}\"/></svg>")),
    ]
}

#[tokio::test]
async fn a_list_in_disguise_asks_nobody_and_reads_nothing() {
    let folder = folder();
    let at = folder.path();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let web = format!("http://{}/secret", listener.local_addr().expect("bound"));
    let whole = clip(at, "whole.mp4", "testsrc2=s=160x120:r=10", 1.0, "");
    for url in
        [web.as_str(), "file:///etc/passwd", "whole.mp4", "subfile,,start,0,end,9,,:/etc/passwd"]
    {
        for (name, text) in lists(url) {
            let path = at.join(name);
            fs_err::write(&path, text).expect("written");
            let error = probe(&path).await.expect_err(name);
            assert!(matches!(error, MediaError::NotMedia { .. }), "{name}: {error}");
            if url != web {
                continue;
            }
            // As one that comes after the probe.
            let mut shot = shot(&whole, 0, 1000).await;
            shot.path = path;
            let plan = plan(at, 500, vec![shot]);
            let error = render(&plan, at, |_| {}).await.expect_err(name);
            assert!(matches!(error, MediaError::NotMedia { .. }), "{name}: {error}");
        }
    }
    let asked = listener.accept().map(|(_, from)| from).map_err(|error| error.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock));
}

/// A GIF of some bytes that claims to be of gigapixels.
#[tokio::test]
async fn a_picture_that_claims_to_be_huge_is_refused() {
    let folder = folder();
    let path = folder.path().join("huge.mp4");
    let head =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0";
    let frame = b"!\xf9\x04\0\x64\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0";
    fs_err::write(&path, [&head[..], frame, frame, b";"].concat()).expect("written");
    // ffprobe believes it no more than we do, and then says nothing of its size.
    let error = probe(&path).await.expect_err("refused");
    assert!(matches!(error, MediaError::Dimensions { .. }), "{error}");
}

/// What comes of 30 s of video with this allowance, in each way to make one.
async fn check(allowance: Allowance, expected: fn(&ProcessError) -> bool) {
    for mode in [Mode::SinglePass, Mode::ConcatCopy, Mode::PerClip] {
        let folder = folder();
        let at = folder.path();
        let path = clip(at, "clip.mp4", "testsrc2=s=640x360:r=30", 2.0, "");
        let mut plan = plan(at, 30_000, vec![shot(&path, 0, 30_000).await]);
        (plan.mode, plan.allowance) = (mode, allowance);
        plan.size = Size { width: 1080, height: 1920 };
        let error = match render(&plan, at, |_| {}).await.expect_err("beyond its allowance") {
            MediaError::Process(error) => error,
            other => panic!("{mode:?}: {other}"),
        };
        assert!(expected(&error), "{mode:?}: {error}");
        assert_eq!(videos(at), Vec::<String>::new(), "{mode:?}");
        for _ in 0..100 {
            if n_running_in(at) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(n_running_in(at), 0, "{mode:?}");
    }
}

#[tokio::test]
async fn a_render_beyond_its_allowance_ends_and_says_so() {
    let allowance = Allowance::default();
    let time_floor = Duration::from_millis(200);
    let timed = Allowance { time_factor: 0.0, time_floor, ..allowance };
    check(
        timed,
        |error| matches!(error, ProcessError::Timeout { limit, .. } if limit.as_millis() == 200),
    )
    .await;
    let small = Allowance { memory: Some(96 << 20), ..allowance };
    check(small, |error| matches!(error, ProcessError::Memory { limit, .. } if *limit == 96 << 20))
        .await;
    let short = Allowance { file: Some(50_000), ..allowance };
    check(short, |error| matches!(error, ProcessError::File { limit: 50_000, .. })).await;
}
