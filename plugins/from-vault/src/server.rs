//! Asking one server: what every question has in common, and asking again while it is busy. What a status means stands
//! here too, and nowhere else.

use crate::ability::{Abilities, Answer, Method, Question};
use crate::config::Config;
use punix_sdk::serde_json::{self, Value};
use punix_sdk::{Error, ErrorClass};

/// How often one question is asked.
const TRIES_MAX: u32 = 5;
/// How long to wait before the second try; before each further one, twice as long.
const PAUSE_MS: u32 = 200;
/// For so long questions are asked again. It is below what the manifest wishes for the whole call, so that there is time
/// left to say what is wrong.
const BUDGET_MS: u64 = 8_000;

/// A server, and since when it is being asked.
pub(crate) struct Server<'a, A: Abilities> {
    pub(crate) abilities: &'a A,
    pub(crate) config: &'a Config,
    began_ms: u64,
}

/// What came of a question.
pub(crate) enum Outcome<B> {
    /// The body of an answer with a status of success.
    Found(B),
    /// Status 404.
    Absent,
    /// Status 400, 401, 403 or 405: it is not done for this token, or not at all.
    Refused(u16),
}

impl<'a, A: Abilities> Server<'a, A> {
    /// Begins to ask.
    pub(crate) fn new(abilities: &'a A, config: &'a Config) -> Server<'a, A> {
        Server { abilities, config, began_ms: abilities.now_ms() }
    }

    /// Reads what is at a path.
    pub(crate) fn get(&self, path: &str, token: &A::Secret) -> Result<Outcome<A::Body>, Error> {
        self.ask(self.question(Method::Get, path, Some(token)))
    }

    /// Sends a JSON object, into which the host puts secrets.
    pub(crate) fn post(
        &self,
        path: &str,
        body: String,
        fill: Vec<(&'static str, &A::Secret)>,
    ) -> Result<Outcome<A::Body>, Error> {
        let question = self.question(Method::Post, path, None);
        self.ask(Question { body: Some(body), fill, ..question })
    }

    /// Reads a public number of an answer.
    pub(crate) fn number_at(&self, body: &A::Body, pointer: &str) -> Result<Option<u64>, Error> {
        let text = self.abilities.public_at(body, pointer)?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Reads a public text of an answer, or a number as a text.
    pub(crate) fn text_at(&self, body: &A::Body, pointer: &str) -> Result<Option<String>, Error> {
        let json = self.abilities.public_at(body, pointer)?;
        Ok(json.and_then(|json| match serde_json::from_str(&json) {
            Ok(Value::String(text)) => Some(text),
            Ok(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        }))
    }

    fn question<'q>(&self, method: Method, path: &str, token: Option<&'q A::Secret>) -> Question<'q, A::Secret> {
        // Agents answer only those who know that they speak to one.
        let mut headers = vec![("x-vault-request", "true".to_owned())];
        if let Some(namespace) = &self.config.namespace {
            headers.push(("x-vault-namespace", namespace.clone()));
        }
        let url = format!("{}/v1/{path}", self.config.address);
        Question { method, url, headers, token, body: None, fill: Vec::new() }
    }

    fn ask(&self, question: Question<'_, A::Secret>) -> Result<Outcome<A::Body>, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.abilities.send(&question) {
                Ok(answer) => match read(answer) {
                    Ok(outcome) => return Ok(outcome),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if error.class != ErrorClass::Transient || tries >= TRIES_MAX {
                return Err(error);
            }
            let pause = error.retry_after_ms.unwrap_or(0).max(PAUSE_MS << (tries - 1));
            let spent = self.abilities.now_ms().saturating_sub(self.began_ms);
            if spent.saturating_add(u64::from(pause)) > BUDGET_MS {
                return Err(error);
            }
            self.abilities.sleep_ms(pause);
        }
    }
}

