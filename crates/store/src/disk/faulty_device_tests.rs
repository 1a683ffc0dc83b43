//! A device in memory that fails as real ones do, driven by a seed: writes since the last sync are
//! lost, torn or reordered by a power cut, the disk fills up, reads and writes fail, bits flip.

use super::device::{Device, DeviceFile, Listed};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// Numbers by chance that are the same for the same seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// What goes wrong, one time in so many; 0: never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub write_error: u64,
    pub read_error: u64,
    pub bit_flip: u64,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum Naming {
    Link(String, u64),
    Unlink(String),
    Rename(String, String),
}

struct World {
    chance: Chance,
    faults: Faults,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<Naming>,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    capacity: u64,
    /// Changes until the power is cut.
    cut_in: Option<u64>,
    is_off: bool,
    /// The most bytes that segments, lists and bodies ever took.
    most: u64,
}

/// The device.
#[derive(Clone)]
pub(crate) struct FaultyDevice(Arc<Mutex<World>>);

struct FaultyFile(Arc<Mutex<World>>, u64);

impl FaultyDevice {
    pub fn new(seed: u64, capacity: u64) -> FaultyDevice {
        FaultyDevice(Arc::new(Mutex::new(World {
            chance: Chance(seed),
            faults: Faults::default(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            inodes: BTreeMap::new(),
            next_inode: 0,
            capacity,
            cut_in: None,
            is_off: false,
            most: 0,
        })))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    pub fn set_capacity(&self, capacity: u64) {
        self.lock().capacity = capacity;
    }

    pub fn cut_power_in(&self, changes: u64) {
        self.lock().cut_in = Some(changes);
    }

    pub fn is_off(&self) -> bool {
        self.lock().is_off
    }

    pub fn most_bytes(&self) -> u64 {
        self.lock().most
    }

    /// Switches the power on again: what was not synced may be lost.
    pub fn switch_on(&self) {
        self.lock().lose_unsynced();
    }

    /// Flips one bit of a file whose name ends so; the nth of them, by chance.
    pub fn damage(&self, end: &str, from: f64) {
        let mut world = self.lock();
        let inodes: Vec<u64> =
            world.names.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, i)| *i).collect();
        for inode in inodes {
            let length = world.inodes[&inode].bytes.len();
            if length > 0 {
                let first = (length as f64 * from) as u64;
                let at = (first + world.chance.below(length as u64 - first)) as usize;
                world.inodes.get_mut(&inode).unwrap().bytes[at] ^= 4;
            }
        }
    }

