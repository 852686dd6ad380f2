//! What the helper is told: a job as bytes, in the order in which the helper needs it. Both sides are the same program,
//! so there is no version; still nothing of it is trusted to have a sane length.

use super::border::SandboxError;
use super::decode::{Reader, Writer};
use super::plan::{self, Step};
use super::{Job, Limits, Network};
use crate::limits::ORDER_BYTES_MAX;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

/// The name by which the helper knows what it is started for.
pub(super) const HELPER_NAME: &str = "punix-sandbox";
/// What the outer process tells the inner one that it is.
pub(super) const INNER_NAME: &str = "inner";
/// Bytes of the length that stands before an order's body. Before that is one byte, which the outer process reads.
pub(super) const LENGTH_BYTES: usize = 4;

/// All that the helper does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) network: Network,
    pub(super) limits: Limits,
    /// Whether a control group counts memory and processes, so that the helper need not.
    pub(super) counted: bool,
    pub(super) steps: Vec<Step>,
    pub(super) directory: PathBuf,
    /// Empty if nothing is to be run.
    pub(super) argv: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
}

impl Order {
    /// Decides all that is to be done for a job.
    pub(super) fn new(job: &Job) -> Result<Order, SandboxError> {
        Ok(Order {
            network: job.network,
            limits: job.limits,
            counted: false,
            steps: plan::plan(job)?,
            directory: job.directory.clone(),
            argv: job.argv.clone(),
            environment: job.environment.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }

    /// Returns an order that makes a sandbox and runs nothing in it.
    pub(super) fn empty(limits: Limits) -> Order {
        Order {
            network: Network::None,
            limits,
            counted: false,
            steps: plan::bare_root(limits),
            directory: PathBuf::from("/"),
            argv: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Returns the order as bytes. A control group counts memory and processes, or the helper does.
    pub(super) fn encode(&self, counted: bool) -> io::Result<Vec<u8>> {
        let mut writer = Writer::default();
        writer.flag(self.network == Network::Host);
        writer.number(u64::try_from(self.limits.wall.as_millis()).unwrap_or(u64::MAX));
        writer.number(self.limits.memory_bytes);
        writer.number(self.limits.processes.into());
        writer.number(self.limits.open_files);
        writer.number(self.limits.file_bytes);
        writer.flag(counted);
        writer.list(&self.steps, |writer, step| step.encode(writer));
        writer.bytes(self.directory.as_os_str().as_bytes());
        writer.list(&self.argv, |writer, argument| writer.bytes(argument.as_bytes()));
        writer.list(&self.environment, |writer, (key, value)| {
            writer.bytes(key.as_bytes());
            writer.bytes(value.as_bytes());
        });
        let body = writer.finish();
        let length = u32::try_from(body.len()).ok().filter(|length| *length <= ORDER_BYTES_MAX);
        let Some(length) = length else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "there is too much to be seen inside"));
        };
        let mut all = vec![u8::from(self.network == Network::Host)];
        all.extend_from_slice(&length.to_le_bytes());
        all.extend_from_slice(&body);
        Ok(all)
    }

    /// Reads an order's body.
    pub(super) fn decode(body: &[u8]) -> io::Result<Order> {
        let mut reader = Reader::new(body);
        Ok(Order {
            network: network(reader.kind()?)?,
            limits: Limits {
                wall: Duration::from_millis(reader.number()?),
                memory_bytes: reader.number()?,
                processes: u32::try_from(reader.number()?).unwrap_or(u32::MAX),
                open_files: reader.number()?,
                file_bytes: reader.number()?,
            },
            counted: reader.flag()?,
            steps: reader.list(Step::decode)?,
            directory: reader.path()?,
            argv: reader.list(|reader| Ok(OsString::from_vec(reader.bytes()?.to_vec())))?,
            environment: reader.list(|reader| {
                let key = OsString::from_vec(reader.bytes()?.to_vec());
                Ok((key, OsString::from_vec(reader.bytes()?.to_vec())))
            })?,
        })
    }
}

/// Reads an order's first byte.
pub(super) fn network(byte: u8) -> io::Result<Network> {
    match byte {
        0 => Ok(Network::None),
        1 => Ok(Network::Host),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "this is not a sandbox's order")),
    }
}

/// Reads how long an order's body is.
pub(super) fn length(bytes: [u8; LENGTH_BYTES]) -> io::Result<usize> {
    match u32::from_le_bytes(bytes) {
        length @ 0..=ORDER_BYTES_MAX => Ok(length as usize),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "this is not a sandbox's order")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let limits = Limits {
            wall: Duration::from_millis(1_234),
            memory_bytes: u64::MAX,
            processes: 7,
            open_files: 8,
            file_bytes: 9,
        };
        let mut order = Order::empty(limits);
        order.argv = vec!["/bin/sh".into(), OsString::from_vec(vec![0xff, b'\n'])];
        order.environment = vec![("A".into(), "".into()), ("B".into(), "x y".into())];
        order.counted = true;
        let bytes = order.encode(true).unwrap();
        let (head, body) = bytes[1..].split_at(LENGTH_BYTES);
        assert_eq!(network(bytes[0]).unwrap(), order.network);
        assert_eq!(length(head.try_into().unwrap()).unwrap(), body.len());
        assert_eq!(Order::decode(body).unwrap(), order);
        for cut in 0..body.len() {
            assert!(Order::decode(&body[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_start_of_something_else_is_refused() {
        assert!(network(b'#').is_err());
        assert!(length([0xff; LENGTH_BYTES]).is_err());
    }
}
