//! Lines of a stream of bytes in any encoding, each of bounded length.

use encoding_rs::Decoder;
use event::TextEncoding;

/// Bytes of a line that are kept. A row of Process Monitor holds a path of 32,767 letters at most; what stands behind this is left out.
const LINE_MAX: usize = 256 * 1024;

/// Bytes decoded at a time.
const STEP_BYTES: usize = 64 * 1024;

pub(super) struct Lines {
    decoder: Decoder,
    decoded: String,
    /// The start of a line that is not whole yet.
    line: String,
}

impl Lines {
    pub(super) fn new(encoding: TextEncoding) -> Self {
        Self {
            decoder: crate::cut::codec(encoding).new_decoder_with_bom_removal(),
            decoded: String::new(),
            line: String::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for step in bytes.chunks(STEP_BYTES) {
            self.decode(step, false, &mut each);
        }
    }

    pub(super) fn finish(&mut self, mut each: impl FnMut(&str)) {
        self.decode(&[], true, &mut each);
        if !self.line.is_empty() {
            each(self.line.trim_end_matches('\r'));
        }
    }

    fn decode(&mut self, bytes: &[u8], is_end: bool, each: &mut impl FnMut(&str)) {
        let Self {
            decoder,
            decoded,
            line,
        } = self;
        decoded.clear();
        let room = decoder.max_utf8_buffer_length(bytes.len());
        decoded.reserve(room.unwrap_or(4 * STEP_BYTES));
        // The room is that of the whole step, so one call takes it all.
        let _ = decoder.decode_to_string(bytes, decoded, is_end);
        let mut rest = decoded.as_str();
        while let Some((end, more)) = rest.split_once('\n') {
            if line.is_empty() {
                each(start_of(end, LINE_MAX).trim_end_matches('\r'));
            } else {
                append(line, end);
                each(line.trim_end_matches('\r'));
                line.clear();
            }
            rest = more;
        }
        append(line, rest);
    }
}

fn append(line: &mut String, text: &str) {
    line.push_str(start_of(text, LINE_MAX.saturating_sub(line.len())));
}

fn start_of(text: &str, bytes: usize) -> &str {
    let end = text.floor_char_boundary(bytes);
    text.get(..end).unwrap_or_default()
}
