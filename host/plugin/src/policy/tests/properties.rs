//! What is effective, asked one small question at a time: it is exactly what all three allow.

use super::*;
use crate::grant::{EnvGrant, FilesGrant, HttpBound, HttpGrant, ProgramBound, ProgramGrant, Secrets};
use crate::pattern::{ArgumentsPattern, HostPattern, PathPattern};
use crate::request::{Ask, EnvRequest, FilesRequest, HostWanted, ProgramWanted, Requests, SecretsRequest};
use crate::word::{AbsolutePath, Pointer, RootName, VariableName};
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::sample::select;

/// One thing that a plugin may try.
#[derive(Debug, Clone)]
enum Question {
    Http {
        host: &'static str,
        port: u16,
        method: Method,
        path: &'static str,
        plain: bool,
        private: bool,
        public: Option<Pointer>,
    },
    Env {
        name: VariableName,
        form: Form,
    },
    File {
        root: RootName,
        path: AbsolutePath,
        write: bool,
    },
    Program {
        program: AbsolutePath,
        args: Vec<&'static str>,
    },
    Flag(Kind),
}

const ROOTS: [&str; 2] = ["r", "s"];
const FILES: [&str; 4] = ["/", "/a", "/a/b", "/c"];
const PROGRAMS: [&str; 3] = ["/b/p", "/c/p", "/b/q"];
const FLAGS: [Kind; 5] = [Kind::Ssh, Kind::Here, Kind::Clock, Kind::Seal, Kind::Reveal];

fn why() -> Why {
    Why::parse("x").unwrap()
}

fn hosts() -> impl Strategy<Value = HostPattern> {
    select(vec!["a.x:1", "b.x:1", "*.x:1", "a.x:2"]).prop_map(|text| HostPattern::parse(text).unwrap())
}

fn paths() -> impl Strategy<Value = BTreeSet<PathPattern>> {
    let path = select(vec!["/a", "/b", "/*", "/a/*", "/*/b"]).prop_map(|text| PathPattern::parse(text).unwrap());
    btree_set(path, 0..3)
}

fn methods() -> impl Strategy<Value = BTreeSet<Method>> {
    btree_set(select(vec![Method::Get, Method::Put]), 0..3)
}

fn pointers() -> impl Strategy<Value = BTreeSet<Pointer>> {
    btree_set(select(vec!["/l", "/m"]).prop_map(|text| Pointer::parse(text).unwrap()), 0..3)
}

fn names() -> impl Strategy<Value = VariableName> {
    select(vec!["A", "AB", "B"]).prop_map(|text| VariableName::parse(text).unwrap())
}

fn forms() -> impl Strategy<Value = Form> {
    select(vec![Form::Secret, Form::Plain])
}

fn roots() -> impl Strategy<Value = RootName> {
    select(&ROOTS[..]).prop_map(|text| RootName::parse(text).unwrap())
}

fn places(from: &'static [&'static str]) -> impl Strategy<Value = AbsolutePath> {
    select(from).prop_map(|text| AbsolutePath::parse(text).unwrap())
}

fn arguments() -> impl Strategy<Value = ArgumentsPattern> {
    vec(select(vec!["x", "y", "*"]), 0..3).prop_flat_map(|words| {
        select(vec![false, true]).prop_map(move |open| {
            let more = open.then_some("...");
            let words: Vec<String> = words.iter().copied().chain(more).map(String::from).collect();
            ArgumentsPattern::try_from(words).unwrap()
        })
    })
}

fn referred<T: Clone + std::fmt::Debug>(named: impl Strategy<Value = T>) -> impl Strategy<Value = Referred<T>> {
    of(named).prop_map(|named| named.map_or(Referred::Reference, Referred::Named))
}

