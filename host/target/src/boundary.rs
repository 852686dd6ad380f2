//! The write boundary: where the files of a stack may lie on a target. It is drawn here, so that a deploy, a rollback, a
//! repair and a record that somebody tampered with meet the same one. Why these paths: docs/decisions/0008.
//!
//! What is denied is what the machine itself obeys, whether or not any service of a stack runs: who is who and who may do
//! what, and what is executed at boot, at login, by a timer, an event or a package manager.

use crate::path::{PathIssue, TargetPath};
use crate::resolve::StrangeLink;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the files of a stack may lie. The most specific of `rendered` and `denied` decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    /// A file lies below one of these, and is none of them.
    pub allowed: Vec<TargetPath>,
    /// Besides, where links may lead to: `/run`, to which `/var/run` leads.
    pub linked: Vec<TargetPath>,
    /// Nothing lies there, or below.
    pub denied: Vec<TargetPath>,
    /// There, or below, lie the files of backends alone, and it need not be allowed otherwise.
    pub rendered: Vec<TargetPath>,
}

/// Who made a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The stack brings it itself.
    Stack,
    Backend,
}

/// What makes a file one that a stack brings itself: everything else comes from a backend.
const OWN: [&str; 2] = ["raw", "std.datafile"];

impl Maker {
    /// Returns who made a file, by what its record says of that.
    pub fn of(made_by: &str) -> Maker {
        if OWN.contains(&made_by) { Maker::Stack } else { Maker::Backend }
    }
}

/// Why a file may not lie somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// It is outside of everything that is allowed.
    Outside { allowed: Vec<TargetPath> },
    /// It is, or is below, what is denied.
    Denied { by: TargetPath },
    /// Only a backend writes there.
    Rendered { by: TargetPath },
    /// A link on the way is of somebody who has no say in where it leads.
    Link(StrangeLink),
}

