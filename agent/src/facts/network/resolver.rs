//! The search domains of `resolv.conf(5)`, for systems without a service that knows more.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::domain;
use crate::nearby::Nearby;

/// Most that is read of the file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Reads the domains; a file that is missing names none.
pub(super) fn domains(path: &Path) -> BTreeSet<String> {
    let mut text = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut text)) {
        Ok(_) => parse(&String::from_utf8_lossy(&text)),
        Err(error) => {
            tracing::debug!("no search domains from {}: {error}", path.display());
            BTreeSet::new()
        }
    }
}

/// Watches the file, and what it links to.
pub(super) fn watch(path: &Path) -> std::io::Result<Nearby> {
    match path.canonicalize() {
        Ok(target) => Nearby::of(&[path, &target]),
        Err(_missing) => Nearby::of(&[path]),
    }
}

/// The last of `search` and `domain` holds.
fn parse(text: &str) -> BTreeSet<String> {
    let mut domains = BTreeSet::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("search") => domains = words.filter_map(domain).collect(),
            Some("domain") => domains = words.take(1).filter_map(domain).collect(),
            _ => {}
        }
    }
    domains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_search_list_holds() {
        let domains = |text| parse(text).into_iter().collect::<Vec<_>>();
        assert_eq!(
            domains("nameserver 10.0.0.1\nsearch Corp.Example. lab.example .\n"),
            ["corp.example", "lab.example"]
        );
        assert_eq!(domains("search a\ndomain b c\n"), ["b"]);
        assert_eq!(domains("#search a\n searching b\n"), Vec::<String>::new());
    }
}
