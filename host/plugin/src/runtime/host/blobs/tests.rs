use super::*;
use crate::runtime::bindings::cap::punix::base::types::ErrorClass;
use crate::runtime::testing::{Desk, refusal};
use crate::word::RootName;

fn sealed(state: &mut State, bytes: &[u8], origin: Origin) -> u32 {
    let blob = Blob {
        bytes: Zeroizing::new(bytes.to_vec()),
        read: 0,
        sealed: true,
        made: Made::Whole,
        origin,
        public: BTreeSet::new(),
    };
    state.push_blob(blob).unwrap().rep()
}

fn blob(rep: u32) -> Resource<Blob> {
    Resource::new_own(rep)
}

fn sink(rep: u32) -> Resource<Sink> {
    Resource::new_own(rep)
}

fn host(name: &str) -> Origin {
    Origin::Host(name.to_owned())
}

fn reference(name: &str) -> Origin {
    Origin::Reference(name.to_owned())
}

#[test]
fn what_a_plugin_wrote_it_reads_in_pieces() {
    let mut state = Desk::new().state();
    let into = state.new().unwrap().rep();
    state.write(sink(into), b"hello ".to_vec()).unwrap().unwrap();
    state.write(sink(into), vec![b'x'; 300_000]).unwrap().unwrap();
    let made = state.finish(sink(into)).unwrap().unwrap().rep();
    assert_eq!(state.length(blob(made)).unwrap().unwrap(), Some(300_006));
    assert_eq!(state.read(blob(made), 6).unwrap().unwrap(), b"hello ");
    assert_eq!(state.read(blob(made), u32::MAX).unwrap().unwrap().len(), 256 << 10);
    assert_eq!(state.read(blob(made), u32::MAX).unwrap().unwrap().len(), 300_000 - (256 << 10));
    assert!(state.read(blob(made), 1).unwrap().unwrap().is_empty());
    let again = state.new().unwrap().rep();
    assert_eq!(state.append(sink(again), blob(made)).unwrap().unwrap(), 300_006);
    let copy = state.finish(sink(again)).unwrap().unwrap().rep();
    let sums = [made, copy].map(|rep| state.sha256(blob(rep)).unwrap().unwrap());
    assert_eq!((sums[0].len(), &sums[0]), (32, &sums[1]));
}

#[test]
fn nothing_is_told_of_what_is_sealed() {
    let mut state = Desk::new().state();
    let secret = sealed(&mut state, b"hunter2", host("a"));
    let errors = [
        refusal(state.length(blob(secret))),
        refusal(state.read(blob(secret), 10)),
        refusal(state.read(blob(secret), 0)),
        refusal(state.sha256(blob(secret))),
    ];
    for error in errors {
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Denied, "blob.sealed"));
        assert!(!error.message.contains("hunter2") && !error.message.contains('7'));
    }
}

#[test]
fn what_is_put_together_with_something_sealed_is_sealed() {
    let mut state = Desk::new().state();
    let secret = sealed(&mut state, b"hunter2", host("a"));
    let into = state.new().unwrap().rep();
    state.write(sink(into), b"password=".to_vec()).unwrap().unwrap();
    // Not seven: how long it is is part of what is sealed.
    assert_eq!(state.append(sink(into), blob(secret)).unwrap().unwrap(), 0);
    let made = state.finish(sink(into)).unwrap().unwrap();
    let found = state.table.get(&made).unwrap();
    assert_eq!((found.sealed, found.made, found.origin.clone()), (true, Made::Written, host("a")));
    assert_eq!(&**found.bytes, b"password=hunter2");
    assert_eq!(refusal(state.read(blob(made.rep()), 100)).code, "blob.sealed");
}

#[test]
fn where_bytes_came_from_goes_along() {
    let file = || Origin::File(RootName::parse("a").unwrap(), "b".to_owned());
    for (parts, origin, made) in [
        (vec![], Origin::Plugin, Made::Joined),
        (vec![host("a")], host("a"), Made::Joined),
        (vec![host("a"), host("a")], host("a"), Made::Joined),
        (vec![host("a"), file()], Origin::Several, Made::Joined),
        (vec![host("a"), reference("r")], reference("r"), Made::Joined),
        (vec![reference("r"), file(), host("a")], reference("r"), Made::Joined),
    ] {
        let mut state = Desk::new().state();
        let into = state.new().unwrap().rep();
        for part in parts {
            let part = sealed(&mut state, b"x", part);
            state.append(sink(into), blob(part)).unwrap().unwrap();
        }
        let found = state.finish(sink(into)).unwrap().unwrap();
        let found = state.table.get(&found).unwrap();
        assert_eq!((found.origin.clone(), found.made), (origin, made));
    }
}

#[test]
fn two_references_are_not_mixed() {
    let mut state = Desk::new().state();
    let [one, two] = ["one", "two"].map(|name| sealed(&mut state, b"x", reference(name)));
    let into = state.new().unwrap().rep();
    state.append(sink(into), blob(one)).unwrap().unwrap();
    state.append(sink(into), blob(one)).unwrap().unwrap();
    assert_eq!(refusal(state.append(sink(into), blob(two))).code, "blob.mixed");
    assert_eq!(&**state.table.get(&sink(into)).unwrap().bytes, b"xx");
}

#[test]
fn what_the_host_keeps_is_bounded_and_given_back() {
    let mut state = Desk::new().limits(|limits| limits.output_mib = 1).state();
    let piece = || vec![b'x'; 512 << 10];
    for _ in 0..10 {
        let into = state.new().unwrap().rep();
        state.write(sink(into), piece()).unwrap().unwrap();
        let made = state.finish(sink(into)).unwrap().unwrap();
        HostBlob::drop(&mut state, made).unwrap();
        let into = state.new().unwrap().rep();
        state.write(sink(into), piece()).unwrap().unwrap();
        HostSink::drop(&mut state, sink(into)).unwrap();
    }
    let into = state.new().unwrap().rep();
    state.write(sink(into), piece()).unwrap().unwrap();
    state.write(sink(into), piece()).unwrap().unwrap();
    assert!(state.write(sink(into), vec![0]).is_err());
    assert_eq!(state.meter.first_reached(), Some("output_mib"));
}

#[test]
fn appending_is_counted_as_well() {
    let mut state = Desk::new().limits(|limits| limits.output_mib = 1).state();
    let part = sealed(&mut state, &vec![b'x'; 400 << 10], host("a"));
    let into = state.new().unwrap().rep();
    state.append(sink(into), blob(part)).unwrap().unwrap();
    assert!(state.append(sink(into), blob(part)).is_err());
    assert_eq!(state.meter.first_reached(), Some("output_mib"));
}

#[test]
fn a_handle_that_is_gone_or_of_another_kind_ends_the_call() {
    let mut state = Desk::new().state();
    let into = state.new().unwrap().rep();
    let made = state.finish(sink(into)).unwrap().unwrap().rep();
    assert!(state.write(sink(into), vec![1]).is_err());
    assert!(state.length(blob(made + 1)).is_err());
    HostBlob::drop(&mut state, blob(made)).unwrap();
    assert!(state.length(blob(made)).is_err());
    let mut state = Desk::new().limits(|limits| limits.handles = 2).state();
    assert!(state.new().is_ok() && state.new().is_ok() && state.new().is_err());
    assert_eq!(state.meter.first_reached(), Some("handles"));
}