/// Says what a status means.
fn read<B>(answer: Answer<B>) -> Result<Outcome<B>, Error> {
    let status = answer.status;
    let code = format!("vault.status-{status}");
    match status {
        200..=299 => Ok(Outcome::Found(answer.body)),
        404 => Ok(Outcome::Absent),
        400 | 401 | 403 | 405 => Ok(Outcome::Refused(status)),
        // 412 is a follower that has not caught up yet.
        408 | 412 | 425 | 429 | 500..=599 => {
            let busy = Error::transient(code, format!("the server cannot answer now (status {status})"));
            let sealed = "the server is sealed, or down for maintenance (status 503)";
            let error = if status == 503 { Error { message: sealed.to_owned(), ..busy } } else { busy };
            let seconds = answer.retry_after.and_then(|text| text.trim().parse::<u32>().ok());
            Err(match seconds {
                Some(seconds) => error.retry_after_ms(seconds.saturating_mul(1_000)),
                None => error,
            })
        }
        300..=399 => Err(Error::permanent(
            code,
            format!("the server sends elsewhere (status {status}): give the address of the one that is active"),
        )),
        _ => Err(Error::permanent(code, format!("the server answers with status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, config};

    fn ask(fake: &Fake) -> Result<Outcome<String>, Error> {
        Server::new(fake, &config("")).get("kv/db", &"token".to_owned())
    }

    #[test]
    fn a_busy_server_is_asked_again_with_growing_pauses() {
        let fake = Fake::new().then("GET kv/db", 503, "").then("GET kv/db", 429, "").then("GET kv/db", 200, "{}");
        assert!(matches!(ask(&fake), Ok(Outcome::Found(_))));
        assert_eq!(fake.slept(), [200, 400]);
    }

    #[test]
    fn it_is_asked_five_times_and_then_said_why_not() {
        let fake = Fake::new().answer("GET kv/db", 503, "");
        let error = ask(&fake).err().unwrap();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Transient, "vault.status-503"));
        assert_eq!(error.message, "the server is sealed, or down for maintenance (status 503)");
        assert_eq!((fake.slept(), fake.asked().len()), (vec![200, 400, 800, 1_600], 5));
    }

    #[test]
    fn what_the_server_says_about_waiting_counts_within_the_time_there_is() {
        let soon = Fake::new().then_after("GET kv/db", 429, 3).then("GET kv/db", 200, "{}");
        assert!(matches!(ask(&soon), Ok(Outcome::Found(_))));
        assert_eq!(soon.slept(), [3_000]);
        let late = Fake::new().then_after("GET kv/db", 429, 60);
        assert_eq!(ask(&late).err().and_then(|error| error.retry_after_ms), Some(60_000));
        assert_eq!(late.slept(), [0; 0]);
    }

    #[test]
    fn a_connection_that_breaks_is_tried_again_and_a_denied_one_is_not() {
        let broken = Fake::new().broken(Error::transient("web.reset", "reset")).then("GET kv/db", 200, "{}");
        assert!(matches!(ask(&broken), Ok(Outcome::Found(_))));
        let denied = Fake::new().broken(Error::denied("host.denied", "not granted"));
        assert_eq!(ask(&denied).err().map(|error| error.class), Some(ErrorClass::Denied));
        assert_eq!(denied.asked().len(), 1);
    }

    #[test]
    fn an_answer_is_what_its_status_says() {
        let outcome = |status| ask(&Fake::new().answer("GET kv/db", status, "{}"));
        assert!(matches!(outcome(204), Ok(Outcome::Found(_))));
        assert!(matches!(outcome(404), Ok(Outcome::Absent)));
        assert!(matches!(outcome(403), Ok(Outcome::Refused(403))));
        for (status, class) in [
            (307, ErrorClass::Permanent),
            (418, ErrorClass::Permanent),
            (100, ErrorClass::Permanent),
            (500, ErrorClass::Transient),
        ] {
            assert_eq!(outcome(status).err().map(|error| error.class), Some(class), "{status}");
        }
    }

    #[test]
    fn every_question_names_the_namespace_and_who_asks() {
        let fake = Fake::new().answer("GET kv/db", 200, "{}");
        let config = config(r#","namespace":"team/a""#);
        Server::new(&fake, &config).get("kv/db", &"s.1".to_owned()).unwrap();
        assert_eq!(fake.asked(), ["GET kv/db [token s.1] [x-vault-request: true] [x-vault-namespace: team/a]"]);
    }
}
