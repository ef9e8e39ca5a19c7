//! Archives that lie or grow: names, sizes, shared data and directories within their limits.

use super::*;
use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;
use std::io::{Cursor, Seek, Write};

fn zip_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn cab_of(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = ::cab::CabinetBuilder::new();
    let folder = builder.add_folder(::cab::CompressionType::MsZip);
    for (name, _) in members {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    let mut members = members.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(&members.next().unwrap().1).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn listing(archive: &[u8], limits: &Limits) -> Listing {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    file.rewind().unwrap();
    list(kind(archive).unwrap(), file, archive.len() as u64, limits).unwrap()
}

/// Why members are left out; nothing for those that are read.
fn reasons(archive: &[u8], limits: &Limits) -> Vec<Option<&'static str>> {
    let reason = |listed: &Listed| match &listed.state {
        State::Skipped(reason) => Some(*reason),
        State::Readable { error: None, .. } => None,
        state => panic!("{state:?}"),
    };
    listing(archive, limits)
        .members
        .iter()
        .map(reason)
        .collect()
}

/// A made-up log that hardly packs.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut text = String::new();
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text += &format!("2024-05-01 08:00:00, Info                  CBS    {state:016x}\r\n");
    }
    text.truncate(bytes);
    text.into_bytes()
}

#[test]
fn all_members_together_are_bounded_in_bytes_and_each_in_growth() {
    let archive = zip_of(&[
        ("a.log", noise(100_000, 1)),
        ("b.log", noise(100_000, 2)),
        ("c.log", noise(10_000, 3)),
    ]);
    assert_eq!(reasons(&archive, &Limits::DEFAULT), [None, None, None]);
    let limits = Limits {
        bytes: 150_000,
        ..Limits::DEFAULT
    };
    assert_eq!(reasons(&archive, &limits), [None, Some(TOO_MUCH), None]);

    // Equal lines pack about 1,000 times; only beyond a size does that matter.
    let dense = zip_of(&[("a.log", vec![b'x'; 400_000]), ("b.log", noise(9_000, 4))]);
    assert_eq!(reasons(&dense, &Limits::DEFAULT), [None, None]);
    let limits = Limits {
        free_bytes: 50_000,
        ..Limits::DEFAULT
    };
    assert_eq!(reasons(&dense, &limits), [Some(TOO_DENSE), None]);
}

/// Entries of a zip's directory may share their data: each is honest alone.
#[test]
fn members_of_a_zip_that_share_their_data_are_counted_each() {
    let mut archive = zip_of(&[("00.log", noise(60_000, 5))]);
    let end = archive.len() - 22;
    let mut trailer = archive.split_off(end);
    let directory = u32::from_le_bytes(trailer[16..20].try_into().unwrap()) as usize;
    let entry = archive.split_off(directory);
    let count: u16 = 2_000;
    for number in 0..count {
        let mut copy = entry.clone();
        copy[46] = b'A' + u8::try_from(number % 50).unwrap();
        copy[47] = b'A' + u8::try_from(number / 50).unwrap();
        archive.extend(copy);
    }
    let size = u32::try_from(archive.len() - directory).unwrap();
    trailer[8..10].copy_from_slice(&count.to_le_bytes());
    trailer[10..12].copy_from_slice(&count.to_le_bytes());
    trailer[12..16].copy_from_slice(&size.to_le_bytes());
    archive.extend(trailer);

    let reasons = reasons(&archive, &Limits::DEFAULT);
    assert_eq!(reasons.len(), usize::from(count));
    let read = reasons.iter().filter(|reason| reason.is_none()).count();
    assert!(read > 0 && read * 60_000 <= archive.len() * 100, "{read}");
    assert!(reasons.contains(&Some(TOO_DENSE_SUM)));
}

#[test]
fn the_size_of_a_directory_is_bounded() {
    let mut archive = zip_of(&[("00.log", noise(100, 5))]);
    let end = archive.len() - 22;
    let mut trailer = archive.split_off(end);
    let directory = u32::from_le_bytes(trailer[16..20].try_into().unwrap()) as usize;
    let mut entry = archive.split_off(directory);
    // With a comment of 60,000 bytes each.
    entry[32..34].copy_from_slice(&60_000_u16.to_le_bytes());
    entry.extend(vec![b'c'; 60_000]);
    for _ in 0..200 {
        archive.extend(&entry);
    }
    trailer[8..10].copy_from_slice(&200_u16.to_le_bytes());
    trailer[10..12].copy_from_slice(&200_u16.to_le_bytes());
    let size = u32::try_from(archive.len() - directory).unwrap();
    trailer[12..16].copy_from_slice(&size.to_le_bytes());
    archive.extend(trailer);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&archive).unwrap();
    let error = list(Kind::Zip, file, archive.len() as u64, &Limits::DEFAULT).unwrap_err();
    assert!(error.to_string().contains("honest"), "{error}");
}

