use std::process::Command;

use super::*;

#[tokio::test]
async fn who_asks_soon_after_another_is_told_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = Machine::new(folder.path(), Duration::from_secs(60));
    let (one, other) = tokio::join!(machine.look(), machine.look());
    assert!(Arc::ptr_eq(&one, &other), "one look for both");
    assert!(one.process.is_some() && one.disk.is_some(), "{one:?}");
    let always = Machine::new(folder.path(), Duration::ZERO);
    let (one, other) = tokio::join!(always.look(), always.look());
    assert!(!Arc::ptr_eq(&one, &other));
}

#[tokio::test]
async fn a_child_counts_while_it_lives_and_its_time_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = Machine::new(folder.path(), Duration::ZERO);
    let children = async || machine.look().await.children.expect("they can be seen");
    let before = children().await;
    // It burns a fifth of a second, says so, and waits to be told to end.
    let script = "timeout 0.2 sh -c 'while :; do :; done'; echo done; read line";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sh");
    let mut said = std::io::BufReader::new(child.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut said, &mut String::new()).expect("it says that it is done");
    let living = children().await;
    assert!(living.living > before.living && living.memory_bytes > 100_000, "{living:?}");
    drop(child.stdin.take());
    child.wait().expect("it ends");
    let after = children().await;
    assert!(after.living < living.living, "{after:?}");
    assert!(after.cpu_s > before.cpu_s, "its time is counted: {before:?}, {after:?}");
}
