//! Text that strangers wrote.

/// Text from elsewhere (a policy, a card, a server) without the characters by which it could rewrite
/// a terminal or a dialogue: control characters, those that change the direction of writing, and
/// those that take no room.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || is_invisible(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Unicode's `Bidi_Control`, and format characters without width (UAX #9, UAX #44).
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_rewrite_what_shows_it() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(harmless("B\u{202e}ynapmoC"), "B\u{fffd}ynapmoC");
        assert_eq!(
            harmless("B Co\u{200b}mpany, 北京 – “é”"),
            "B Co\u{fffd}mpany, 北京 – “é”"
        );
    }
}
