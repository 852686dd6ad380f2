//! What resolvers have to pass.

use super::noise::Noise;
use super::{Check, NOISE_ROUNDS, Wrong, check, wrong};
use crate::fakes::Fault;
use crate::host::TestHost;
use punix_model::{Class, Request, Resolver};
use punix_plugin::runtime::Severity;
use std::path::Path;

/// References in the forms that are usual; a resolver may refuse any of them.
const USUAL: &[&str] = &["NAME", "name", "db-password", "path/to#field", "secret.txt", "kv/db#password", "a/b/c"];

/// Configurations in the words that are usual, with an address of nobody; the first that the plugin takes is used.
const CONFIGS: [&str; 3] = [
    r#"{"address":"https://secrets.test:8200","auth":{"method":"token"}}"#,
    r#"{"address":"https://secrets.test:8200"}"#,
    "{}",
];

pub(super) fn checks(host: &TestHost) -> Vec<Check> {
    let config = usual(host);
    vec![
        check("reads any text as a reference, or refuses it", || parses(host)),
        check("has one form for each reference", || one_form(host)),
        check("answers for each reference when nothing is there", || answers(host.anew().config(config), None)),
        check("answers `denied` when all is denied", || denied(host.anew().config(config))),
        check("answers when nobody answers in time", || faulty(host, config, Err(Fault::Timeout))),
        check("answers when nobody takes a connection", || faulty(host, config, Err(Fault::Refused))),
        check("answers when an answer breaks off", || faulty(host, config, Err(Fault::Truncated))),
        check("answers when the other side fails", || faulty(host, config, Ok((500, "no".to_owned())))),
        check("answers when the other side refuses", || faulty(host, config, Ok((403, "{}".to_owned())))),
        check("answers when the other side talks nonsense", || faulty(host, config, Ok((200, "<html>".to_owned())))),
        check("answers when the other side sends an empty document", || {
            faulty(host, config, Ok((200, "{}".to_owned())))
        }),
    ]
}

/// Returns the configuration to try a plugin with.
fn usual(host: &TestHost) -> &'static str {
    let takes = |config: &&&str| {
        let said = host.meta().ok().and_then(|meta| meta.check_config(config).ok());
        said.is_some_and(|said| said.iter().all(|advice| advice.severity != Severity::Error))
    };
    CONFIGS.iter().find(takes).copied().unwrap_or("{}")
}

fn resolver(host: &TestHost) -> Result<punix_plugin::runtime::ResolverPlugin, Wrong> {
    match host.resolver()? {
        Some(resolver) => Ok(resolver),
        None => wrong("it is no resolver"),
    }
}

fn parses(host: &TestHost) -> Result<(), Wrong> {
    let resolver = resolver(host)?;
    let mut noise = Noise::new(2);
    for _ in 0..NOISE_ROUNDS {
        let _ = resolver.parse(&noise.text(24))?;
    }
    let _ = resolver.parse(&"x".repeat(1 << 16))?;
    Ok(())
}

fn one_form(host: &TestHost) -> Result<(), Wrong> {
    let resolver = resolver(host)?;
    for text in USUAL {
        let Ok(form) = resolver.parse(text)? else { continue };
        match resolver.parse(&form)? {
            Ok(again) if again == form => {}
            other => return wrong(format!("`{text}` becomes `{form}`, and that becomes {other:?}")),
        }
    }
    Ok(())
}

fn requests(host: &TestHost) -> Result<Vec<Request>, Wrong> {
    let resolver = resolver(host)?;
    let mut requests = Vec::new();
    for text in USUAL {
        if resolver.parse(text)?.is_ok() {
            let reference = (*text).to_owned();
            requests.push(Request { reference, config: host.configuration().to_owned(), credentials: Vec::new() });
        }
    }
    if requests.is_empty() {
        let tried = USUAL.join("`, `");
        return wrong(format!("it takes none of the usual forms of references: `{tried}`"));
    }
    Ok(requests)
}

fn answers(host: TestHost, expected: Option<Class>) -> Result<(), Wrong> {
    let host = host.references(Path::new("/nonexistent/of/the/kit"), USUAL);
    let requests = requests(&host)?;
    for (request, answer) in requests.iter().zip(resolver(&host)?.resolve_all(&requests)?) {
        match (answer, expected) {
            (Ok(_), _) => return wrong(format!("it found `{}`, which is not there", request.reference)),
            (Err(error), Some(class)) if error.class != class => {
                let said = format!("`{}`: class {:?} in place of {class:?}: {error}", request.reference, error.class);
                return wrong(said);
            }
            (Err(error), _) if error.code.is_empty() || error.message.is_empty() => {
                return wrong(format!("`{}`: an error without a code or a message", request.reference));
            }
            (Err(_), _) => {}
        }
    }
    Ok(())
}

fn denied(host: TestHost) -> Result<(), Wrong> {
    let asks = !host.inspected().manifest.requests.each().is_empty();
    answers(host.denying(), asks.then_some(Class::Denied))
}

fn faulty(host: &TestHost, config: &str, answer: Result<(u16, String), Fault>) -> Result<(), Wrong> {
    let mut host = host.anew().config(config);
    host.fakes.other_answers = Some(answer);
    answers(host, None)
}
