//! How what a plugin asks for and what it is given are said: in one line of text, and in documents. Words of plugins and of
//! files are escaped here, so that none can move the cursor.

use super::given::{Given, form, methods};
use punix_diag::visible;
use punix_plugin::limits::Limits;
use punix_plugin::{
    ArgumentsPattern, AuthorityName, Effective, EnvAccess, FilesAccess, Form, HttpAccess, Kind, Method, PathPattern,
    Pointer, ProgramAccess, Requests,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Returns a text as it can stand in a line.
pub(super) fn seen(text: &str) -> String {
    let mut out = String::new();
    visible(text, &mut out);
    out
}

/// Quotes a word for a shell, where that is needed.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,@%+=".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Says what one request asks for, but for its key.
pub(super) fn asked(request: &Requests) -> String {
    if let Some(http) = request.http.first() {
        return http_words(&http.methods, &http.paths, &http.public) + &way_words(http.plain_http, false, None);
    }
    if let Some(env) = request.env.first() {
        return form_words(if env.secret { Form::Secret } else { Form::Plain });
    }
    if let Some(files) = request.files.first() {
        let place = files.path.as_ref().map_or(String::new(), |path| format!("{} ", seen(path.as_str())));
        return format!("{place}{}", write_word(files.write));
    }
    match request.spawn.first().or(request.process.first()) {
        Some(program) => arguments(&program.args),
        None => String::new(),
    }
}

/// Says all that a plugin may do, an item each.
pub(super) fn effective(effective: &Effective) -> Vec<String> {
    let Effective { http, env, files, process, spawn, flags, .. } = effective;
    let mut found: Vec<String> = http.iter().map(http_access).collect();
    found.extend(env.iter().map(|EnvAccess { name, form }| format!("env:{name} {}", form_words(*form))));
    found.extend(files.iter().map(|FilesAccess { root, path, within, write }| {
        let within = if within == path { String::new() } else { format!(", within {}", seen(within.as_str())) };
        format!("files:{root} {} {}{within}", seen(path.as_str()), write_word(*write))
    }));
    found.extend(process.iter().map(|access| program(Kind::Process, access)));
    found.extend(spawn.iter().map(|access| program(Kind::Spawn, access)));
    found.extend(flags.iter().map(|kind| kind.as_str().to_owned()));
    found
}

/// Says what is granted.
pub(super) fn given(given: &Given) -> String {
    let key = seen(&given.key().to_string());
    let words = match given {
        Given::Http(grant) => {
            let words = http_words(&grant.methods, &grant.paths, &grant.public);
            words + &way_words(grant.plain_http, grant.private, grant.ca.as_ref())
        }
        Given::Env(grant) => form_words(grant.form),
        Given::Files(grant) => format!("{} {}", seen(grant.path.as_str()), write_word(grant.write)),
        Given::Process(grant) | Given::Spawn(grant) => {
            let pinned = grant.sha256.map_or(String::new(), |digest| format!(", only with digest {digest}"));
            format!("{}{pinned}", arguments(&grant.args))
        }
        Given::Flag(_) => return key,
    };
    format!("{key} {words}")
}

/// Returns what is granted as an object.
pub(super) fn given_json(given: &Given) -> Value {
    match given {
        Given::Http(grant) => json!({
            "kind": "http",
            "host": grant.host.to_string(),
            "methods": methods(&grant.methods),
            "paths": texts(&grant.paths),
            "public": texts(&grant.public),
            "plain_http": grant.plain_http,
            "private": grant.private,
            "ca": grant.ca.as_ref().map(|ca| ca.as_str()),
        }),
        Given::Env(grant) => json!({ "kind": "env", "name": grant.name.as_str(), "as": form(grant.form) }),
        Given::Files(grant) => json!({
            "kind": "files",
            "root": grant.root.as_str(),
            "path": grant.path.as_str(),
            "write": grant.write,
        }),
        Given::Process(grant) | Given::Spawn(grant) => json!({
            "kind": given.kind().as_str(),
            "program": grant.program.as_str(),
            "args": grant.args.words(),
            "sha256": grant.sha256.map(|digest| digest.to_string()),
        }),
        Given::Flag(kind) => json!({ "kind": kind.as_str() }),
    }
}

/// Returns all that a plugin may do as objects.
pub(super) fn effective_json(effective: &Effective) -> Vec<Value> {
    let Effective { http, env, files, process, spawn, flags, .. } = effective;
    let mut found: Vec<Value> = http.iter().map(http_json).collect();
    found.extend(
        env.iter()
            .map(|EnvAccess { name, form: how }| json!({ "kind": "env", "name": name.as_str(), "as": form(*how) })),
    );
    found.extend(files.iter().map(|FilesAccess { root, path, within, write }| {
        json!({
            "kind": "files",
            "root": root.as_str(),
            "path": path.as_str(),
            "within": within.as_str(),
            "write": write,
        })
    }));
    for (kind, list) in [(Kind::Process, process), (Kind::Spawn, spawn)] {
        found.extend(list.iter().map(|ProgramAccess { program, args, sha256 }| {
            json!({
                "kind": kind.as_str(),
                "program": program.as_str(),
                "args": args.words(),
                "sha256": sha256.map(|digest| digest.to_string()),
            })
        }));
    }
    found.extend(flags.iter().map(|kind| json!({ "kind": kind.as_str() })));
    found
}

/// Returns limits as an object.
pub(super) fn limits_json(limits: &Limits) -> Value {
    Value::Object(limits.each().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

/// Lays out items in lines of a width, each line indented but the first.
pub(super) fn wrapped(items: &[String], indent: usize) -> String {
    const WIDTH: usize = 80;
    let mut text = String::new();
    let mut column = indent;
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let width = item.chars().count() + usize::from(!last);
        if index > 0 && column + 1 + width > WIDTH {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(item);
        text.push_str(if last { "" } else { ";" });
        column += width;
    }
    text
}

fn http_access(access: &HttpAccess) -> String {
    let HttpAccess { host, configured, methods, paths, public, plain_http, private, ca } = access;
    let words = http_words(methods, paths, public);
    let way = way_words(*plain_http, *private, ca.as_ref());
    let only = configured.as_ref().map_or(String::new(), |field| format!(", if it is {{config.{field}}}"));
    format!("http:{host} {words}{way}{only}")
}

fn http_json(access: &HttpAccess) -> Value {
    json!({
        "kind": "http",
        "host": access.host.to_string(),
        "configured": access.configured.as_ref().map(|field| field.as_str()),
        "methods": methods(&access.methods),
        "paths": texts(&access.paths),
        "public": texts(&access.public),
        "plain_http": access.plain_http,
        "private": access.private,
        "ca": access.ca.as_ref().map(|ca| ca.as_str()),
    })
}

fn http_words(allowed: &BTreeSet<Method>, paths: &BTreeSet<PathPattern>, public: &BTreeSet<Pointer>) -> String {
    let mut words = format!("{} {}", methods(allowed).join(","), texts(paths).join(","));
    if !public.is_empty() {
        words.push_str(&format!(", may read {}", seen(&texts(public).join(","))));
    }
    words
}

/// Says how a host may be reached, where that is not as usual.
fn way_words(plain_http: bool, private: bool, authority: Option<&AuthorityName>) -> String {
    let plain_http = if plain_http { ", without TLS too" } else { "" };
    let private = if private { ", in private networks too" } else { "" };
    let authority = authority.map_or(String::new(), |name| format!(", authority {name}"));
    format!("{plain_http}{private}{authority}")
}

fn program(kind: Kind, access: &ProgramAccess) -> String {
    let pinned = access.sha256.map_or(String::new(), |digest| format!(", only with digest {digest}"));
    format!("{kind}:{} {}{pinned}", seen(access.program.as_str()), arguments(&access.args))
}

fn arguments(args: &ArgumentsPattern) -> String {
    let words = args.words();
    match words.is_empty() {
        true => "without arguments".to_owned(),
        false if *args == ArgumentsPattern::every() => "with any arguments".to_owned(),
        false => format!("with {}", seen(&words.join(" "))),
    }
}

fn form_words(how: Form) -> String {
    match how {
        Form::Secret => "as a secret".to_owned(),
        Form::Plain => "in plain".to_owned(),
    }
}

fn write_word(write: bool) -> &'static str {
    if write { "to read and write" } else { "to read" }
}

fn texts<T: ToString>(items: &BTreeSet<T>) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_a_screen() {
        let items: Vec<String> = (0..12).map(|number| format!("item {number:>10}")).collect();
        let text = wrapped(&items, 6);
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(at, line)| if at > 0 { line.to_owned() } else { format!("      {line}") })
            .collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80 && line.starts_with("      item")), "{text}");
        assert_eq!(lines.len(), 3);
        assert_eq!(wrapped(&[], 6), "");
    }
}
