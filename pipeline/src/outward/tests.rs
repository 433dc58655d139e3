use super::*;

#[track_caller]
fn check(url: &str, expected: bool) {
    let url: Url = url.parse().expect("an address");
    assert_eq!(is_allowed(&url, false), expected, "{url}");
    assert!(is_allowed(&url, true) || !url.scheme().starts_with("http"), "{url}");
}

#[test]
fn only_the_world_is_asked() {
    for public in [
        "https://example.org/hook",
        "http://93.184.216.34/",
        "http://[2606:2800:220:1::1]/",
        "http://[::ffff:93.184.216.34]/",
        "http://[64:ff9b::5db8:d822]/",
    ] {
        check(public, true);
    }
    for private in [
        "http://127.0.0.1:8090/",
        "http://2130706433/", // 127.0.0.1
        "http://0x7f.1/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://255.255.255.255/",
        "http://224.0.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:2::1]/",
        "http://[3fff::1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[ff02::1]/",
        "http://127.1/",
        "http://0/",
        "http://198.18.0.1/",
    ] {
        check(private, false);
    }
    check("ftp://example.org/", false);
}

#[tokio::test]
async fn a_name_that_stands_for_this_machine_is_refused_when_it_is_looked_up() {
    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://localhost:{}/", listener.local_addr().expect("bound").port());
    let refused = client(false).expect("a client").get(&url).send().await.expect_err("refused");
    assert!(format!("{refused:?}").contains("outside of this network"), "{refused:?}");
    let asked = client(true).expect("a client").get(&url).send();
    let (_, accepted) = tokio::select! {
        accepted = listener.accept() => ((), accepted),
        answer = asked => panic!("it was not asked: {answer:?}"),
    };
    accepted.expect("it is asked where it is allowed");
}