fn some_requests() -> impl Strategy<Value = Requests> {
    let host = of(hosts()).prop_map(|host| match host {
        Some(host) => HostWanted::Known(host),
        None => HostWanted::Configured(crate::Handle::parse("address").unwrap()),
    });
    let http =
        (host, methods(), paths(), pointers(), any::<bool>()).prop_map(|(host, methods, paths, public, plain_http)| {
            HttpRequest { host, methods, paths, public, plain_http, why: why() }
        });
    let env = (referred(names()), any::<bool>()).prop_map(|(name, secret)| EnvRequest { name, secret, why: why() });
    let files = (referred(roots()), of(places(&FILES)), any::<bool>()).prop_map(|(root, path, write)| FilesRequest {
        root,
        path,
        write,
        why: why(),
    });
    let program = select(vec!["/b/p", "p", "q"]).prop_map(|text| ProgramWanted::try_from(text.to_owned()).unwrap());
    let spawn = (program, arguments()).prop_map(|(program, args)| ProgramRequest { program, args, why: why() });
    let lists = (vec(http, 0..3), vec(env, 0..3), vec(files, 0..3), vec(spawn, 0..3));
    (lists, any::<[bool; 5]>()).prop_map(|((http, env, files, spawn), [ssh, here, clock, seal, reveal])| {
        let ask = |asked: bool| asked.then(|| Ask { why: why() });
        let secrets = Some(SecretsRequest { seal, reveal, why: why() });
        Requests {
            http,
            env,
            files,
            process: Vec::new(),
            spawn,
            ssh: ask(ssh),
            here: ask(here),
            clock: ask(clock),
            secrets,
        }
    })
}

fn some_grant() -> impl Strategy<Value = Grant> {
    let http = (hosts(), methods(), paths(), pointers(), any::<[bool; 2]>()).prop_map(
        |(host, methods, paths, public, [plain_http, private])| HttpGrant {
            host,
            methods,
            paths,
            public,
            plain_http,
            private,
            ca: None,
        },
    );
    let env = (names(), forms()).prop_map(|(name, form)| EnvGrant { name, form });
    let files =
        (roots(), places(&FILES), any::<bool>()).prop_map(|(root, path, write)| FilesGrant { root, path, write });
    let spawn =
        (places(&PROGRAMS), arguments()).prop_map(|(program, args)| ProgramGrant { program, args, sha256: None });
    let lists = (of(vec(http, 0..4)), of(vec(env, 0..4)), of(vec(files, 0..4)), of(vec(spawn, 0..4)));
    (lists, any::<[Option<bool>; 5]>()).prop_map(|((http, env, files, spawn), [ssh, here, clock, seal, reveal])| {
        Grant { http, env, files, process: None, spawn, ssh, here, clock, secrets: Secrets { seal, reveal } }
    })
}

fn some_bounds() -> impl Strategy<Value = Bounds> {
    let http = (of(hosts()), of(methods()), of(paths()), of(pointers()), any::<[bool; 2]>()).prop_map(
        |(host, methods, paths, public, [plain_http, private])| HttpBound {
            host,
            methods,
            paths,
            public,
            plain_http,
            private,
        },
    );
    let name = select(vec!["A", "A*", "*"]).prop_map(|text| NamePattern::try_from(text.to_owned()).unwrap());
    let env = (name, forms()).prop_map(|(name, form)| EnvBound { name, form });
    let files = (places(&FILES), any::<bool>()).prop_map(|(path, write)| FilesBound { path, write });
    let spawn =
        (places(&PROGRAMS), arguments()).prop_map(|(program, args)| ProgramBound { program, args, sha256: None });
    let lists = (of(vec(http, 0..3)), of(vec(env, 0..3)), of(vec(files, 0..3)), of(vec(spawn, 0..3)));
    let limits = of(1u32..100).prop_map(|memory_mib| Wishes { memory_mib, ..Wishes::default() });
    (lists, any::<[Option<bool>; 5]>(), limits).prop_map(|(lists, flags, limits)| {
        let ((http, env, files, spawn), [ssh, here, clock, seal, plaintext]) = (lists, flags);
        Bounds { http, env, files, process: None, spawn, ssh, here, clock, seal, plaintext, limits }
    })
}

fn question() -> impl Strategy<Value = Question> {
    let http = (
        (select(vec!["a.x", "b.x", "c.x"]), 1u16..3, select(vec![Method::Get, Method::Put])),
        (select(vec!["/a", "/b", "/a/b", "/c/b"]), any::<[bool; 2]>(), of(select(vec!["/l", "/m"]))),
    );
    let http = http.prop_map(|((host, port, method), (path, [plain, private], public))| {
        let public = public.map(|text| Pointer::parse(text).unwrap());
        Question::Http { host, port, method, path, plain, private, public }
    });
    prop_oneof![
        4 => http,
        1 => (names(), forms()).prop_map(|(name, form)| Question::Env { name, form }),
        2 => (roots(), places(&FILES), any::<bool>()).prop_map(|(root, path, write)| Question::File { root, path, write }),
        2 => (places(&PROGRAMS), vec(select(vec!["x", "y"]), 0..3))
            .prop_map(|(program, args)| Question::Program { program, args }),
        1 => select(&FLAGS[..]).prop_map(Question::Flag),
    ]
}

