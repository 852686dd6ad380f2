//! `punix plugin grant`

use super::Stopped;
use super::given::Given;
use super::known::{Known, Origin, known};
use super::outcome::finish;
use super::project::{Hold, Project};
use super::requests::{Request, gives, requests};
use super::shipped::shipped;
use super::steps::{Step, to_grant};
use super::words::seen;
use crate::args::plugin::Grant as Arguments;
use crate::args::plugin::granted::{self, Granted};
use crate::exit::Exit;
use crate::ui::Ui;
use punix_plugin::limits::Limits;
use punix_plugin::{
    ArgumentsPattern, EnvGrant, Fault, FilesGrant, Form, HostWanted, HttpGrant, Key, Kind, Manifest, ProgramGrant,
    ProgramWanted, Referred, Table,
};
use std::collections::BTreeSet;

pub(super) fn run(ui: &Ui, args: &Arguments) -> Result<Exit, Stopped> {
    let _hold = Hold::take(ui, &args.places.project)?;
    let (mut project, shipped) = (Project::read(&args.places)?, shipped());
    let known = known(&project, &shipped, &args.id)?;
    let table = project.table(&args.id).cloned().unwrap_or_default();
    let mut steps = chosen(&project, &known)?;
    steps.extend(match &args.what {
        Granted::Limits(limits) => to_limit(&table, limits)?,
        what => to_give(&known, &table, what)?,
    });
    // A new table alone would say nothing.
    if steps.iter().all(|step| matches!(step, Step::Chosen { .. })) {
        steps.clear();
    }
    let narrows = known.is_built_in() && steps.iter().any(|step| matches!(step, Step::Grant(_)));
    if narrows && !ui.json {
        ui.say(&format!("`{}` is part of punix: what is granted here is all that is left of its kind", args.id));
    }
    finish(ui, &mut project, &shipped, &args.id, &steps)
}

/// Says for which component grants are, where nothing says so yet. Another one has to be added first.
fn chosen(project: &Project, known: &Known) -> Result<Vec<Step>, Stopped> {
    let Origin::Locked(row) = &known.origin else { return Ok(Vec::new()) };
    match project.table(&known.id) {
        None => Ok(vec![Step::Chosen { sha256: row.sha256, source: row.source.as_str().to_owned() }]),
        Some(table) if table.sha256 == Some(row.sha256) => Ok(Vec::new()),
        Some(table) => {
            let (id, found) = (known.id.clone(), row.sha256);
            Err(Fault::OtherComponent { id, found, granted: table.sha256 }.into())
        }
    }
}

fn to_limit(table: &Table, limits: &granted::Limits) -> Result<Vec<Step>, Stopped> {
    let mut steps = Vec::new();
    for (name, value) in &limits.limits {
        let (name, most) = limit(name)?;
        if *value > most {
            let message = format!("`{name}` can be at most {most}");
            return Err(Stopped::usage(message, "nobody can be given more"));
        }
        let present = table.limits.each().into_iter().find(|(other, _)| *other == name).and_then(|(_, value)| value);
        if present != Some(*value) {
            steps.push(Step::Limit(name, Some(*value)));
        }
    }
    Ok(steps)
}

