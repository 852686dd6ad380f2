//! What goes through a file that is being written may be a secret. When the file is closed, none of it is left in the
//! process, which here is one of its own: all that it has written to is looked at.

use punix_disk::{Disk, NewFile, RealDisk};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What the secret is written with here, so that the test itself does not have it.
const MASK: u8 = 0xa5;
const SECRET_BYTES: usize = 40;
/// So much of the memory is looked at in one go.
const PIECE: usize = 64 << 10;

/// Looks for masked bytes, unmasked, in what this process has written to. It has its own memory from the start, so that it
/// takes none that was given back, in which something may be left.
struct Search {
    masked: Vec<u8>,
    maps: String,
    piece: Vec<u8>,
}

impl Search {
    fn new(masked: &[u8]) -> Search {
        Search { masked: masked.to_vec(), maps: String::with_capacity(1 << 20), piece: vec![0; PIECE] }
    }

    fn finds_any(&mut self) -> bool {
        let Search { masked, maps, piece } = self;
        let mut memory = File::open("/proc/self/mem").expect("every process has it");
        maps.clear();
        File::open("/proc/self/maps").and_then(|mut file| file.read_to_string(maps)).expect("every process has it");
        let mut is_found = false;
        for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
            let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
            let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).expect("a number"));
            // Each piece with the beginning of the next, in which something may end that begins in it.
            for at in (from..to).step_by(PIECE - masked.len()) {
                // The harness maps and unmaps meanwhile.
                if memory.seek(SeekFrom::Start(at)).is_err() {
                    continue;
                }
                let Ok(read) = memory.read(piece) else { continue };
                let is_it = |bytes: &[u8]| bytes.iter().zip(&*masked).all(|(byte, masked)| byte ^ MASK == *masked);
                is_found |= piece[..read].windows(masked.len()).any(is_it);
                // Or it would be found where it was copied to.
                piece.fill(0);
                black_box(&mut *piece);
            }
        }
        is_found
    }
}

/// Writes the secret behind something else, for the beginning of what is given back is used for something else; and then
/// as much as makes the buffer grow.
fn write<'d>(disk: &'d RealDisk, name: &str, masked: &[u8], more: usize) -> Box<dyn NewFile + 'd> {
    let mut file = disk.create(Path::new(name), 0o600).expect("it is new");
    file.write_all(&[b'.'; 256]).expect("there is room");
    let mut secret = [0; SECRET_BYTES];
    secret.iter_mut().zip(masked).for_each(|(byte, masked)| *byte = masked ^ MASK);
    file.write_all(&secret).expect("there is room");
    secret.fill(0);
    black_box(&mut secret);
    for _ in 0..more {
        file.write_all(&[b'.'; 1000]).expect("there is room");
    }
    file
}

#[test]
fn a_file_that_was_written_leaves_nothing_behind() {
    let mut masked = vec![0; SECRET_BYTES];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut masked)).expect("there is randomness");
    let scratch = std::env::temp_dir().join(format!("punix-disk-wiped-{}", std::process::id()));
    std::fs::create_dir(&scratch).unwrap();
    let disk = RealDisk::open(&scratch).unwrap();
    let mut search = Search::new(&masked);
    for more in [0, 5, 40, 100] {
        let file = write(&disk, &more.to_string(), &masked, more);
        assert!(more == 100 || search.finds_any(), "the search finds what is there");
        drop(file);
        assert!(!search.finds_any(), "with {more} kB more");
    }
    std::fs::remove_dir_all(&scratch).unwrap();
}
