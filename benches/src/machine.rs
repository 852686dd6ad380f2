//! Says where and when numbers were taken. What the system does not tell becomes `unknown`: a bench
//! does not fail over its own heading.

use punix_benches::Findings;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// Tells where, when and what is measured.
pub(crate) fn heading(findings: &mut Findings<'_>, more: &[String]) -> io::Result<()> {
    let place = format!("machine: {}; files on {}", kind(), file_system(&std::env::temp_dir()));
    let time = format!("date: {}; load average at the start: {}", date(), load());
    let lines: Vec<&str> = [place.as_str(), &time].into_iter().chain(more.iter().map(String::as_str)).collect();
    findings.text(&lines.join("  \n"))
}

/// Returns the kind of machine, without its name: processor, cores, memory, kernel.
pub(crate) fn kind() -> String {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let cores = std::thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|total| total.split(' ').next()?.parse::<u64>().ok())
        .map_or_else(unknown, |kib| format!("{:.0} GB", kib as f64 * 1024.0 / 1e9));
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown);
    format!("{processor}, {cores} cores, {memory}, Linux {kernel}")
}

/// Returns the day and minute in UTC.
pub(crate) fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).unwrap_or_else(unknown)
}

/// Returns how many programs wanted to run, over the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let first_three = |text: String| text.split(' ').take(3).collect::<Vec<_>>().join(" ");
    read("/proc/loadavg").map_or_else(unknown, first_three)
}

/// Returns the kind of file system that a directory is on.
fn file_system(directory: &Path) -> String {
    let mounts = read("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    // Of those that are mounted at one place, the last one is seen.
    let holding = fields.filter(|(place, _)| directory.starts_with(place));
    let nearest = holding.max_by_key(|(place, _)| place.components().count());
    nearest.map_or_else(unknown, |(_, kind)| kind.to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = read(file)?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