#[test]
fn logs_deep_inside_a_cabinet_are_bounded_by_what_is_decoded_to_reach_them() {
    let names: Vec<String> = (0..20).map(|number| format!("{number:02}.log")).collect();
    let members: Vec<(&str, Vec<u8>)> = names
        .iter()
        .zip(1..)
        .map(|(name, seed)| (name.as_str(), noise(10_000, seed)))
        .collect();
    let archive = cab_of(&members);
    assert_eq!(reasons(&archive, &Limits::DEFAULT), [None; 20]);
    // Their sum is 200,000; to reach each in turn 10,000 + 20,000 + ... are decoded: 910,000 for 13 of them, 1,050,000 for 14.
    let limits = Limits {
        bytes: 1_000_000,
        ..Limits::DEFAULT
    };
    let reasons = reasons(&archive, &limits);
    assert_eq!(reasons[..13], [None; 13]);
    assert_eq!(reasons[13..], [Some(TOO_MUCH); 7]);
}

#[test]
fn parts_of_a_cabinet_that_overlap_or_lie_outside_are_told() {
    let mut archive = cab_of(&[("0.log", noise(60_000, 6)), ("1.log", noise(60_000, 7))]);
    let first = u32::from_le_bytes(archive[16..20].try_into().unwrap()) as usize;
    let second = first + 16 + "0.log".len() + 1;
    archive[second + 4..second + 8].copy_from_slice(&100_u32.to_le_bytes());
    let overlapping = reasons(&archive, &Limits::DEFAULT)[1];
    assert!(overlapping.is_some_and(|reason| reason.contains("overlap")));

    archive[second + 4..second + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    let outside = &listing(&archive, &Limits::DEFAULT).members[1];
    assert!(
        matches!(&outside.state, State::Readable { head, error: Some(_), .. } if head.is_empty()),
        "{outside:?}"
    );

    archive[second + 8..second + 10].copy_from_slice(&7_u16.to_le_bytes());
    let nowhere = &listing(&archive, &Limits::DEFAULT).members[1];
    assert!(matches!(nowhere.state, State::Failed(_)), "{nowhere:?}");
    archive[second + 8..second + 10].copy_from_slice(&0xFFFE_u16.to_le_bytes());
    let elsewhere = reasons(&archive, &Limits::DEFAULT)[1];
    assert!(elsewhere.is_some_and(|reason| reason.contains("another cabinet")));
}

/// Thousands of folders over the same blocks would make their sizes endless to find out.
#[test]
fn folders_of_a_cabinet_that_share_their_blocks_are_not_walked_again_and_again() {
    let archive = cab_of(&[("0.log", noise(200_000, 8))]);
    let data = u32::from_le_bytes(archive[36..40].try_into().unwrap());
    let (folder, file) = (&archive[36..44], &archive[44..data as usize]);
    let count: u16 = 500;
    let shift = (u32::from(count) - 1) * (8 + u32::try_from(file.len()).unwrap());
    let mut crafted = archive[..36].to_vec();
    crafted[16..20].copy_from_slice(&(36 + 8 * u32::from(count)).to_le_bytes());
    crafted[26..28].copy_from_slice(&count.to_le_bytes());
    crafted[28..30].copy_from_slice(&count.to_le_bytes());
    for _ in 0..count {
        crafted.extend((data + shift).to_le_bytes());
        crafted.extend(&folder[4..]);
    }
    for number in 0..count {
        let mut file = file.to_vec();
        file[8..10].copy_from_slice(&number.to_le_bytes());
        crafted.extend(file);
    }
    crafted.extend(&archive[data as usize..]);
    let reasons = reasons(&crafted, &Limits::DEFAULT);
    assert_eq!(reasons.len(), usize::from(count));
    assert_eq!(reasons[0], None);
    let told = reasons
        .iter()
        .flatten()
        .filter(|reason| reason.contains("overlap"));
    assert!(told.count() >= usize::from(count) - 4, "{reasons:?}");
}

#[test]
fn what_is_larger_packed_than_unpacked_is_no_honest_member() {
    let limits = Limits::DEFAULT;
    for (packed, unpacked, is_loose) in [
        (limits.free_bytes, 0, false),
        (limits.free_bytes + 2, 0, true),
        (100 << 20, 100 << 20, false),
        (100 << 20, 50 << 20, false),
        (100 << 20, 49 << 20, true),
    ] {
        assert_eq!(
            limits.is_too_loose(packed, unpacked),
            is_loose,
            "{packed} {unpacked}"
        );
    }
}
