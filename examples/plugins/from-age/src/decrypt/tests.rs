//! Files that are right open to what was written; files that are wrong in any place open to nothing.

use super::*;
use crate::encryptor::{armored, bare, encrypt, identity, payload, payload_of, sealed, stanza};

fn open_with(file: &[u8], numbers: &[u8]) -> Result<Vec<u8>, Fault> {
    let identities: Vec<Identity> = numbers.iter().map(|number| identity(*number)).collect();
    decrypt(file, &identities).map(|plain| plain.to_vec())
}

fn public(number: u8) -> PublicKey {
    identity(number).public
}

fn damaged(part: Part) -> Result<Vec<u8>, Fault> {
    Err(Fault::Damaged { part })
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn what_was_encrypted_is_found_again() {
    for count in [0, 1, 15, 16, 17, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES - 7]
    {
        let plain = bytes(count);
        let file = encrypt(&plain, &public(1));
        assert!(open_with(&file, &[1]).as_ref() == Ok(&plain), "{count}");
        assert!(open_with(armored(&file).as_bytes(), &[1]) == Ok(plain), "{count} in armor");
    }
}

#[test]
fn one_identity_of_several_is_enough() {
    let file = sealed(&[stanza(&public(1)), stanza(&public(2)), "-> other x y\nZg\n".to_owned()], &payload(b"text"));
    for (numbers, expected) in [
        (&[1][..], Ok(b"text".to_vec())),
        (&[2], Ok(b"text".to_vec())),
        (&[9, 8, 2, 7], Ok(b"text".to_vec())),
        (&[9, 8], Err(Fault::NoIdentity { tried: 2 })),
        (&[], Err(Fault::NoIdentity { tried: 0 })),
    ] {
        assert_eq!(open_with(&file, numbers), expected, "{numbers:?}");
    }
    let for_others = sealed(&["-> other x y\nZg\n".to_owned()], &payload(b"text"));
    assert_eq!(open_with(&for_others, &[1]), Err(Fault::NoIdentity { tried: 1 }));
}

#[test]
fn no_byte_can_be_another() {
    let file = encrypt(b"a text of some length", &public(1));
    for at in 0..file.len() {
        for flipped in 0..8 {
            let mut wrong = file.clone();
            wrong[at] ^= 1 << flipped;
            assert!(open_with(&wrong, &[1]).is_err(), "bit {flipped} of byte {at}");
        }
        for other in [b'\n', b' ', b'A', b'=', 0, 0xff].into_iter().filter(|other| *other != file[at]) {
            let mut wrong = file.clone();
            wrong[at] = other;
            assert!(open_with(&wrong, &[1]).is_err(), "{other} at {at}");
        }
    }
}

#[test]
fn no_byte_can_be_absent_or_too_many() {
    let file = encrypt(b"a text of some length", &public(1));
    for at in 0..file.len() {
        assert!(open_with(&file[..at], &[1]).is_err(), "the first {at}");
        let mut without = file.clone();
        without.remove(at);
        assert!(open_with(&without, &[1]).is_err(), "without {at}");
        for more in [b'\n', b' ', b'-', b'A', 0] {
            let mut with = file.clone();
            with.insert(at, more);
            assert!(open_with(&with, &[1]).is_err(), "{more} before {at}");
        }
    }
    assert!(open_with(&[&file[..], b"\n"].concat(), &[1]).is_err());
    assert!(open_with(&[&file[..], &file].concat(), &[1]).is_err());
}

/// White space around armor is nothing; so there another byte may make no difference, and never another text.
#[test]
fn no_byte_of_armor_leads_to_another_text() {
    let file = armored(&encrypt(b"a text of some length", &public(1))).into_bytes();
    for at in 0..file.len() {
        let changes = (0..8).map(|flipped| file[at] ^ 1 << flipped).chain(*b"\n\r =A");
        for other in changes.filter(|other| *other != file[at]) {
            let mut wrong = file.clone();
            wrong[at] = other;
            let opened = open_with(&wrong, &[1]);
            let is_around = at == file.len() - 1 && other.is_ascii_whitespace();
            assert_eq!(opened.is_ok(), is_around, "{other} at {at}");
        }
        let is_whole = at == file.len() - 1;
        assert_eq!(open_with(&file[..at], &[1]).is_ok(), is_whole, "the first {at}");
    }
}

#[test]
fn chunks_are_whole_in_order_and_all_there() {
    let full = bytes(CHUNK_BYTES);
    let full = full.as_slice();
    let open = |chunks: &[(&[u8], bool)]| {
        open_with(&sealed(&[stanza(&public(1))], &payload_of(chunks)), &[1]).map(|plain| plain.len())
    };
    assert_eq!(open(&[(b"", true)]), Ok(0));
    assert_eq!(open(&[(full, true)]), Ok(CHUNK_BYTES));
    assert_eq!(open(&[(full, false), (b"x", true)]), Ok(CHUNK_BYTES + 1));
    let wrong = Err(Fault::Damaged { part: Part::Payload });
    let (none, one): (&[u8], &[u8]) = (b"", b"x");
    for chunks in [
        &[][..],
        &[(one, false)],
        &[(none, false)],
        &[(full, false)],
        &[(full, false), (none, true)],
        &[(full, true), (one, true)],
        &[(full, false), (one, false)],
        &[(one, false), (full, true)],
        &[(one, true), (one, true)],
    ] {
        assert_eq!(open(chunks), wrong);
    }
    let mut payload = payload_of(&[(full, false), (full, false), (b"x", true)]);
    let (first, second) = (SALT_BYTES, SALT_BYTES + CHUNK_BYTES + TAG_BYTES);
    let whole = CHUNK_BYTES + TAG_BYTES;
    let (before, after) = payload.split_at_mut(second);
    before[first..].swap_with_slice(&mut after[..whole]);
    assert_eq!(open_with(&sealed(&[stanza(&public(1))], &payload), &[1]), damaged(Part::Payload));
}

/// The seal is right in all of these: whoever wrote them is the one who is not to be believed.
#[test]
fn stanzas_of_our_kind_have_one_form() {
    let good = stanza(&public(1));
    let (line, body) = good.trim_end().split_once('\n').unwrap();
    let long = bare(&[1; 33]);
    for wrong in [
        format!("{line} more\n{body}\n"),
        format!("-> X25519\n{body}\n"),
        format!("{line}AA\n{body}\n"),
        format!("-> X25519 {}\n{body}\n", bare(&[1; 31])),
        format!("{line}\n{}\n", bare(&[1; 31])),
        format!("{line}\n{long}\n"),
        format!("{line}\n\n"),
        // No secret can be shared by this.
        format!("-> X25519 {}\n{body}\n", bare(&[0; 32])),
        format!("-> scrypt {} 10\n{body}\n", bare(&[1; 16])),
    ] {
        for stanzas in [[wrong.clone(), good.clone()], [good.clone(), wrong.clone()]] {
            let opened = open_with(&sealed(&stanzas, &payload(b"text")), &[2, 1]);
            let is_tried_later = wrong.contains(&bare(&[0; 32])) && stanzas[0] == good;
            let expected = if is_tried_later { Ok(b"text".to_vec()) } else { damaged(Part::Recipient) };
            assert_eq!(opened, expected, "{stanzas:?}");
        }
    }
    let only = sealed(&[format!("-> scrypt {} 10\n{body}\n", bare(&[1; 16]))], &payload(b"text"));
    assert_eq!(open_with(&only, &[1]), Err(Fault::Passphrase));
    let other_case = sealed(&[good.replace("X25519", "x25519")], &payload(b"text"));
    assert_eq!(open_with(&other_case, &[1]), Err(Fault::NoIdentity { tried: 1 }));
}

#[test]
fn each_part_is_named() {
    let file = encrypt(b"text", &public(1));
    let change = |from: &str, to: &str| {
        let (header, rest) = file.split_at(file.windows(4).position(|at| at == b"--- ").unwrap() + 48);
        let header = std::str::from_utf8(header).unwrap().replacen(from, to, 1);
        open_with(&[header.as_bytes(), rest].concat(), &[1])
    };
    assert_eq!(change("v1", "v2"), Err(Fault::Version));
    assert_eq!(change("age-", "Age-"), Err(Fault::NotAge));
    assert_eq!(change("-> X", "-> other\n\n-> X"), damaged(Part::Seal));
    assert_eq!(change("X25519 ", "X25519  "), damaged(Part::Header));
    assert_eq!(change("X25519 ", "X25519 x "), damaged(Part::Recipient));
    assert_eq!(change("", ""), Ok(b"text".to_vec()));
    assert_eq!(open_with(&file[..file.len() - 1], &[1]), damaged(Part::Payload));
    assert_eq!(open_with(&armored(&file).into_bytes()[..90], &[1]), damaged(Part::Armor));
}

/// Test case 3 of RFC 5869, as far as a key goes. For the key exchange, see the example in `identity.rs`.
#[test]
fn keys_and_nonces_are_made_as_the_standards_say() {
    let key = derive(&[0x0b; 22], &[], &[]);
    assert_eq!(key.as_slice(), hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"));
    assert_eq!(chunk_nonce(0, false), [0; 12]);
    assert_eq!(chunk_nonce(0x0102, true), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1]);
    assert_eq!(chunk_nonce(u64::MAX, false), [0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0]);
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
