//! What transports have to pass.

use super::noise::Noise;
use super::{Check, NOISE_ROUNDS, Wrong, check, wrong};
use crate::host::TestHost;
use punix_model::{Class, Endpoint, Pipe, Transport};
use std::io::{Read, Write};

pub(super) fn checks(host: &TestHost) -> Vec<Check> {
    vec![
        check("completes or refuses any target", || normalises(host)),
        check("has one form for each target", || one_form(host)),
        check("answers `denied` when all is denied", || denied(host)),
        check("opens a pipe that carries bytes both ways", || carries(host)),
        check("lets a pipe live on when its link is closed", || outlives(host)),
    ]
}

fn transport(host: &TestHost) -> Result<punix_plugin::runtime::TransportPlugin, Wrong> {
    match host.transport()? {
        Some(transport) => Ok(transport),
        None => wrong("it is no transport"),
    }
}

fn endpoints(host: &TestHost) -> Vec<Endpoint> {
    let schemes = host.inspected().manifest.handles.iter();
    let hosts = ["", "localhost", "web.example.com", "WEB.example.com", "10.0.0.1", "::1", "name"];
    let each = |scheme: &punix_plugin::Handle| {
        let scheme = scheme.to_string();
        hosts.map(|host| Endpoint {
            scheme: scheme.clone(),
            user: None,
            host: host.to_owned(),
            port: None,
            path: None,
            options: Vec::new(),
        })
    };
    schemes.flat_map(each).collect()
}

fn normalises(host: &TestHost) -> Result<(), Wrong> {
    let transport = transport(host)?;
    let mut noise = Noise::new(3);
    let Some(start) = endpoints(host).into_iter().next() else { return wrong("it handles no scheme") };
    for _ in 0..NOISE_ROUNDS {
        let mut odd = start.clone();
        odd.host = noise.text(12);
        odd.user = (noise.below(2) == 0).then(|| noise.text(6));
        odd.path = (noise.below(2) == 0).then(|| noise.text(6));
        odd.port = u16::try_from(noise.below(1 << 17)).ok();
        // What it completes wrongly, the host refuses; here it only must not break off.
        match transport.normalise(&odd) {
            Ok(_) => {}
            Err(fault) if matches!(fault.cause, punix_model::Cause::Unusable { .. }) => {
                return wrong(format!("`{}`: {fault}", odd.host.escape_debug()));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(())
}

fn one_form(host: &TestHost) -> Result<(), Wrong> {
    let transport = transport(host)?;
    let mut some = false;
    for endpoint in endpoints(host) {
        let Ok(form) = transport.normalise(&endpoint)? else { continue };
        some = true;
        if transport.normalise(&form)?.as_ref() != Ok(&form) {
            return wrong(format!("`{}` has another form the second time", endpoint.host));
        }
    }
    if some { Ok(()) } else { wrong("it refuses every usual target") }
}

fn usable(host: &TestHost) -> Result<Endpoint, Wrong> {
    let transport = transport(host)?;
    for endpoint in endpoints(host) {
        if let Ok(form) = transport.normalise(&endpoint)? {
            return Ok(form);
        }
    }
    wrong("it refuses every usual target")
}

fn denied(host: &TestHost) -> Result<(), Wrong> {
    let host = host.anew().denying();
    if host.inspected().manifest.requests.each().is_empty() {
        return Ok(());
    }
    let endpoint = usable(&host)?;
    let refused = match transport(&host)?.open(&endpoint)? {
        Err(error) => error,
        Ok(mut link) => match link.start(&["true".to_owned()])? {
            Err(error) => error,
            Ok(_) => return wrong("it started something with nothing granted"),
        },
    };
    match refused.class {
        Class::Denied => Ok(()),
        other => wrong(format!("class {other:?} in place of `denied`: {refused}")),
    }
}

fn started(host: &TestHost) -> Result<(Box<dyn punix_model::Link>, Pipe), Wrong> {
    let endpoint = usable(host)?;
    let mut link = match transport(host)?.open(&endpoint)? {
        Ok(link) => link,
        Err(error) => return wrong(format!("it does not open: {error}")),
    };
    match link.start(&["/usr/bin/cat".to_owned()])? {
        Ok(pipe) => Ok((link, pipe)),
        Err(error) => wrong(format!("it does not start: {error}")),
    }
}

fn echoes(pipe: &mut Pipe) -> Result<(), Wrong> {
    let sent: Vec<u8> = (0..=255).collect();
    let failed = |error: std::io::Error| Wrong::Said(format!("the pipe is broken: {error}"));
    pipe.input.write_all(&sent).and_then(|()| pipe.input.flush()).map_err(failed)?;
    let mut back = vec![0; sent.len()];
    pipe.output.read_exact(&mut back).map_err(failed)?;
    if back == sent { Ok(()) } else { wrong("what came back is not what was sent") }
}

fn carries(host: &TestHost) -> Result<(), Wrong> {
    echoes(&mut started(host)?.1)
}

fn outlives(host: &TestHost) -> Result<(), Wrong> {
    let (link, mut pipe) = started(host)?;
    if let Err(error) = link.close()? {
        return wrong(format!("it does not close: {error}"));
    }
    echoes(&mut pipe)
}
