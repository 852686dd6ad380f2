//! A commit in a repository of our own, which is thrown away afterwards. Only the commit is fetched if the server gives
//! it alone, else everything.

use super::commit::Commit;
use super::error::GitError;
use super::program::{Git, Run};
use super::url::GitUrl;
use crate::fetch::{Origin, basic};
use crate::limits::GIT_STALL_SECONDS;
use crate::secret::Secret;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How `git` shows that we may fetch.
pub(super) struct Access {
    /// Who is shown it.
    origin: Option<Origin>,
    /// A line of a request.
    header: Option<Secret>,
    /// What must not be in an error: as it was given, and as it is sent.
    hidden: Vec<Secret>,
}

impl Access {
    /// Takes the token, or else the password in the url. A token is sent as a password: that is what servers of git
    /// understand; who needs another user than `x-access-token` writes `user:password` into the token.
    pub(super) fn new(url: &GitUrl, token: Option<&Secret>) -> Access {
        let credentials = match (token, &url.credentials) {
            (Some(token), _) if token.expose().contains(':') => Some(Secret::new(token.expose().to_owned())),
            (Some(token), _) => Some(Secret::new(format!("x-access-token:{}", token.expose()))),
            (None, Some(credentials)) => Some(Secret::new(credentials.expose().to_owned())),
            (None, None) => None,
        };
        let value = credentials.as_ref().map(basic);
        let header = value.as_ref().map(|value| Secret::new(format!("Authorization: {}", value.expose())));
        let hidden = credentials.into_iter().chain(value).collect();
        Access { origin: url.origin().cloned(), header, hidden }
    }

    /// Returns the header for a url, if it is at the origin that the secret is for.
    fn header(&self, url: &GitUrl) -> Option<(String, &Secret)> {
        let origin = url.origin().filter(|origin| Some(*origin) == self.origin.as_ref())?;
        Some((format!("http.{origin}/.extraHeader"), self.header.as_ref()?))
    }
}

/// A bare repository that holds a commit. It goes when this does.
pub(super) struct Repository {
    directory: PathBuf,
}

impl Repository {
    /// Fetches a commit into a new repository.
    pub(super) fn fetch(
        git: &Git<'_>,
        directory: PathBuf,
        url: &GitUrl,
        commit: &Commit,
        access: &Access,
        told: &dyn Fn(String),
    ) -> Result<Repository, GitError> {
        let header = access.header(url);
        // A redirect could lead the header to somebody else.
        let settings = settings(url, header.is_none());
        let task = format!("fetch `{url}`");
        let repository = Repository { directory };
        let hidden: Vec<&Secret> = access.hidden.iter().chain(&url.credentials).collect();
        let run =
            Run { task: &task, repository: &repository.directory, protocols: url.protocols(), secret: header, hidden };
        let format = format!("--object-format={}", commit.object_format());
        git.run(&run, &["init", "--quiet", "--bare", "--template=", &format].map(OsStr::new))?;
        let config = repository.directory.join("config");
        let appended = std::fs::OpenOptions::new().append(true).open(&config);
        let written = appended.and_then(|mut file| file.write_all(settings.as_bytes()));
        written.map_err(|error| GitError::Disk { path: config, error })?;
        told(format!("fetching commit `{commit}` of `{url}`"));
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
        let one = [&fetch[..], &["--depth=1", "origin", commit.as_str()]].concat();
        let alone = git.run(&run, &one.iter().map(OsStr::new).collect::<Vec<_>>());
        match alone {
            Ok(_) => {}
            Err(GitError::Failed { .. }) => {
                told(format!("`{url}` does not give a commit alone; fetching its whole history"));
                let refs = ["origin", "+refs/heads/*:refs/kept/heads/*", "+refs/tags/*:refs/kept/tags/*"];
                let all = [&fetch[..], &refs].concat();
                git.run(&run, &all.iter().map(OsStr::new).collect::<Vec<_>>())?;
            }
            Err(error) => return Err(error),
        }
        let wanted = format!("{commit}^{{commit}}");
        let found = match git.run(&run, &["rev-parse", "--verify", "--quiet", &wanted].map(OsStr::new)) {
            Err(GitError::Failed { .. }) => Vec::new(),
            found => found?,
        };
        if found.trim_ascii_end() != commit.as_str().as_bytes() {
            return Err(GitError::Missing { url: url.to_string(), commit: commit.clone() });
        }
        Ok(repository)
    }

    /// Returns how to run `git` for looking into the repository, without a network.
    pub(super) fn looking<'r>(&'r self, task: &'r str) -> Run<'r> {
        Run { task, repository: &self.directory, protocols: "none", secret: None, hidden: Vec::new() }
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Returns the settings of the repository. They are the only ones that `git` sees.
fn settings(url: &GitUrl, follow: bool) -> String {
    // Faults of old commits that change nothing of what is fetched; what is written out is checked by us.
    let harmless = ["badTimezone", "missingSpaceBeforeDate", "zeroPaddedFilemode", "badDate"];
    let harmless: String = harmless.map(|fault| format!("\t{fault} = ignore\n")).concat();
    let redirects = if follow { "initial" } else { "false" };
    let quoted = url.request().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tattributesFile = /dev/null\n\tautocrlf = false\n\
         \tsymlinks = true\n\
         [transfer]\n\tfsckObjects = true\n[fetch]\n\tfsckObjects = true\n\trecurseSubmodules = false\n\
         [fetch \"fsck\"]\n{harmless}\
         [protocol \"ext\"]\n\tallow = never\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n\
         [credential]\n\thelper =\n\
         [http]\n\tfollowRedirects = {redirects}\n\tlowSpeedLimit = 1\n\tlowSpeedTime = {GIT_STALL_SECONDS}\n\
         [remote \"origin\"]\n\turl = \"{quoted}\"\n"
    )
}

impl AsRef<Path> for Repository {
    fn as_ref(&self) -> &Path {
        &self.directory
    }
}
