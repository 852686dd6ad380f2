//! A resolver that finds secrets in a store that answers `GET ADDRESS/v1/PATH` with one JSON object. It says what is asked
//! and where in the answer the secret stands; the answer and the secret stay in the host.

mod reference;

use punix_sdk::cap::blobs::Blob;
use punix_sdk::cap::{http, secrets};
use punix_sdk::resolver::{Request, Resolved, Resolver};
use punix_sdk::serde::Deserialize;
use punix_sdk::{Diagnostic, Error, Info, config};
use reference::Reference;
use std::collections::BTreeMap;

/// The configuration; `config.schema.json` says the same.
#[derive(Debug, Deserialize)]
#[serde(crate = "punix_sdk::serde", deny_unknown_fields)]
struct Config {
    /// Where the secrets are asked for, with its scheme.
    address: String,
}

struct Plugin;

impl Resolver for Plugin {
    fn info() -> Info {
        punix_sdk::info!("Finds secrets in a store that is asked over HTTPS.")
            .config_schema(include_str!("../config.schema.json"))
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        config::check::<Config>(config)
    }

    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>> {
        // One read of each place, however many fields of it are wanted.
        let mut answers = BTreeMap::new();
        requests.iter().map(|request| resolve(request, &mut answers)).collect()
    }

    fn parse(reference: &str) -> Result<String, Error> {
        Ok(Reference::parse(reference)?.to_string())
    }
}

fn resolve(request: &Request, answers: &mut BTreeMap<String, Result<Blob, Error>>) -> Result<Resolved, Error> {
    let config: Config = config::read(&request.config, "config")?;
    let reference = Reference::parse(&request.reference)?;
    let address = format!("{}/v1/{}", config.address.trim_end_matches('/'), reference.path);
    let answer = answers.entry(address.clone()).or_insert_with(|| {
        let asking = http::get(address);
        match request.credential("token") {
            Some(token) => asking.secret_header("authorization", "Bearer ", token).send()?.success(),
            None => asking.send()?.success(),
        }
    });
    let document = answer.as_ref().map_err(Clone::clone)?;
    Ok(secrets::extract_json(document, &reference.pointer())?.into())
}

punix_sdk::export_resolver!(Plugin);
