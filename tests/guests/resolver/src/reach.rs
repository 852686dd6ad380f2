//! Reaching for what it was not granted.

use crate::{Answers, outcome, told};
use punix_sdk::cap::blobs;
use punix_sdk::cap::http::{self, Response};
use punix_sdk::cap::{env, files, secrets};
use punix_sdk::resolver::Request;

pub(crate) fn answers(word: &str, with: &str, config: &str, requests: &[Request]) -> Option<Answers> {
    match word {
        "variable" => {
            let text = outcome(env::get(with));
            let secret = outcome(env::get_secret(with).map(|found| found.map(|secret| secret.label())));
            Some(vec![told(&format!("get: {text}\nget-secret: {secret}"))])
        }
        "file" => {
            let (root, path) = with.split_once(':')?;
            Some(vec![told(&file(root, path))])
        }
        // The name is longer than anything that passes the border.
        "long-name" => Some(vec![told(&outcome(env::get(&"X".repeat(2 << 20))))]),
        "replace" => {
            let mut words = with.splitn(3, ':');
            let (root, mode, path) = (words.next()?, words.next()?, words.next()?);
            let mode = u32::from_str_radix(mode, 8).ok()?;
            let body = blobs::of(b"written by a plugin").ok()?;
            Some(vec![told(&outcome(files::replace(root, path, mode, &body)))])
        }
        "ask" => Some(vec![told(&either(http::get(with).send().map(shown)))]),
        "ask-address" => {
            let address = crate::field(config, "address");
            Some(vec![told(&either(http::get(format!("{address}{with}")).send().map(shown)))])
        }
        "header" => {
            let address = crate::field(config, "address");
            let asking = http::get(format!("{address}/v1/secret")).header(with, "evil.example");
            Some(vec![told(&either(asking.send().map(shown)))])
        }
        "split-header" => {
            let address = crate::field(config, "address");
            let asking = http::get(format!("{address}/v1/secret")).header("x-a", "b\r\nhost: evil.example");
            Some(vec![told(&either(asking.send().map(shown)))])
        }
        "login" => {
            let address = crate::field(config, "address");
            let token = env::get_secret("GRANTED").ok().flatten()?;
            let asking = http::get(format!("{address}{with}")).secret_header("authorization", "Bearer ", &token);
            Some(vec![told(&either(asking.send().map(shown)))])
        }
        "extract" => {
            let address = crate::field(config, "address");
            let answer = http::get(format!("{address}/v1/secret")).send().and_then(Response::success);
            let extracted = answer.and_then(|body| secrets::extract_json(&body, with));
            Some(requests.iter().map(|_| ()).zip([extracted]).map(|((), found)| Ok(found?.into())).collect())
        }
        "give-file" => {
            let give = |request: &Request| {
                let body = files::open("reference", &request.reference)?;
                Ok(secrets::from_blob(&body, true)?.into())
            };
            Some(requests.iter().map(give).collect())
        }
        _ => None,
    }
}

fn file(root: &str, path: &str) -> String {
    let opened = files::open(root, path).and_then(|blob| secrets::from_blob(&blob, false));
    let opened = outcome(opened.map(|secret| secret.label()));
    let stat = outcome(files::stat_file(root, path).map(|stat| stat.is_dir));
    let list = outcome(files::list_dir(root, path));
    format!("open: {opened}\nstat: {stat}\nlist: {list}")
}

fn either(answer: Result<String, punix_sdk::Error>) -> String {
    answer.unwrap_or_else(|error| crate::said(&error))
}

fn shown(response: Response) -> String {
    let location = response.headers.iter().any(|(name, _)| name == "location");
    format!("status {}{}", response.status, if location { ", and where to" } else { "" })
}
