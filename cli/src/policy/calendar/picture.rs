//! A week as a picture: SVG, and PNG drawn from it with a font that is compiled in, so that it looks
//! the same wherever it is drawn.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::super::simulation::State;
use super::week::{Bar, DAY, Day, Week};
use crate::failure::Failure;

/// Pixels of an hour.
const HOUR: u32 = 38;
/// Where the days' names stand.
const LEFT: u32 = 40;
/// Where the functions' names stand.
const NAMES: u32 = 150;
/// Where midnight is.
const BEGIN: u32 = 270;
/// The width of the picture.
const WIDTH: u32 = BEGIN + 24 * HOUR + LEFT;
/// Where the first day begins.
const TOP: u32 = 168;
/// The height of a function's row, of the bar in it, and the room around the rows of a day.
const ROW: u32 = 26;
const BAR: u32 = 20;
const ROOM: u32 = 10;
/// Between days.
const GAP: u32 = 8;
/// The size of text in bars, and the width of one character in tenths of a pixel: the font gives
/// every character 0.602 of its size.
const SMALL: u32 = 11;
const SMALL_WIDTH: u32 = 67;
/// The size of other text, and the width of a character of it.
const TEXT: u32 = 13;
const TEXT_WIDTH: u32 = 79;
/// Columns of what is the same all week.
const COLUMNS: u32 = 3;
/// Dots of the picture for each pixel: sharp on screens of today, and in print.
const SCALE: u8 = 2;

const INK: &str = "#1f2a33";
const PALE_INK: &str = "#5b6b78";
const CARD: &str = "#f4f6f8";

/// What lies under text in a bar, so that no line runs through it.
const fn halo(state: State) -> &'static str {
    match state {
        State::OffUnknown => "#f7d9c2",
        State::On | State::ReadOnly | State::Off => colours(state).0,
    }
}

/// Fill, and ink on it. Vermilion, yellow and pale blue are told apart with every kind of colour
/// vision, and in grey; the stripes tell what is off only for want of facts.
const fn colours(state: State) -> (&'static str, &'static str) {
    match state {
        State::On => ("#d9e8f2", "#3c5568"),
        State::ReadOnly => ("#f0c93f", "#4a3b00"),
        State::OffUnknown => ("url(#stripes)", "#5a2600"),
        State::Off => ("#c24d00", "#ffffff"),
    }
}

/// Draws a week.
pub(super) fn svg(week: &Week) -> Vec<u8> {
    draw(week).into_bytes()
}

/// Draws a week in dots.
pub(super) fn png(week: &Week) -> Result<Vec<u8>, Failure> {
    let failed =
        |error: &dyn std::error::Error| Failure::because("the picture cannot be drawn", error);
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    let options = Options {
        fontdb: Arc::new(fonts),
        font_family: "Hack".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(&draw(week), &options).map_err(|error| failed(&error))?;
    let size = tree.size().to_int_size();
    let scale = u32::from(SCALE);
    let mut dots = Pixmap::new(
        size.width().saturating_mul(scale),
        size.height().saturating_mul(scale),
    )
    .ok_or_else(|| Failure::new("the picture cannot be drawn: it is too large"))?;
    let scale = f32::from(SCALE);
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut dots.as_mut(),
    );
    dots.encode_png().map_err(|error| failed(&error))
}

fn draw(week: &Week) -> String {
    let mut sheet = Sheet::default();
    let mut top = TOP;
    for day in week.days.iter().filter(|day| !day.rows.is_empty()) {
        top = sheet.day(day, top).saturating_add(GAP);
    }
    let is_empty = top == TOP;
    if is_empty {
        top = TOP - 32;
    } else {
        sheet.hours();
    }
    top = sheet.steady(week, top.saturating_add(GAP));
    if !week.unknown.is_empty() {
        top = top.saturating_add(22);
        sheet.text(
            LEFT,
            top,
            (SMALL, PALE_INK),
            &format!(
                "Not known: {}. Rules that depend on it restrict, unless on-unknown says otherwise.",
                week.unknown.join(", ")
            ),
        );
    }
    sheet.head(week);
    sheet.into_svg(top.saturating_add(34))
}

/// Where a minute of the day is, in tenths of a pixel.
fn across(minute: u16) -> u32 {
    let tenths = u32::from(minute).saturating_mul(HOUR * 10) / 60;
    tenths.saturating_add(BEGIN * 10)
}