/// A file that may not lie where it would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Crossing {
    /// As it is written.
    pub path: TargetPath,
    /// Where links lead it, if it is that place that is not right.
    pub real: Option<TargetPath>,
    pub reason: Reason,
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.real {
            None => write!(f, "`{}` may not be written: it", self.path)?,
            Some(real) => write!(f, "`{}` may not be written: links lead to `{real}`, which", self.path)?,
        }
        match &self.reason {
            Reason::Outside { allowed } => {
                f.write_str(" is outside of")?;
                for (index, root) in allowed.iter().enumerate() {
                    write!(f, "{} `{root}`", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Reason::Denied { by } if by.name() == self.path.name() => f.write_str(" is a place that gives privileges"),
            Reason::Denied { by } => write!(f, " is in `{by}`, which gives privileges"),
            Reason::Rendered { by } => write!(f, " is in `{by}`, where only a backend writes"),
            Reason::Link(link) => write!(f, " {link}"),
        }
    }
}

impl Crossing {
    /// Returns the refusal of a file that would lie behind such a link.
    pub fn behind(path: &TargetPath, link: &StrangeLink) -> Crossing {
        Crossing { path: path.clone(), real: None, reason: Reason::Link(link.clone()) }
    }
}

/// Where a system-wide stack's files lie.
const SYSTEM_ROOTS: [&str; 4] = ["/etc", "/srv", "/var", "/opt"];
/// Where links from there may lead besides.
const SYSTEM_LINKED: [&str; 1] = ["/run"];
const SYSTEM_UNITS: &str = "/etc/systemd/system";
const USER_UNITS: &str = ".config/systemd/user";
/// Where the environment files of all stacks lie: older ones have no directory of the stack's name.
const ENVIRONMENT: &str = "/etc/punix/env";
const USER_ENVIRONMENT: &str = ".config/punix/env";
/// Where certificates and keys of domains lie.
const CERTIFICATES: &str = "/etc/punix/tls";
const USER_CERTIFICATES: &str = ".config/punix/tls";

/// Below `/etc`.
const DENIED_IN_ETC: &[&str] = &[
    // Who is who, and who may do what.
    "apparmor apparmor.d at.allow at.deny dbus-1 doas.conf doas.d dropbear group gshadow hosts.allow hosts.deny \
     hosts.equiv login.defs nsswitch.conf pam.conf pam.d passwd polkit-1 punix securetty security selinux shadow \
     shells shosts.equiv ssh subgid subuid sudo.conf sudoers sudoers.d",
    // What every program loads, and every shell reads.
    "X11/Xreset.d X11/Xsession X11/Xsession.d X11/xdm X11/xinit bash.bashrc bash_completion.d bashrc csh.cshrc csh.login csh.logout environment environment.d fish \
     ksh.kshrc ld-musl-aarch64.path ld-musl-x86_64.path ld.so.cache ld.so.conf ld.so.conf.d ld.so.preload mkshrc \
     profile profile.d skel update-motd.d xdg/autostart xdg/systemd zlogin zlogout zprofile zsh zshenv zshrc",
    // What is run at boot, at a time, or by an event.
    "NetworkManager/dispatcher.d acpi anacrontab auto.master auto.master.d binfmt.d cron.allow cron.d cron.daily \
     cron.deny cron.hourly cron.monthly cron.weekly cron.yearly crontab crypttab default/grub default/grub.d \
     dhcp/dhclient-enter-hooks.d dhcp/dhclient-exit-hooks.d dhcp/dhclient-script dhcp/dhclient.conf \
     dhcpcd.enter-hook dhcpcd.exit-hook dracut.conf dracut.conf.d fstab grub.d incron.allow incron.d incron.deny \
     init init.d initcpio initramfs-tools inittab kernel local.d mkinitcpio.conf mkinitcpio.conf.d mkinitcpio.d \
     modprobe.d modules modules-load.d network networkd-dispatcher pm ppp rc.d rc.local rc0.d rc1.d rc2.d rc3.d \
     rc4.d rc5.d rc6.d rcS.d runit runlevels s6 s6-rc sv sysctl.conf sysctl.d sysusers.d tmpfiles.d udev",
    // Units that are nobody's of a stack, and what systemd itself is told.
    "systemd/network-generators systemd/nspawn systemd/system systemd/system-environment-generators \
     systemd/system-generators systemd/system-preset systemd/system-shutdown systemd/system-sleep \
     systemd/system.attached systemd/system.conf systemd/system.conf.d systemd/system.control systemd/user \
     systemd/user-environment-generators systemd/user-generators systemd/user-preset systemd/user.conf \
     systemd/user.conf.d systemd/user.control",
    // Where programs come from.
    "alternatives apk apt dnf dpkg pacman.conf pacman.d yum yum.conf yum.repos.d zypp",
];

/// Elsewhere on the system.
const DENIED_IN_SYSTEM: &str = "\
    /run/NetworkManager /run/binfmt.d /run/credentials /run/dbus /run/modprobe.d /run/modules-load.d \
    /run/polkit-1 /run/punix /run/sudo /run/sysctl.d /run/systemd /run/sysusers.d /run/tmpfiles.d /run/udev \
    /run/user /var/lib/AccountsService /var/lib/apk /var/lib/apt /var/lib/cloud /var/lib/confexts /var/lib/dpkg \
    /var/lib/extensions /var/lib/pacman /var/lib/polkit-1 /var/lib/portables /var/lib/punix /var/lib/rpm \
    /var/lib/sudo /var/lib/systemd /var/spool/anacron /var/spool/at /var/spool/cron /var/spool/incron";

/// Below a user's home.
const DENIED_IN_HOME: &str = "\
    .Xclients .bash_aliases .bash_completion .bash_login .bash_logout .bash_profile .bashrc .config/autostart \
    .config/autostart-scripts .config/environment.d .config/fish .config/plasma-workspace .config/punix \
    .config/systemd .config/user-tmpfiles.d .cshrc .forward .gnupg .kshrc .local/share/dbus-1 \
    .local/share/systemd .login .logout .mkshrc .pam_environment .procmailrc .profile .punix .rhosts .shosts \
    .ssh .tcshrc .xinitrc .xprofile .xserverrc .xsession .xsessionrc .zlogin .zlogout .zprofile .zshenv .zshrc";

impl Boundary {
    /// Returns the boundary of a system-wide stack. Its units go to `unit_dir`, if that is said.
    pub fn system(stack: &str, unit_dir: Option<&TargetPath>) -> Result<Boundary, PathIssue> {
        let etc = TargetPath::parse("/etc")?;
        let mut denied = DENIED_IN_ETC
            .iter()
            .flat_map(|group| words(group))
            .map(|rest| etc.join(rest))
            .collect::<Result<Vec<_>, _>>()?;
        denied.extend(words(DENIED_IN_SYSTEM).map(TargetPath::parse).collect::<Result<Vec<_>, _>>()?);
        let own = [
            ENVIRONMENT.to_owned(),
            CERTIFICATES.to_owned(),
            format!("/etc/sysusers.d/punix-{stack}.conf"),
            format!("/etc/tmpfiles.d/punix-{stack}.conf"),
        ];
        let mut rendered = paths(&own)?;
        rendered.push(unit_dir.cloned().map_or_else(|| TargetPath::parse(SYSTEM_UNITS), Ok)?);
        Ok(Boundary { allowed: paths(&SYSTEM_ROOTS)?, linked: paths(&SYSTEM_LINKED)?, denied, rendered })
    }

    /// Returns the boundary of one user's stack.
    pub fn user(stack: &str, home: &TargetPath, unit_dir: Option<&TargetPath>) -> Result<Boundary, PathIssue> {
        let denied = words(DENIED_IN_HOME).map(|rest| home.join(rest)).collect::<Result<Vec<_>, _>>()?;
        let rendered = vec![
            home.join(USER_ENVIRONMENT)?,
            home.join(USER_CERTIFICATES)?,
            home.join(&format!(".config/user-tmpfiles.d/punix-{stack}.conf"))?,
            unit_dir.cloned().map_or_else(|| home.join(USER_UNITS), Ok)?,
        ];
        Ok(Boundary { allowed: vec![home.clone()], linked: Vec::new(), denied, rendered })
    }

    /// Denies another place: the deployments root, the store.
    #[must_use]
    pub fn without(mut self, place: TargetPath) -> Boundary {
        self.denied.push(place);
        self
    }

    /// Checks a path as it is written, and where it really is.
    pub fn check(&self, path: &TargetPath, real: &TargetPath, maker: Maker) -> Result<(), Crossing> {
        let crossing = |real: Option<&TargetPath>, reason| Crossing { path: path.clone(), real: real.cloned(), reason };
        self.judge(path, &[], maker).map_err(|reason| crossing(None, reason))?;
        if real == path {
            return Ok(());
        }
        self.judge(real, &self.linked, maker).map_err(|reason| crossing(Some(real), reason))
    }

    fn judge(&self, path: &TargetPath, linked: &[TargetPath], maker: Maker) -> Result<(), Reason> {
        let rendered = nearest(&self.rendered, path);
        let denied = nearest(&self.denied, path);
        match (rendered, denied) {
            (Some(rendered), denied) if denied.is_none_or(|denied| rendered.is_within(denied)) => {
                return match maker {
                    Maker::Backend => Ok(()),
                    Maker::Stack => Err(Reason::Rendered { by: rendered.clone() }),
                };
            }
            (_, Some(denied)) => return Err(Reason::Denied { by: denied.clone() }),
            (_, None) => {}
        }
        let below = |root: &TargetPath| path != root && path.is_within(root);
        match self.allowed.iter().chain(linked).any(below) {
            true => Ok(()),
            false => Err(Reason::Outside { allowed: self.allowed.clone() }),
        }
    }
}

/// Returns the deepest of some places that a path is, or is below.
fn nearest<'p>(places: &'p [TargetPath], path: &TargetPath) -> Option<&'p TargetPath> {
    places.iter().filter(|place| path.is_within(place)).max_by_key(|place| place.as_str().len())
}

