//! Several first runs into one store that is not there yet.

use std::process::Stdio;

use crate::program::{Site, bytes, lines};

#[test]
fn d26_first_runs_at_once_into_one_new_store_all_count() {
    for round in 0..8 {
        let site = Site::new();
        let names = ["a.log", "b.log", "c.log"];
        for (name, from) in names.into_iter().zip([0, 40, 80]) {
            site.write(name, lines(from, 40));
        }
        let children = names.map(|name| {
            let mut command = site.command("ingest");
            command.arg(site.log(name)).args(["--wait", "60"]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("started")
        });
        for child in children {
            let output = child.wait_with_output().expect("ended");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{round}: {said}");
        }
        assert_eq!(site.total(), (bytes(0, 120), 120), "{round}");
    }
}

#[test]
fn d26_first_runs_that_do_not_wait_name_the_one_that_writes() {
    for round in 0..8 {
        let site = Site::new();
        site.write("a.log", lines(0, 40));
        let children = [(); 3].map(|()| {
            let mut command = site.command("ingest");
            command.arg(site.log("a.log"));
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("started")
        });
        let outputs = children.map(|child| child.wait_with_output().expect("ended"));
        let mut done = 0;
        for output in outputs {
            let said = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0) => done += 1,
                Some(2) => assert!(said.contains("process"), "{round}: {said}"),
                code => panic!("{round}: {code:?} {said}"),
            }
        }
        assert_ne!(done, 0, "{round}");
        assert_eq!(site.total(), (bytes(0, 40), 40), "{round}");
    }
}
