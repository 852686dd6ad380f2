use punix_store::*;
use punix_target::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::*;
fn asking() -> Asking<'static> {
    Asking { command: "m", wait: Duration::from_secs(60), tell: &|_| {} }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    match a[1].as_str() {
        "make" => {
            let store = Store::open(Path::new(&a[2])).unwrap();
            for (n, tree) in a[3..].iter().enumerate() {
                let parts = Parts {
                    package: PackageName::parse(&format!("p{n}")).unwrap(),
                    version: Version::parse("1").unwrap(),
                    recipe: "std.shell".into(),
                    recipe_digest: Digest::of(b""),
                    args: Record::new(),
                    source: Record::new(),
                    system: "x86_64-linux".into(),
                    inputs: BTreeSet::new(),
                };
                let d = Derivation::new(parts).unwrap();
                let sh = store.share(asking()).unwrap();
                let l = store.claim(&sh, d.name(), asking()).unwrap().unwrap();
                let st = store.stage(&l).unwrap();
                assert!(
                    std::process::Command::new("cp")
                        .arg("-a")
                        .arg(format!("{tree}/."))
                        .arg(store.staged_path(&st))
                        .status()
                        .unwrap()
                        .success()
                );
                store.add(st, &d).unwrap();
            }
        }
        "push" => {
            let store = Store::find(Path::new(&a[2])).unwrap();
            let names: BTreeSet<StoreName> = store.list().unwrap().into_iter().collect();
            let opening = Opening {
                root: Path::new(&a[3]),
                deployments: Some(Path::new("/d")),
                command: "m",
                wait: Duration::from_secs(9),
            };
            let t = Instant::now();
            let client = Client::start(Path::new(&a[4]), &opening).unwrap();
            let mut n = 0;
            let b = client.push(
                &store,
                &Pushing { to: TargetPath::parse("/s").unwrap(), names, again: BTreeSet::new() },
                &mut |s| n += matches!(s, PushStep::Bytes { .. }) as u32,
            );
            eprintln!("{:?} {b:?} {n} {}", t.elapsed(), if b.is_err() { "ERR" } else { "" });
            drop(client);
            eprintln!("{:?}", t.elapsed());
        }
        _ => panic!(),
    }
}