/// Tenths as SVG writes them.
fn pixels(tenths: u32) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Text as XML writes it, without what XML cannot say.
fn escaped(text: &str) -> String {
    crate::output::harmless(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Text of at most so many characters.
fn cut(text: &str, most: u32) -> String {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}

/// What is drawn so far.
#[derive(Default)]
struct Sheet(String);

impl Sheet {
    fn into_svg(self, height: u32) -> String {
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="Hack, DejaVu Sans Mono, Menlo, Consolas, monospace">
<defs><pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" fill="#f7d9c2"/><rect width="3" height="8" fill="#eba878"/></pattern></defs>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
{}</svg>
"##,
            self.0
        )
    }

    fn add(&mut self, shape: &str) {
        self.0.push_str(shape);
        self.0.push('\n');
    }

    fn text(&mut self, x: u32, y: u32, (size, ink): (u32, &str), text: &str) {
        self.add(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{ink}\" xml:space=\"preserve\">{}</text>",
            escaped(text)
        ));
    }

    fn head(&mut self, week: &Week) {
        let whose = week.organisation.as_deref().unwrap_or("Policy");
        self.text(LEFT, 56, (26, INK), &cut(whose, 65));
        let last = week.days.last().map_or(week.monday, |day| day.date);
        let dates = format!(
            "{}, {} to {}, times of {}",
            week.monday.strftime("Week %-V of %G"),
            week.monday.strftime("%-d %B %Y"),
            last.strftime("%-d %B %Y"),
            week.zone
        );
        self.text(LEFT, 82, (TEXT, PALE_INK), &dates);
        let mut x = LEFT;
        for state in State::ALL {
            self.swatch(x, 103, state);
            self.text(x.saturating_add(30), 115, (TEXT, INK), state.words());
            let length = u32::try_from(state.words().len()).unwrap_or_default();
            let width = length.saturating_mul(TEXT_WIDTH) / 10;
            x = x.saturating_add(width).saturating_add(66);
        }
    }

    fn swatch(&mut self, x: u32, y: u32, state: State) {
        let (fill, _) = colours(state);
        self.add(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"22\" height=\"15\" rx=\"3\" fill=\"{fill}\"/>"
        ));
    }

    /// The hours above the days, with a tick for each quarter.
    fn hours(&mut self) {
        for hour in 0..=24_u16 {
            let x = pixels(across(hour.saturating_mul(60)));
            self.add(&format!(
                "<text x=\"{x}\" y=\"{}\" font-size=\"{SMALL}\" fill=\"{PALE_INK}\" text-anchor=\"middle\">{hour:02}</text>",
                TOP - 16
            ));
        }
        for quarter in 0..=96_u16 {
            let length = if quarter % 4 == 0 { 7 } else { 3 };
            let x = pixels(across(quarter.saturating_mul(15)));
            self.add(&format!(
                "<path d=\"M{x} {}v{length}\" stroke=\"#9fb0bc\" stroke-width=\"1\"/>",
                TOP - 4 - length
            ));
        }
    }

    /// One day; gives the place below it.
    fn day(&mut self, day: &Day, top: u32) -> u32 {
        let rows = u32::try_from(day.rows.len()).unwrap_or_default();
        let height = rows.saturating_mul(ROW).saturating_add(2 * ROOM);
        self.add(&format!(
            "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{height}\" rx=\"6\" fill=\"{CARD}\"/>",
            LEFT - 16,
            WIDTH - 2 * LEFT + 32
        ));
        let name = top.saturating_add(ROOM + 17);
        self.text(LEFT, name, (15, INK), &day.date.strftime("%A").to_string());
        if rows > 1 {
            let date = day.date.strftime("%-d %B").to_string();
            self.text(LEFT, name.saturating_add(20), (SMALL, PALE_INK), &date);
        }
        let mut y = top.saturating_add(ROOM);
        for row in &day.rows {
            self.text(
                NAMES,
                y.saturating_add(17),
                (TEXT, INK),
                row.function.name(),
            );
            for bar in &row.bars {
                self.bar(bar, y.saturating_add((ROW - BAR) / 2));
            }
            y = y.saturating_add(ROW);
        }
        self.lines(top.saturating_add(ROOM / 2), height.saturating_sub(ROOM));
        let mut y = top.saturating_add(ROOM + 17);
        for row in &day.rows {
            row.bars.iter().for_each(|bar| self.label(bar, y));
            y = y.saturating_add(ROW);
        }
        top.saturating_add(height)
    }

    fn bar(&mut self, bar: &Bar, y: u32) {
        let (fill, _) = colours(bar.state);
        let (from, to) = (across(bar.from), across(bar.to));
        self.add(&format!(
            "<rect x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{BAR}\" rx=\"3\" fill=\"{fill}\"/>",
            pixels(from),
            pixels(to.saturating_sub(from))
        ));
    }

    /// The hours as thin lines over the bars; every sixth is stronger.
    fn lines(&mut self, top: u32, height: u32) {
        for hour in (0..=DAY).step_by(60) {
            let (ink, width) = if hour % 360 == 0 {
                ("#8194a1", "1")
            } else {
                ("#ffffff", "0.8")
            };
            self.add(&format!(
                "<path d=\"M{} {top}v{height}\" stroke=\"{ink}\" stroke-width=\"{width}\" stroke-opacity=\"0.45\"/>",
                pixels(across(hour))
            ));
        }
    }

    /// What gives a bar, where there is room to say it.
    fn label(&mut self, bar: &Bar, y: u32) {
        let (_, ink) = colours(bar.state);
        let room = across(bar.to).saturating_sub(across(bar.from));
        let text = if bar.state == State::On && bar.why == "baseline" {
            return;
        } else {
            // People know a rule by its name.
            bar.why.replace("rule ", "").replace(['“', '”'], "")
        };
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        if length.saturating_mul(SMALL_WIDTH).saturating_add(120) > room {
            return;
        }
        let x = across(bar.from).saturating_add(70) / 10;
        let halo = halo(bar.state);
        self.add(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{SMALL}\" fill=\"{ink}\" stroke=\"{halo}\" stroke-width=\"4\" paint-order=\"stroke\">{}</text>",
            escaped(&text)
        ));
    }

    /// What is the same all week; gives the place below it.
    fn steady(&mut self, week: &Week, top: u32) -> u32 {
        if week.steady.is_empty() {
            return top;
        }
        self.text(LEFT, top.saturating_add(20), (15, INK), "All week");
        let column = (WIDTH - 2 * LEFT) / COLUMNS;
        let most = (column - 40) * 10 / SMALL_WIDTH;
        let mut y = top.saturating_add(34);
        for (number, steady) in (0_u32..).zip(&week.steady) {
            let x = (number % COLUMNS)
                .saturating_mul(column)
                .saturating_add(LEFT);
            y = top.saturating_add(34 + (number / COLUMNS).saturating_mul(24));
            self.swatch(x, y, steady.state);
            let text = format!(
                "{:<13}{} ({})",
                steady.function.name(),
                steady.state.words(),
                steady.why
            );
            self.text(
                x.saturating_add(30),
                y.saturating_add(12),
                (SMALL, INK),
                &cut(&text, most),
            );
        }
        y.saturating_add(16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::calendar::week::tests::week;

    #[test]
    fn a_picture_has_the_bars_of_the_week_and_nothing_of_the_policy_breaks_it() {
        let mut week = week("2027-01-11");
        week.organisation = Some("B & <Company> \u{1b}\"".to_owned());
        let svg = draw(&week);
        assert!(svg.contains("B &amp; &lt;Company&gt;"), "{svg}");
        // 08:00 to 18:07 with 38 pixels an hour.
        assert!(svg.contains("x=\"574.0\""), "{svg}");
        assert!(
            svg.contains(&format!("width=\"{}\"", pixels(607 * 380 / 60))),
            "{svg}"
        );
        assert!(Tree::from_str(&svg, &Options::default()).is_ok());
    }

    #[test]
    fn a_picture_in_dots_has_text_without_any_font_of_the_system() {
        let week = week("2027-01-11");
        let dots = Pixmap::decode_png(&png(&week).unwrap()).unwrap();
        assert_eq!(dots.width(), WIDTH * 2);
        // The title stands there, in ink.
        let is_ink = |x: u32, y: u32| dots.pixel(x, y).is_some_and(|dot| dot.red() < 0x40);
        let title = (LEFT * 2..LEFT * 2 + 300).any(|x| (70..114).any(|y| is_ink(x, y)));
        assert!(title);
    }
}
