//! What finds secrets in texts is made of them, in every form. When it goes, none of that is left in the process, which here
//! is one of its own: all that it has written to is looked at.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the crate is pure; memory is read as a file")]

use punix_model::{Redactor, Secret};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};

/// What the secret is written with here, so that the test itself does not have it.
const MASK: u8 = 0xa5;
/// So much of the memory is looked at in one go.
const PIECE: usize = 64 << 10;

/// Looks how often masked bytes are, unmasked, in what this process has written to.
fn count(masked: &[u8]) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("every process has it");
    let mut memory = File::open("/proc/self/mem").expect("every process has it");
    let mut piece = vec![0; PIECE];
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).expect("a number"));
        // Each piece with the beginning of the next, in which something may end that begins in it.
        for at in (from..to).step_by(PIECE - masked.len()) {
            // The harness maps and unmaps meanwhile.
            if memory.seek(SeekFrom::Start(at)).is_err() {
                continue;
            }
            let Ok(read) = memory.read(&mut piece) else { continue };
            let is_it = |bytes: &&[u8]| bytes.iter().zip(masked).all(|(byte, masked)| byte ^ MASK == *masked);
            found += piece[..read].windows(masked.len()).filter(is_it).count();
            // Or it would be found where it was copied to.
            piece.fill(0);
            black_box(&mut piece);
        }
    }
    found
}

#[test]
fn a_filter_leaves_nothing_behind() {
    let mut masked = vec![0; 40];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut masked)).expect("there is randomness");
    // Letters alone, so that its form in hexadecimal is the only other one that is looked for here.
    masked.iter_mut().for_each(|byte| *byte = (b'a' + *byte % 26) ^ MASK);
    let in_hex: Vec<u8> = masked
        .iter()
        .flat_map(|byte| [byte ^ MASK].into_iter().flat_map(|byte| [byte >> 4, byte & 15]))
        .map(|half| (if half < 10 { b'0' + half } else { b'a' + half - 10 }) ^ MASK)
        .collect();
    let secret = || Secret::new(masked.iter().map(|byte| byte ^ MASK).collect());
    // A long one is looked for by sums; what they are made of goes at once.
    let long = || Secret::new(masked.iter().cycle().take(400).map(|byte| byte ^ MASK).collect());
    let only = secret();
    let redactor = black_box(Redactor::new([&only]));
    let copy = black_box(redactor.clone());
    assert!(count(&masked) >= 3 && count(&in_hex) >= 2, "the search finds what is there");
    drop((only, redactor, copy));
    let kept = long();
    let by_pieces = black_box(Redactor::new([&kept]));
    assert_eq!(count(&in_hex), 0, "its forms are gone as soon as they are added up");
    drop((kept, by_pieces));
    assert_eq!((count(&masked), count(&in_hex)), (0, 0));
}
