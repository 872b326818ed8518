//! The nearest correct spelling of a word that is not known.

/// “; did you mean `…`?”, or nothing where no known word is within a typing error or two.
pub(crate) fn nearest(word: &str, known: &[&str]) -> String {
    let folded = word.to_lowercase();
    let most = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&folded, &known.to_lowercase());
            (distance, known)
        })
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, known)| {
            format!("; did you mean `{known}`?")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_no_far_one() {
        let known = ["camera", "bluetooth", "usb.storage"];
        assert_eq!(nearest("camra", &known), "; did you mean `camera`?");
        assert_eq!(nearest("Bluetoth", &known), "; did you mean `bluetooth`?");
        assert_eq!(nearest("xyz", &known), "");
    }
}