    /// Cuts the end off all files whose name ends so.
    pub fn truncate(&self, end: &str, bytes: usize) {
        let mut world = self.lock();
        let names = world.names.clone();
        for inode in names.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, i)| i) {
            let file = &mut world.inodes.get_mut(inode).unwrap().bytes;
            file.truncate(file.len().saturating_sub(bytes));
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl World {
    /// Before each change: the power may be cut, or the disk fail.
    fn change(&mut self) -> io::Result<()> {
        if let Some(left) = self.cut_in {
            self.cut_in = left.checked_sub(1);
            self.is_off |= left == 0;
        }
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if self.faults.write_error > 0 && self.chance.once_in(self.faults.write_error) {
            return Err(io::Error::other("a write failed"));
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].bytes.len() as u64).sum()
    }

    fn inode(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn name(&mut self, naming: Naming) {
        apply(&mut self.names, &naming);
        self.unsynced_names.push(naming);
    }

    fn write(&mut self, inode: u64, bytes: &[u8], at: usize) -> io::Result<()> {
        let cut = self.change().is_err();
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        let grows = (at + bytes.len()).saturating_sub(self.inodes[&inode].bytes.len()) as u64;
        let is_full = self.used() + grows > self.capacity;
        // A write that fails may have done a part.
        let part = if cut || is_full {
            self.chance.below(bytes.len() as u64 + 1)
        } else {
            bytes.len() as u64
        };
        let room = self.capacity.saturating_sub(self.used());
        let part = if is_full { part.min(room) as usize } else { part as usize };
        let file = self.inodes.get_mut(&inode).unwrap();
        put(&mut file.bytes, at, &bytes[..part]);
        file.unsynced.push((at, bytes[..part].to_vec()));
        if self.faults.bit_flip > 0 && self.chance.once_in(self.faults.bit_flip) && part > 0 {
            let at = at + self.chance.below(part as u64) as usize;
            let bit = self.chance.below(8);
            let file = self.inodes.get_mut(&inode).unwrap();
            file.bytes[at] ^= 1 << bit;
        }
        self.most = self.most.max(self.used());
        match (is_full, cut) {
            (true, _) => Err(ErrorKind::StorageFull.into()),
            (_, true) => Err(io::Error::other("a write failed")),
            _ => Ok(()),
        }
    }

    fn lose_unsynced(&mut self) {
        self.is_off = false;
        self.cut_in = None;
        let kept = self.chance.below(self.unsynced_names.len() as u64 + 1) as usize;
        for naming in self.unsynced_names.drain(..).take(kept) {
            apply(&mut self.durable_names, &naming);
        }
        self.names = self.durable_names.clone();
        let named: Vec<u64> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
        for file in self.inodes.values_mut() {
            for (at, bytes) in std::mem::take(&mut file.unsynced) {
                match self.chance.below(3) {
                    0 => {}
                    1 => put(&mut file.durable, at, &bytes),
                    _ => {
                        // Torn: one stretch of it came through.
                        let from = self.chance.below(bytes.len() as u64 + 1) as usize;
                        let to = from + self.chance.below((bytes.len() - from) as u64 + 1) as usize;
                        put(&mut file.durable, at + from, &bytes[from..to]);
                    }
                }
            }
            file.bytes = file.durable.clone();
        }
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    file.resize(file.len().max(at + bytes.len()), 0);
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn apply(names: &mut BTreeMap<String, u64>, naming: &Naming) {
    match naming {
        Naming::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Naming::Unlink(name) => {
            names.remove(name);
        }
        Naming::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

impl Device for FaultyDevice {
    fn create_new(&self, name: &str) -> io::Result<Arc<dyn DeviceFile>> {
        let mut world = self.lock();
        world.change()?;
        if world.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        world.next_inode += 1;
        let inode = world.next_inode;
        world.inodes.insert(inode, Inode::default());
        world.name(Naming::Link(name.to_owned(), inode));
        Ok(Arc::new(FaultyFile(self.0.clone(), inode)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DeviceFile>> {
        Ok(Arc::new(FaultyFile(self.0.clone(), self.lock().inode(name)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.lock();
        world.change()?;
        world.inode(from)?;
        world.name(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.lock();
        world.change()?;
        world.inode(name)?;
        world.name(Naming::Unlink(name.to_owned()));
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let world = self.lock();
        let inside = |name: &String| {
            let name = if folder.is_empty() {
                name
            } else {
                name.strip_prefix(folder)?.strip_prefix('/')?
            };
            Some(name.split('/').next().unwrap().to_owned())
        };
        let mut listed: Vec<Listed> = Vec::new();
        for (path, inode) in &world.names {
            let Some(name) = inside(path) else { continue };
            if listed.iter().any(|listed| listed.name == name) {
                continue;
            }
            let is_folder = !path.ends_with(&name);
            let bytes = world.inodes[inode].bytes.len() as u64;
            listed.push(Listed { name, bytes, is_folder });
        }
        Ok(listed)
    }

    fn make_folder(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _: &str) -> io::Result<()> {
        let mut world = self.lock();
        world.change()?;
        world.unsynced_names.clear();
        world.durable_names = world.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let world = self.lock();
        Ok(world.capacity.saturating_sub(world.used()))
    }
}

impl DeviceFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.0.lock().unwrap();
        if world.is_off
            || world.faults.read_error > 0 && {
                let times = world.faults.read_error;
                world.chance.once_in(times)
            }
        {
            return Err(io::Error::other("a read failed"));
        }
        let bytes = &world.inodes[&self.1].bytes;
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn read_at_if_cached(&self, buffer: &mut [u8], offset: u64) -> bool {
        let is_cached = self.0.lock().unwrap().chance.once_in(2);
        is_cached && self.read_at(buffer, offset).is_ok_and(|read| read == buffer.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.lock().unwrap().write(self.1, bytes, offset as usize)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        world.change()?;
        world.inodes.get_mut(&self.1).unwrap().bytes.resize(bytes as usize, 0);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().inodes[&self.1].bytes.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        world.change()?;
        let file = world.inodes.get_mut(&self.1).unwrap();
        file.unsynced.clear();
        file.durable = file.bytes.clone();
        Ok(())
    }
}
