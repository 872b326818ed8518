//! Debian's kernels for the guest: the newest of a suite, unpacked but never installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::archive::unpack;
use super::{fresh_folder, squash};
use crate::apt::PrivateApt;
use crate::pins::{self, Kernel};
use crate::place;
use crate::run::{Key, Run};
use crate::say::progress;

/// One kernel's files.
#[derive(Debug)]
pub struct Parts {
    /// The kernel as an ELF file: starts 4 s sooner under emulation than one that must unpack itself.
    pub vmlinux: PathBuf,
    /// The modules, packed; to be mounted at `/usr/lib/modules`.
    pub modules: PathBuf,
    /// [`pins::EARLY_MODULES`] with what they depend on, in loading order.
    pub early_modules: Vec<PathBuf>,
}

/// The files of `kernel`, made if they are not in the cache.
///
/// The folder's name depends on what was asked for, not on what the mirror serves today: a kernel stays until
/// the cache is removed.
pub fn parts(kernel: Kernel) -> Result<Parts> {
    let wanted = Key::default()
        .with(pins::EARLY_MODULES.join(" "))
        .with(pins::MODULES.join(" "))
        .with("layout 1")
        .name();
    let dir = place::lab("kernels")?.join(format!("{}-{wanted}", kernel.name()));
    if !dir.join("complete").is_file() {
        make(kernel, &dir)?;
    }
    let named = |prefix: &str| -> Result<PathBuf> {
        entries(&dir)?
            .into_iter()
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
            })
            .with_context(|| format!("{} holds no {prefix}…", dir.display()))
    };
    let mut early_modules = entries(&dir.join("early"))?;
    early_modules.sort();
    Ok(Parts {
        vmlinux: named("vmlinux-")?,
        modules: named("modules-")?,
        early_modules,
    })
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    std::fs::read_dir(dir)
        .with_context(|| format!("list {}", dir.display()))?
        .map(|entry| {
            Ok(entry
                .with_context(|| format!("list {}", dir.display()))?
                .path())
        })
        .collect()
}

fn make(kernel: Kernel, dir: &Path) -> Result<()> {
    progress(format!(
        "image: fetching Debian's kernel {} (about 100 MB)",
        kernel.name()
    ));
    fresh_folder(dir)?;
    let apt = PrivateApt::for_suite(kernel.suite())?;
    let package = apt.dependency("linux-image-amd64", "linux-image-")?;
    let deb = apt.download(&package)?;
    let tree = dir.join("tree");
    Run::new("dpkg-deb")
        .arg("-x")
        .arg(&deb)
        .arg(&tree)
        .quietly()?;
    let release = package.trim_start_matches("linux-image-").to_owned();

    let image = tree.join("boot").join(format!("vmlinuz-{release}"));
    let image = std::fs::read(&image).with_context(|| format!("read {}", image.display()))?;
    let vmlinux = unpack(payload(&image)?, &dir.join("payload"))?;
    if !vmlinux.starts_with(b"\x7fELF") {
        bail!("the payload of {package} is no ELF file");
    }
    place::write_whole(&dir.join(format!("vmlinux-{release}")), vmlinux)?;

    let all = Modules::read(&tree, &release)?;
    let early = all.closure(pins::EARLY_MODULES);
    let early_dir = dir.join("early");
    fresh_folder(&early_dir)?;
    for (index, path) in early.iter().enumerate() {
        let name = format!("{index:02}-{}.ko", module_name(path));
        place::write_whole(&early_dir.join(name), all.load(path)?)?;
    }
    all.pack(dir)?;
    Run::new("rm")
        .arg("-rf")
        .arg(&tree)
        .arg(dir.join("stage"))
        .quietly()?;
    progress(format!("image: kernel {release}"));
    place::write_whole(&dir.join("complete"), release)
}

