//! `punix init`: a project to begin with. What it writes is what stands in `examples/`, where the tests run it; nothing is
//! written over what is there.

use crate::args::start::Init;
use crate::cmd::service::Stopped;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_diag::{Code, Diagnostic, SourceMap};
use punix_disk::{Disk, RealDisk};
use serde_json::json;
use std::io;
use std::path::Path;

const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// A file of the new project.
struct Page {
    path: &'static str,
    text: &'static str,
}

macro_rules! pages {
    ($root:literal: $($path:literal)*) => {
        &[$(Page {
            path: $path,
            text: include_str!(concat!("../../../../examples/", $root, "/", $path)),
        }),*]
    };
}

const STACK: &[Page] = pages! { "first": "app.pcl" "app/app.sh" };
const FLEET: &[Page] = pages! { "first-fleet": "app.pcl" "app/app.sh" "fleet.pcl" "hosts/one.pcl" "hosts/two.pcl" };

pub(crate) fn run(ui: &Ui, args: &Init) -> Exit {
    let pages = if args.fleet { FLEET } else { STACK };
    match write(&args.dir, pages) {
        Ok(()) => told(ui, args, pages),
        Err(stopped) => stopped.tell(ui, &SourceMap::default()),
    }
}

fn told(ui: &Ui, args: &Init, pages: &[Page]) -> Exit {
    let files: Vec<&str> = pages.iter().map(|page| page.path).collect();
    let next: &[&str] = match args.fleet {
        true => &[
            "punix check fleet.pcl",
            "punix fleet plan fleet.pcl --transport-root try",
            "punix fleet apply fleet.pcl --transport-root try",
        ],
        false => &[
            "punix check app.pcl",
            "punix service plan AppStack --file app.pcl --transport-root try",
            "punix service deploy AppStack --file app.pcl --transport-root try",
        ],
    };
    if ui.json {
        let document = json!({ "ok": true, "directory": args.dir.to_string_lossy(), "files": files, "next": next });
        return ui.result(&format!("{document:#}\n"), Exit::Done);
    }
    let is_here = args.dir == Path::new(".");
    let place = if is_here { String::new() } else { format!(" in `{}`", shown(&args.dir)) };
    let mut text = format!("wrote {}{place}\nnext:\n", files.join(", "));
    if !is_here {
        text.push_str(&format!("  cd {}\n", shown(&args.dir)));
    }
    next.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    ui.result(&text, Exit::Done)
}

/// Writes the project into a directory in which nothing of it is yet.
fn write(directory: &Path, pages: &[Page]) -> Result<(), Stopped> {
    let failed = |error: io::Error| Stopped::from(Diagnostic::error(Code::E23, error.to_string()));
    for page in pages {
        // Something that is in the way of a directory is as much in the way.
        let mut parts = Path::new(page.path).ancestors().filter(|part| !part.as_os_str().is_empty());
        let taken = parts.find(|part| {
            let found = directory.join(part).symlink_metadata();
            found.is_ok_and(|found| !found.is_dir() || *part == Path::new(page.path))
        });
        if let Some(part) = taken {
            let place = shown(&directory.join(part));
            let help = "nothing was written; name another directory";
            return Err(Stopped::usage(format!("`{place}` is there already"), help));
        }
    }
    std::fs::create_dir_all(directory).map_err(|error| {
        failed(io::Error::new(error.kind(), format!("`{}` cannot be made: {error}", shown(directory))))
    })?;
    let disk = RealDisk::open(directory).map_err(failed)?;
    pages.iter().try_for_each(|page| put(&disk, page)).map_err(failed)
}

fn put(disk: &dyn Disk, page: &Page) -> io::Result<()> {
    let path = Path::new(page.path);
    let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty()).collect();
    above.reverse();
    for directory in above {
        if disk.metadata(directory)?.is_none() {
            disk.create_directory(directory, DIRECTORY_MODE)?;
        }
    }
    disk.create(path, FILE_MODE)?.write_all(page.text.as_bytes())
}
