use std::time::Duration;

use tokio::task::yield_now;

use super::*;

fn open() -> Admission {
    Admission { state: watch::Sender::default(), _sampler: None }
}

fn closed(reason: Reason) -> Vec<Closed> {
    vec![Closed { reason, why: format!("{} is used up", reason.as_str()) }]
}

/// Whether another job starts now.
async fn starts(admission: &Admission) -> bool {
    tokio::time::timeout(Duration::from_millis(50), admission.wait()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_until_there_is_room_and_is_told_why() {
    for reason in [Reason::Memory, Reason::Gpu, Reason::Disk] {
        let admission = open();
        assert!(starts(&admission).await && admission.why().is_none());
        tell(&admission.state, closed(reason));
        assert!(!starts(&admission).await, "also where no job runs");
        assert_eq!(admission.why(), Some(format!("{} is used up", reason.as_str())));
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.wait().await }
        });
        yield_now().await;
        tell(&admission.state, Vec::new());
        let admitted = waiting.await.expect("it is let in");
        assert_eq!(admission.state.borrow().n_admitted, 1);
        drop(admitted);
        assert_eq!(admission.state.borrow().n_admitted, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn busy_processors_let_one_job_in_and_the_next_when_it_ends() {
    let admission = open();
    tell(&admission.state, closed(Reason::Cpu));
    let first = admission.wait().await;
    assert!(!starts(&admission).await, "one is enough");
    assert!(admission.why().is_some());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let admission = admission.clone();
            tokio::spawn(async move {
                let _admitted = admission.wait().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(admission.state.borrow().n_admitted, 1, "one after the other");
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(admission.state.borrow().n_admitted, 1);
    drop(first);
    for task in waiting {
        task.await.expect("no panic");
    }
    assert_eq!(admission.state.borrow().n_admitted, 0);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_and_who_panics_is_not_counted() {
    let admission = open();
    tell(&admission.state, closed(Reason::Disk));
    assert!(!starts(&admission).await);
    tell(&admission.state, Vec::new());
    let (inside, panics) = (admission.clone(), true);
    let task = tokio::spawn(async move {
        let _admitted = inside.wait().await;
        assert!(!panics, "a panic that is wanted");
    });
    task.await.expect_err("it panics");
    assert_eq!(admission.state.borrow().n_admitted, 0);
}

/// On this machine, with limits that it has reached for certain, and with none.
#[tokio::test]
async fn the_machine_is_looked_at_where_there_is_a_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = settings::Limits {
        memory_percent: 100.0,
        disk_free_bytes: 0,
        sample_s: 0.01,
        ..settings::Limits::default()
    };
    let full = settings::Limits { disk_free_bytes: u64::MAX, ..none.clone() };
    let machine = Machine::new(folder.path(), Duration::ZERO);
    let admission = Admission::start(&full, &machine);
    for _ in 0..1_000 {
        if admission.why().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let why = admission.why().expect("no disk has so much");
    assert!(why.starts_with("disk: ") && why.contains("jobs start again at"), "{why}");
    assert!(!starts(&admission).await);
    let Door { open, reasons, why, admitted } = admission.door();
    assert_eq!((open, reasons, why.is_some(), admitted), (false, vec!["disk"], true, 0));

    let admission = Admission::start(&none, &machine);
    assert!(admission._sampler.is_none() && starts(&admission).await);
}