/// Finds a limit by its name, with what nobody can get more of.
pub(super) fn limit(name: &str) -> Result<(&'static str, u32), Stopped> {
    let all = Limits::MAX.each();
    if let Some(found) = all.iter().find(|(other, _)| *other == name) {
        return Ok(*found);
    }
    let names = all.iter().map(|(name, _)| *name);
    let near = punix_diag::closest(name, names).map(|(near, _)| format!("did you mean `{near}`?"));
    let list = || format!("there are: {}", all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "));
    Err(Stopped::usage(format!("there is no limit `{}`", seen(name)), near.unwrap_or_else(list)))
}

fn to_give(known: &Known, table: &Table, what: &Granted) -> Result<Vec<Step>, Stopped> {
    let Some(about) = &known.component else { return Err(Stopped::By(known.complaints().to_vec())) };
    let manifest = &about.inspected.manifest;
    let asked = requests(manifest);
    if known.is_built_in()
        && let Some(key) = open_key(what).filter(|key| table.deny.contains(key))
    {
        return Ok(vec![Step::Lift(key)]);
    }
    let given = resolve(manifest, what)?;
    let meant: Vec<&Request> = asked.iter().filter(|request| gives(manifest, request, &given.grant())).collect();
    if meant.is_empty() {
        return Err(not_asked(known, &given.key(), &asked));
    }
    let mut steps = to_grant(table, &given);
    // Somebody who grants what a request leaves open means that request, unless another one names exactly this.
    if !asked.iter().any(|request| request.key == given.key()) {
        let refused = meant.iter().filter(|request| table.deny.contains(&request.key));
        steps.splice(0..0, refused.map(|request| Step::Lift(request.key.clone())));
    }
    Ok(steps)
}

fn not_asked(known: &Known, key: &Key, asked: &[Request]) -> Stopped {
    let message = format!("`{}` asks for nothing that `{}` would give", known.id, seen(&key.to_string()));
    let keys: Vec<String> = asked.iter().map(|request| format!("`{}`", seen(&request.key.to_string()))).collect();
    let help = match keys.is_empty() {
        true => "it asks for nothing at all".to_owned(),
        false => format!("it asks for {}; `punix plugin inspect {}` shows more", keys.join(", "), known.id),
    };
    Stopped::usage(message, help)
}

/// Returns the key of a request that leaves open what it means, if one is named.
fn open_key(what: &Granted) -> Option<Key> {
    let with = |kind, subject: String| Some(Key { kind, subject });
    match what {
        Granted::Http(http) => match &http.host {
            HostWanted::Configured(_) => with(Kind::Http, http.host.to_string()),
            HostWanted::Known(_) => None,
        },
        Granted::Env(env) => match &env.name {
            Referred::Reference => with(Kind::Env, env.name.to_string()),
            Referred::Named(_) => None,
        },
        Granted::Files(files) => match &files.root {
            Referred::Reference => with(Kind::Files, files.root.to_string()),
            Referred::Named(_) => None,
        },
        Granted::Spawn(spawn) => match &spawn.program {
            ProgramWanted::Named(_) => with(Kind::Spawn, spawn.program.to_string()),
            ProgramWanted::At(_) => None,
        },
        Granted::Ssh | Granted::Here | Granted::Clock | Granted::Seal | Granted::Reveal | Granted::Limits(_) => None,
    }
}

/// Makes an entry of what was said, and of what is asked for where nothing was said.
fn resolve(manifest: &Manifest, what: &Granted) -> Result<Given, Stopped> {
    match what {
        Granted::Http(http) => resolve_http(manifest, http),
        Granted::Env(env) => {
            let Referred::Named(name) = &env.name else {
                return Err(open("`{reference}` is what the stack refers to", "name a variable"));
            };
            let form = match env.form {
                granted::Form::Secret => Form::Secret,
                granted::Form::Plain => Form::Plain,
            };
            Ok(Given::Env(EnvGrant { name: name.clone(), form }))
        }
        Granted::Files(files) => resolve_files(manifest, files),
        Granted::Spawn(spawn) => resolve_spawn(manifest, spawn),
        Granted::Ssh => Ok(Given::Flag(Kind::Ssh)),
        Granted::Here => Ok(Given::Flag(Kind::Here)),
        Granted::Clock => Ok(Given::Flag(Kind::Clock)),
        Granted::Seal => Ok(Given::Flag(Kind::Seal)),
        Granted::Reveal => Ok(Given::Flag(Kind::Reveal)),
        Granted::Limits(_) => Err(open("a limit is no request", "name one with its number")),
    }
}

fn resolve_http(manifest: &Manifest, said: &granted::Http) -> Result<Given, Stopped> {
    let HostWanted::Known(host) = &said.host else {
        let message = format!("`{}` is what the configuration says", said.host);
        return Err(open(&message, "name a host with its port"));
    };
    let fits = |wanted: &HostWanted| match wanted {
        HostWanted::Known(wanted) => wanted.common(host).is_some(),
        HostWanted::Configured(_) => true,
    };
    let fitting: Vec<_> = manifest.requests.http.iter().filter(|request| fits(&request.host)).collect();
    let (mut methods, mut paths): (BTreeSet<_>, BTreeSet<_>) =
        (said.methods.iter().copied().collect(), said.paths.iter().flat_map(|paths| paths.0.clone()).collect());
    if methods.is_empty() || paths.is_empty() {
        let [request] = fitting.as_slice() else {
            let message = format!("it is not clear which methods and paths of `{host}` are meant");
            return Err(open(&message, "say both with `--methods` and `--paths`"));
        };
        if methods.is_empty() {
            methods.clone_from(&request.methods);
        }
        if paths.is_empty() {
            paths.clone_from(&request.paths);
        }
    }
    Ok(Given::Http(HttpGrant {
        host: host.clone(),
        methods,
        paths,
        public: said.public.iter().flat_map(|public| public.0.clone()).collect(),
        plain_http: said.plain_http,
        private: said.private,
        ca: said.ca.clone(),
    }))
}

fn resolve_files(manifest: &Manifest, said: &granted::Files) -> Result<Given, Stopped> {
    let Referred::Named(root) = &said.root else {
        return Err(open("`{reference}` is what the stack refers to", "name a root, and a path"));
    };
    let asked = manifest.requests.files.iter().find(|request| request.root == said.root);
    let path = said.path.clone().or_else(|| asked?.path.clone());
    let path = path.ok_or_else(|| open(&format!("nothing says where `{root}` is"), "name a path behind it"))?;
    Ok(Given::Files(FilesGrant { root: root.clone(), path, write: said.write }))
}

fn resolve_spawn(manifest: &Manifest, said: &granted::Spawn) -> Result<Given, Stopped> {
    let ProgramWanted::At(program) = &said.program else {
        let message = format!("nothing says where `{}` is", seen(&said.program.to_string()));
        return Err(open(&message, "name its whole path"));
    };
    let fits = |wanted: &ProgramWanted| match wanted {
        ProgramWanted::At(path) => path == program,
        ProgramWanted::Named(name) => name.as_str() == program.file_name(),
    };
    let asked = || manifest.requests.spawn.iter().find(|request| fits(&request.program));
    let args = match said.args.is_empty() {
        true => asked().map_or_else(ArgumentsPattern::every, |request| request.args.clone()),
        false => ArgumentsPattern::try_from(said.args.clone())
            .map_err(|error| Stopped::Usage { message: error.to_string(), help: None })?,
    };
    Ok(Given::Spawn(ProgramGrant { program: program.clone(), args, sha256: said.sha256 }))
}

fn open(message: &str, help: &str) -> Stopped {
    Stopped::usage(message, help)
}