/// The compressed kernel in a bzImage, by the boot protocol's header (Documentation/arch/x86/boot.rst).
fn payload(image: &[u8]) -> Result<&[u8]> {
    let word = |at: usize| -> Option<usize> {
        let bytes: [u8; 4] = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let header = || -> Option<&[u8]> {
        let setup_sectors = usize::from(*image.get(0x1f1)?);
        let start = (setup_sectors + 1) * 512 + word(0x248)?;
        image.get(start..start + word(0x24c)?)
    };
    header().context("the kernel's boot header is not as the x86 boot protocol says")
}

/// `kernel/drivers/a/b-c.ko.xz` → `b_c`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

/// An unpacked kernel package's modules and what they depend on.
struct Modules {
    root: PathBuf,
    release: String,
    /// Path of a module → paths of what it needs, nearest first.
    needs: BTreeMap<String, Vec<String>>,
    /// Name → path.
    paths: BTreeMap<String, String>,
    /// Name → names that should be loaded with it.
    soft: BTreeMap<String, Vec<String>>,
}

impl Modules {
    fn read(tree: &Path, release: &str) -> Result<Self> {
        // Debian 13 ships them below /usr/lib; both names must work for any depmod.
        let (old, new) = (tree.join("lib/modules"), tree.join("usr/lib/modules"));
        let (present, link) = if old.is_dir() { (old, new) } else { (new, old) };
        let parent = link.parent().context("a path without parent")?;
        std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        std::os::unix::fs::symlink(&present, &link)
            .with_context(|| format!("link {}", link.display()))?;
        let depmod = crate::run::find("depmod").context("kmod is not installed")?;
        Run::new(depmod)
            .arg("-b")
            .arg(tree)
            .arg(release)
            .quietly()?;
        let root = present.join(release);
        let read = |name: &str| {
            let path = root.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
        };
        let needs: BTreeMap<String, Vec<String>> = read("modules.dep")?
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(path, rest)| {
                (
                    path.to_owned(),
                    rest.split_whitespace().map(str::to_owned).collect(),
                )
            })
            .collect();
        let paths = needs
            .keys()
            .map(|path| (module_name(path), path.clone()))
            .collect();
        let soft = read("modules.softdep")?
            .lines()
            .filter_map(|line| line.strip_prefix("softdep ")?.split_once(' '))
            .map(|(name, rest)| {
                let names = rest.split_whitespace().filter(|word| !word.ends_with(':'));
                (
                    name.replace('-', "_"),
                    names.map(|word| word.replace('-', "_")).collect(),
                )
            })
            .collect();
        Ok(Self {
            root,
            release: release.to_owned(),
            needs,
            paths,
            soft,
        })
    }

    /// The modules with everything they need, each after what it needs.
    fn closure(&self, names: &[&str]) -> Vec<String> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        let mut waiting: Vec<String> = names.iter().rev().map(|name| (*name).to_owned()).collect();
        while let Some(name) = waiting.pop() {
            let Some(path) = self.paths.get(&name) else {
                continue;
            };
            let needs = self.needs.get(path).into_iter().flatten().rev();
            for path in needs.chain([path]) {
                if seen.insert(path.clone()) {
                    order.push(path.clone());
                    waiting.extend(
                        self.soft
                            .get(&module_name(path))
                            .into_iter()
                            .flatten()
                            .cloned(),
                    );
                }
            }
        }
        order
    }

    /// A module's bytes, uncompressed.
    fn load(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.root.join(path);
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        unpack(&bytes, &self.root.join("scratch"))
    }

    /// Packs the wanted modules, uncompressed inside: unpacking xz is slow in an emulated processor.
    fn pack(&self, dir: &Path) -> Result<()> {
        let wanted: Vec<&str> = pins::EARLY_MODULES
            .iter()
            .chain(pins::MODULES)
            .copied()
            .collect();
        let stage = dir.join("stage");
        let modules = stage.join("lib/modules").join(&self.release);
        for path in self.closure(&wanted) {
            let plain = path.trim_end_matches(".xz").trim_end_matches(".zst");
            let to = modules.join(plain);
            let parent = to.parent().context("a path without parent")?;
            std::fs::create_dir_all(parent)
                .with_context(|| format!("make {}", parent.display()))?;
            std::fs::write(&to, self.load(&path)?)
                .with_context(|| format!("write {}", to.display()))?;
        }
        for name in [
            "modules.order",
            "modules.builtin",
            "modules.builtin.modinfo",
        ] {
            std::fs::copy(self.root.join(name), modules.join(name))
                .with_context(|| format!("copy {name}"))?;
        }
        let usr = stage.join("usr");
        std::fs::create_dir_all(&usr).with_context(|| format!("make {}", usr.display()))?;
        std::os::unix::fs::symlink("../lib", usr.join("lib")).context("link usr/lib")?;
        let depmod = crate::run::find("depmod").context("kmod is not installed")?;
        Run::new(depmod)
            .arg("-b")
            .arg(&stage)
            .arg(&self.release)
            .quietly()?;
        let to = dir.join(format!("modules-{}", self.release));
        squash(&stage.join("lib/modules"), &to, true)
    }
}

#[cfg(test)]
mod tests {
    use super::{module_name, payload};

    #[test]
    fn modules_are_known_by_the_name_the_kernel_uses() {
        assert_eq!(module_name("kernel/drivers/usb/uas-x.ko.xz"), "uas_x");
        assert_eq!(module_name("kernel/fs/ext4/ext4.ko"), "ext4");
    }

    #[test]
    fn a_truncated_kernel_has_no_payload() {
        assert!(payload(&[0; 100]).is_err());
        assert!(payload(&[0xff; 0x260]).is_err());
    }
}
