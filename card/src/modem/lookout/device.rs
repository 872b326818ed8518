//! A modem's device file.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Identity, Stir};
use crate::beside;

/// The file, and what waits for its change.
pub(super) struct Device {
    path: PathBuf,
    stir: Stir,
}

impl Device {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            stir: Stir::none(),
        }
    }

    /// Which file is there.
    pub(super) fn look(&mut self) -> io::Result<Option<Identity>> {
        // Watched before it is looked at, so that nothing happens unseen between the two.
        if let Some(watch) = beside::on(&self.path)? {
            self.stir = Stir::of(watch)?;
            return identity(&self.path);
        }
        let watch = beside::above(&self.path)?;
        // It may have come meanwhile: then there is nothing to wait for before the next look.
        self.stir = match identity(&self.path)? {
            Some(_came) => Stir::none(),
            None => Stir::of(watch)?,
        };
        Ok(None)
    }

    /// Waits until the next look may bring another answer.
    pub(super) async fn stirred(&self) -> io::Result<()> {
        self.stir.wait().await
    }
}

/// The file that is there now. A modem's may have the same name as the one before, and a link the
/// same target.
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    let number = |file: Metadata| (file.dev(), file.ino());
    let both = std::fs::symlink_metadata(path)
        .and_then(|link| std::fs::metadata(path).map(|file| [number(link), number(file)]));
    match both {
        Ok(numbers) => Ok(Some(Identity::File(numbers))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::super::{Lookout, Sight, Woken};
    use super::*;
    use crate::modem::bus;

    /// Long enough for whatever happens.
    const DEADLINE: Option<Duration> = Some(Duration::from_secs(30));

    fn lookout(path: &Path) -> Lookout {
        Lookout {
            runtime: bus::runtime().unwrap(),
            sight: Sight::Device(Device::new(path.to_owned())),
            seen: None,
            count: 0,
        }
    }

    /// Whether something happened until now.
    fn is_stirred(lookout: &mut Lookout) -> bool {
        let woken = lookout.wait(pending::<()>(), Some(Duration::ZERO)).unwrap();
        woken == Woken::Stirred
    }

    #[test]
    fn a_modem_is_seen_to_come_go_and_come_back_as_another() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("serial").join("modem");
        let mut lookout = lookout(&path);
        let stirred = Woken::Stirred::<()>;
        assert_eq!(lookout.look().unwrap(), None);
        assert!(!is_stirred(&mut lookout));
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        assert_eq!(lookout.wait(pending(), DEADLINE).unwrap(), stirred);
        assert_eq!(lookout.look().unwrap(), None);
        for number in 1..3 {
            let file = top.path().join(number.to_string());
            drop(std::fs::File::create(&file).unwrap());
            symlink(&file, &path).unwrap();
            assert_eq!(lookout.wait(pending(), DEADLINE).unwrap(), stirred);
            assert_eq!(lookout.look().unwrap(), Some(number));
            assert_eq!(lookout.look().unwrap(), Some(number), "it is the same");
            std::fs::remove_file(&path).unwrap();
            assert_eq!(lookout.wait(pending(), DEADLINE).unwrap(), stirred);
            assert_eq!(lookout.look().unwrap(), None);
        }
    }

    #[test]
    fn what_happens_beside_a_modem_wakes_nobody_and_its_end_does_even_while_it_is_open() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("modem");
        let _open = std::fs::File::create(&path).unwrap();
        let mut lookout = lookout(&path);
        assert_eq!(lookout.look().unwrap(), Some(1));
        drop(std::fs::File::create(top.path().join("other")).unwrap());
        drop(std::fs::File::open(&path).unwrap());
        assert!(!is_stirred(&mut lookout));
        std::fs::remove_file(&path).unwrap();
        let woken = lookout.wait(pending::<()>(), DEADLINE).unwrap();
        assert_eq!(woken, Woken::Stirred);
    }

    #[test]
    fn a_call_ends_the_wait_whatever_is_there() {
        let top = tempfile::tempdir().unwrap();
        let mut lookout = lookout(&top.path().join("modem"));
        lookout.look().unwrap();
        assert_eq!(lookout.wait(ready(7), None).unwrap(), Woken::Called(7));
    }
}
