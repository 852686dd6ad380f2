//! What `mirror://<site>/…` stands for: sites that keep the same files at several places. One table, nothing else.
//!
//! The first base is where the files come from; the others are tried when it fails.

pub(super) struct Site {
    pub(super) name: &'static str,
    /// Each ends with a slash.
    pub(super) bases: &'static [&'static str],
}

pub(super) const SITES: &[Site] = &[
    Site { name: "gnome", bases: &["https://download.gnome.org/sources/", "https://ftp.gnome.org/pub/GNOME/sources/"] },
    Site {
        name: "gnu",
        bases: &["https://ftp.gnu.org/gnu/", "https://ftpmirror.gnu.org/gnu/", "https://mirrors.kernel.org/gnu/"],
    },
    Site { name: "kernel", bases: &["https://cdn.kernel.org/pub/", "https://mirrors.edge.kernel.org/pub/"] },
    Site { name: "pypi", bases: &["https://files.pythonhosted.org/packages/", "https://pypi.org/packages/"] },
    Site {
        name: "sourceforge",
        bases: &["https://downloads.sourceforge.net/", "https://prdownloads.sourceforge.net/"],
    },
    Site { name: "sourceforge-master", bases: &["https://master.dl.sourceforge.net/project/"] },
];

pub(super) fn find(name: &str) -> Option<&'static Site> {
    SITES.iter().find(|site| site.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(SITES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for base in SITES.iter().flat_map(|site| site.bases) {
            assert!(base.starts_with("https://") && base.ends_with('/'), "{base}");
        }
    }
}