fn asks(requests: &Requests, question: &Question) -> bool {
    match question {
        Question::Http { host, port, method, path, plain, private: _, public } => requests.http.iter().any(|asked| {
            let known = match &asked.host {
                HostWanted::Known(pattern) => pattern.matches(host, *port),
                HostWanted::Configured(_) => true,
            };
            known
                && asked.methods.contains(method)
                && asked.paths.iter().any(|pattern| pattern.matches(path))
                && (asked.plain_http || !plain)
                && public.as_ref().is_none_or(|public| asked.public.contains(public))
        }),
        Question::Env { name, form } => requests.env.iter().any(|asked| {
            (asked.name == Referred::Reference || asked.name == Referred::Named(name.clone()))
                && (*form == Form::Secret || !asked.secret)
        }),
        Question::File { root, path, write } => requests.files.iter().any(|asked| {
            (asked.root == Referred::Reference || asked.root == Referred::Named(root.clone()))
                && asked.path.as_ref().is_none_or(|limit| path.is_within(limit))
                && (asked.write || !write)
        }),
        Question::Program { program, args } => {
            requests.spawn.iter().any(|asked| asked.program.is(program) && asked.args.matches(args.iter().copied()))
        }
        Question::Flag(kind) => requests.flags().iter().any(|(asked, _)| asked == kind),
    }
}

fn grants(grant: &Grant, question: &Question) -> bool {
    match question {
        Question::Http { host, port, method, path, plain, private, public } => {
            grant.http.iter().flatten().any(|grant| {
                grant.host.matches(host, *port)
                    && grant.methods.contains(method)
                    && grant.paths.iter().any(|pattern| pattern.matches(path))
                    && (grant.plain_http || !plain)
                    && (grant.private || !private)
                    && public.as_ref().is_none_or(|public| grant.public.contains(public))
            })
        }
        Question::Env { name, form } => {
            grant.env.iter().flatten().any(|grant| grant.name == *name && *form <= grant.form)
        }
        Question::File { root, path, write } => grant
            .files
            .iter()
            .flatten()
            .any(|grant| grant.root == *root && path.is_within(&grant.path) && (grant.write || !write)),
        Question::Program { program, args } => (grant.spawn.iter().flatten())
            .any(|grant| grant.program == *program && grant.args.matches(args.iter().copied())),
        Question::Flag(kind) => access::granted_flag(grant, *kind) == Some(true),
    }
}

fn allows(bounds: &Bounds, question: &Question) -> bool {
    match question {
        Question::Http { host, port, method, path, plain, private, public } => {
            bounds.http.as_ref().is_none_or(|list| {
                list.iter().any(|bound| {
                    bound.host.as_ref().is_none_or(|pattern| pattern.matches(host, *port))
                        && bound.methods.as_ref().is_none_or(|methods| methods.contains(method))
                        && bound.paths.as_ref().is_none_or(|paths| paths.iter().any(|pattern| pattern.matches(path)))
                        && (bound.plain_http || !plain)
                        && (bound.private || !private)
                        && public
                            .as_ref()
                            .is_none_or(|public| bound.public.as_ref().is_none_or(|all| all.contains(public)))
                })
            })
        }
        Question::Env { name, form } => (bounds.env.as_ref())
            .is_none_or(|list| list.iter().any(|bound| bound.name.matches(name) && *form <= bound.form)),
        Question::File { path, write, .. } => (bounds.files.as_ref())
            .is_none_or(|list| list.iter().any(|bound| path.is_within(&bound.path) && (bound.write || !write))),
        Question::Program { program, args } => bounds.spawn.as_ref().is_none_or(|list| {
            list.iter().any(|bound| bound.program == *program && bound.args.matches(args.iter().copied()))
        }),
        Question::Flag(kind) => access::flag_bound(bounds, *kind) != Some(false),
    }
}

fn gives(effective: &Effective, question: &Question) -> bool {
    match question {
        Question::Http { host, port, method, path, plain, private, public } => effective.http.iter().any(|access| {
            access.host.matches(host, *port)
                && access.methods.contains(method)
                && access.paths.iter().any(|pattern| pattern.matches(path))
                && (access.plain_http || !plain)
                && (access.private || !private)
                && public.as_ref().is_none_or(|public| access.public.contains(public))
        }),
        Question::Env { name, form } => effective.env.iter().any(|access| access.name == *name && *form <= access.form),
        Question::File { root, path, write } => effective
            .files
            .iter()
            .any(|access| access.root == *root && path.is_within(&access.within) && (access.write || !write)),
        Question::Program { program, args } => {
            let fits = |access: &ProgramAccess| access.program == *program && access.args.matches(args.iter().copied());
            effective.spawn.iter().any(fits)
        }
        Question::Flag(kind) => effective.flags.contains(kind),
    }
}

