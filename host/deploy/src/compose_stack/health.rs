//! The health gates of a service: its field `health`, as narrow types.

use super::reader::{Fields, Reader, Spot, listed, quoted};
use crate::health::{Gate, GateProbe, Timing};
use punix_diag::{Code, Diagnostic};
use punix_pcl::Value;

const PROBES: [&str; 3] = ["http", "command", "unit"];
const TIMES: [&str; 4] = ["deadline", "grace", "interval", "stable"];
/// A day. Whoever waits longer does not wait for a service.
const SECONDS_MAX: u64 = 86_400;
/// A try takes some time; more than a few each second say nothing new.
const INTERVAL_MS: u64 = 1_000;
const DEADLINE_MS: u64 = 30_000;
/// How long units have to run: those that fail at once are seen to fail.
const UNIT_STABLE_MS: u64 = 2_000;
const HTTP: &str = "http://";
const HTTP_PORT: u16 = 80;

impl Reader<'_> {
    /// Reads the gates of a service. The field stays where it is: a backend may use it too.
    pub(super) fn health(&mut self, service: &str, fields: &Fields) -> Vec<Gate> {
        let Some(spot) = fields.get("health").cloned() else { return Vec::new() };
        let Some(mut fields) = self.fields(&spot) else { return Vec::new() };
        let mut probes = Vec::new();
        if let Some(spot) = fields.take("http") {
            probes.extend(self.http(&spot).map(|probe| (probe, spot)));
        }
        if let Some(spot) = fields.take("command") {
            probes.extend(self.command(&spot).map(|probe| (probe, spot)));
        }
        if let Some(spot) = fields.take("unit") {
            probes.extend(self.flag(&spot).filter(|unit| *unit).map(|_| (GateProbe::Unit, spot)));
        }
        let times = TIMES.map(|name| fields.take(name).and_then(|spot| self.milliseconds(&spot)));
        let [deadline, grace, interval, stable] = times;
        for (name, spot) in fields.rest() {
            let known = listed(PROBES.into_iter().chain(TIMES));
            let warning = Diagnostic::warning(format!("`{}` is no part of a health gate", spot.shown)).at(spot.at);
            self.warnings.push(warning.help(match punix_diag::closest(&name, PROBES.into_iter().chain(TIMES)) {
                Some((near, _)) => format!("did you mean `{near}`?"),
                None => format!("known are {known}"),
            }));
        }
        let gate = |(probe, spot): (GateProbe, Spot)| {
            let usual = if probe == GateProbe::Unit { UNIT_STABLE_MS } else { 0 };
            let grace = grace.unwrap_or(0);
            let timing = Timing {
                grace,
                interval: interval.unwrap_or(INTERVAL_MS).max(100),
                stable: stable.unwrap_or(usual),
                deadline: deadline.unwrap_or(DEADLINE_MS.max(grace)),
            };
            Gate { service: service.to_owned(), at: spot.at, probe, timing }
        };
        probes.into_iter().map(gate).collect()
    }

    fn http(&mut self, spot: &Spot) -> Option<GateProbe> {
        let url = self.text(spot)?;
        let probe = url.strip_prefix(HTTP).and_then(address);
        if probe.is_none() {
            let message = format!("`{}` is {}, which is no address to try", spot.shown, quoted(&url));
            let help = "write http://host[:port][/path]; it is asked on the target, without TLS";
            self.refuse(Code::E1, spot, message, help);
        }
        probe
    }

    fn command(&mut self, spot: &Spot) -> Option<GateProbe> {
        let words: Vec<String> = match self.evaluator.values.get(spot.id) {
            Value::List(_) => self.texts(spot).into_iter().map(|(word, _)| word).collect(),
            _ => self.text(spot)?.split_whitespace().map(str::to_owned).collect(),
        };
        let is_program = words.first().is_some_and(|program| program.starts_with('/'));
        if !is_program || words.iter().any(|word| word.contains('\0')) {
            let message = format!("`{}` names no program by its whole path", spot.shown);
            self.refuse(
                Code::E1,
                spot,
                message,
                "for example: command = [\"/usr/bin/test\", \"-S\", \"/run/web.sock\"]",
            );
            return None;
        }
        Some(GateProbe::Command(words))
    }

    /// Reads seconds.
    fn milliseconds(&mut self, spot: &Spot) -> Option<u64> {
        let Value::Int(digits) = self.evaluator.values.get(spot.id) else {
            self.wrong(spot, "seconds, as a number");
            return None;
        };
        let seconds = self.evaluator.values.text(digits).parse::<u64>().ok().filter(|seconds| *seconds <= SECONDS_MAX);
        if seconds.is_none() {
            let message = format!("`{}` is no time to wait", spot.shown);
            self.refuse(Code::E1, spot, message, "write seconds, a day at most");
        }
        seconds.map(|seconds| seconds * 1_000)
    }
}

/// Reads `host[:port][/path]`. Nothing of it may be more than a word of a request.
fn address(rest: &str) -> Option<GateProbe> {
    let (place, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !path.bytes().all(plain) {
        return None;
    }
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    let port = match port {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??,
        None => HTTP_PORT,
    };
    let path = if path.is_empty() { "/" } else { path };
    (port > 0).then(|| GateProbe::Http { host: host.to_owned(), port, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_a_port_and_a_path() {
        let http =
            |host: &str, port, path: &str| Some(GateProbe::Http { host: host.to_owned(), port, path: path.to_owned() });
        assert_eq!(address("localhost"), http("localhost", 80, "/"));
        assert_eq!(address("10.0.0.1:8080/health?deep=1"), http("10.0.0.1", 8080, "/health?deep=1"));
        assert_eq!(address("[::1]:81/x"), http("::1", 81, "/x"));
        for wrong in
            ["", ":80", "h:", "h:0", "h:x", "h:+1", "h:65536", "h/a b", "h/a\r\nX: y", "u@h", "[::1", "[x]", "h/#a"]
        {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