fn words(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split_whitespace()
}

fn paths(texts: &[impl AsRef<str>]) -> Result<Vec<TargetPath>, PathIssue> {
    texts.iter().map(|text| TargetPath::parse(text.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn path(text: &str) -> TargetPath {
        TargetPath::parse(text).unwrap()
    }

    #[track_caller]
    fn says(boundary: &Boundary, text: &str, maker: Maker) -> String {
        boundary.check(&path(text), &path(text), maker).err().map_or_else(String::new, |crossing| crossing.to_string())
    }

    #[test]
    fn a_stack_writes_below_the_roots_and_not_where_privileges_come_from() {
        let system = Boundary::system("Web", None).unwrap();
        for text in "/etc/app/x /etc/passwd- /etc/grouptest /etc/nginx/nginx.conf /opt/x /srv/x \
             /etc/systemd/network/x.network /etc/systemd/journald.conf.d/x.conf /etc/logrotate.d/web \
             /etc/NetworkManager/conf.d/x /var/lib/web/x /etc/default/web /etc/xdg/web /etc/cron.d.old"
            .split_whitespace()
        {
            assert_eq!(says(&system, text, Maker::Stack), "", "{text}");
        }
        for text in "/etc/sudoers.d/x /etc/sudoers /etc/ssh/sshd_config /etc/cron.d/x /etc/passwd /etc/ld.so.preload \
             /var/spool/cron/crontabs/root /var/spool/at/x /etc/rc.local /etc/init.d/x \
             /etc/systemd/user/x.service /etc/systemd/system.conf.d/x.conf /etc/systemd/system-generators/x \
             /etc/udev/rules.d/99-x.rules /etc/NetworkManager/dispatcher.d/x /etc/doas.conf /etc/bash.bashrc \
             /etc/zsh/zshenv /var/lib/punix/x /etc/punix/plugins.d/x.toml \
             /etc/sysusers.d/x.conf /etc/tmpfiles.d/x.conf /etc/apt/apt.conf.d/x /etc/modprobe.d/x.conf \
             /etc/polkit-1/rules.d/x /etc/sysctl.d/x.conf /etc/nsswitch.conf /etc/xdg/systemd/user/x.service \
             /etc/fstab"
            .split_whitespace()
        {
            assert!(says(&system, text, Maker::Stack).contains("privileges"), "{text}");
            assert!(says(&system, text, Maker::Backend).contains("privileges"), "{text}");
        }
        expect!["`/home/u/x` may not be written: it is outside of `/etc`, `/srv`, `/var`, `/opt`"].assert_eq(&says(
            &system,
            "/home/u/x",
            Maker::Stack,
        ));
        for text in ["/usr/local/x", "/etc", "/run/x", "/etcetera"] {
            assert!(says(&system, text, Maker::Stack).contains("outside"), "{text}");
        }
        expect!["`/etc/sudoers` may not be written: it is a place that gives privileges"].assert_eq(&says(
            &system,
            "/etc/sudoers",
            Maker::Stack,
        ));
    }

    #[test]
    fn a_backend_writes_its_own_places_besides() {
        let system = Boundary::system("Web", None).unwrap();
        for text in [
            "/etc/systemd/system/web.service",
            "/etc/sysusers.d/punix-Web.conf",
            "/etc/tmpfiles.d/punix-Web.conf",
            "/etc/punix/env/Web/web.env",
        ] {
            assert_eq!(says(&system, text, Maker::Backend), "", "{text}");
            assert!(says(&system, text, Maker::Stack).contains("only a backend"), "{text}");
        }
        assert!(says(&system, "/etc/sysusers.d/punix-Other.conf", Maker::Backend).contains("privileges"));
        let elsewhere = Boundary::system("Web", Some(&path("/usr/lib/systemd/system"))).unwrap();
        assert_eq!(says(&elsewhere, "/usr/lib/systemd/system/web.service", Maker::Backend), "");
        assert!(says(&elsewhere, "/etc/systemd/system/web.service", Maker::Backend).contains("privileges"));
        let wide = Boundary::system("Web", Some(&path("/etc"))).unwrap();
        assert!(says(&wide, "/etc/sudoers.d/x", Maker::Backend).contains("privileges"));
    }

    #[test]
    fn a_user_writes_at_home() {
        let user = Boundary::user("Web", &path("/home/u"), None).unwrap();
        for text in ["/home/u/.config/app/x", "/home/u/x", "/home/u/.local/bin/x", "/home/u/.cache/x"] {
            assert_eq!(says(&user, text, Maker::Stack), "", "{text}");
        }
        for text in ["/home/u/.ssh/config", "/home/u/.punix/store/x", "/home/u/.bashrc", "/home/u/.config/systemd/x"] {
            assert!(says(&user, text, Maker::Stack).contains("privileges"), "{text}");
        }
        for text in ["/home/u/.config/systemd/user/web.service", "/home/u/.config/punix/env/Web/web.env"] {
            assert_eq!(says(&user, text, Maker::Backend), "", "{text}");
        }
        assert!(says(&user, "/home/v/x", Maker::Stack).contains("outside"));
    }

    #[test]
    fn where_links_lead_counts_too() {
        let system = Boundary::system("Web", None).unwrap().without(path("/srv/deployments"));
        let leads =
            |from: &str, to: &str| system.check(&path(from), &path(to), Maker::Stack).map_err(|it| it.to_string());
        assert_eq!(leads("/var/run/web/x", "/run/web/x"), Ok(()));
        assert_eq!(leads("/etc/app/x", "/srv/app/x"), Ok(()));
        expect!["`/etc/app/x` may not be written: links lead to `/etc/sudoers.d/x`, which is in `/etc/sudoers.d`, which gives privileges"]
            .assert_eq(&leads("/etc/app/x", "/etc/sudoers.d/x").unwrap_err());
        expect!["`/etc/app/x` may not be written: links lead to `/out/x`, which is outside of `/etc`, `/srv`, `/var`, `/opt`"]
            .assert_eq(&leads("/etc/app/x", "/out/x").unwrap_err());
        assert!(leads("/run/x", "/run/x").is_err());
        assert!(leads("/etc/app/x", "/run/systemd/system/x").is_err());
        assert!(leads("/etc/app/x", "/srv/deployments/Web/gen-001.json").is_err());
    }
}