fn settled(requests: &Requests, table: &Table, bounds: &[&Bounds]) -> (Effective, Vec<Denial>) {
    let manifest = Manifest { requests: requests.clone(), ..manifest(BAO) };
    let bounds: Vec<Bound<'_>> = bounds.iter().map(|bounds| Bound { source: "site", bounds }).collect();
    settle(&manifest, Some(table), &bounds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn effective_is_what_all_three_allow(
        requests in some_requests(), grant in some_grant(), one in some_bounds(), two in some_bounds(),
        questions in vec(question(), 40),
    ) {
        let table = Table { grant, ..Table::default() };
        let (found, _) = settled(&requests, &table, &[&one, &two]);
        for question in &questions {
            let all = asks(&requests, question) && grants(&table.grant, question)
                && allows(&one, question) && allows(&two, question);
            prop_assert_eq!(gives(&found, question), all, "{:?}", question);
        }
        let memory = found.limits.memory_mib;
        prop_assert!([&one, &two].iter().all(|bounds| memory <= bounds.limits.memory_mib.unwrap_or(u32::MAX)));
    }

    #[test]
    fn taking_something_away_never_gives_more(
        requests in some_requests(), grant in some_grant(), bounds in some_bounds(), another in some_bounds(),
        questions in vec(question(), 40), which in 0..8usize,
    ) {
        let whole = Table { grant, ..Table::default() };
        let (more, _) = settled(&requests, &whole, &[&bounds]);
        let (mut smaller, mut asked) = (whole.clone(), requests.clone());
        let mut site = vec![&bounds];
        match which {
            0 => smaller.grant.http = smaller.grant.http.map(|list| list.into_iter().skip(1).collect()),
            1 => smaller.grant.env = None,
            2 => smaller.grant.files = smaller.grant.files.map(|list| list.into_iter().skip(1).collect()),
            3 => smaller.grant.spawn = Some(Vec::new()),
            4 => smaller.grant.clock = Some(false),
            5 => smaller.deny.extend(requests.each().into_iter().map(|(key, _)| key).take(2)),
            6 => asked.http.truncate(1),
            _ => site.push(&another),
        }
        let (less, _) = settled(&asked, &smaller, &site);
        for question in &questions {
            prop_assert!(!gives(&less, question) || gives(&more, question), "{:?}", question);
        }
    }

    #[test]
    fn a_request_is_given_something_or_denied_and_never_both(
        requests in some_requests(), grant in some_grant(), bounds in some_bounds()
    ) {
        let table = Table { grant, ..Table::default() };
        for (alone, computed) in one_by_one(&requests) {
            let (found, denials) = settled(&alone, &table, &[&bounds]);
            let given = found.http.len() + found.env.len() + found.files.len() + found.spawn.len() + found.flags.len();
            // What is computed may be nothing.
            prop_assert!(computed || (given == 0) == (denials.len() == 1), "{:?} {:?}", found, denials);
            prop_assert!(given == 0 || denials.is_empty());
            // What is told can be written under `deny`.
            prop_assert!(denials.iter().all(|denial| Key::parse(&denial.key.to_string()) == Ok(denial.key.clone())));
        }
    }
}

/// Returns each request as if it were the only one, and whether it is about what the stack refers to.
fn one_by_one(requests: &Requests) -> Vec<(Requests, bool)> {
    let only = Requests::default;
    let mut found: Vec<(Requests, bool)> = Vec::new();
    found.extend(requests.http.iter().map(|asked| (Requests { http: vec![asked.clone()], ..only() }, false)));
    found.extend(
        requests
            .env
            .iter()
            .map(|asked| (Requests { env: vec![asked.clone()], ..only() }, asked.name == Referred::Reference)),
    );
    found.extend(
        requests
            .files
            .iter()
            .map(|asked| (Requests { files: vec![asked.clone()], ..only() }, asked.root == Referred::Reference)),
    );
    found.extend(requests.spawn.iter().map(|asked| (Requests { spawn: vec![asked.clone()], ..only() }, false)));
    found.extend(requests.clock.iter().map(|asked| (Requests { clock: Some(asked.clone()), ..only() }, false)));
    found
}
