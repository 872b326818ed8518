//! A week in a terminal: a line for each function of a day, a character for each half hour (two
//! quarters side by side), or for each hour where it is narrow.

use super::super::simulation::State;
use super::week::{Row, Week};
use crate::output::{Lines, Paint, harmless};

/// Columns before the hours.
const MARGIN: usize = 14;
/// Columns of a day in half hours.
const HALVES: usize = 48;
/// Columns when nobody knows how many there are.
const USUAL: u16 = 80;

/// How many columns the terminal has.
pub(super) fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(USUAL, |(width, _)| width.0);
    usize::from(columns)
}

/// A week as text.
pub(super) fn show(week: &Week, paint: Paint, width: usize) -> String {
    let screen = Screen {
        paint,
        is_narrow: width < MARGIN + HALVES,
    };
    let mut lines = Lines::default();
    let whose = match &week.organisation {
        Some(organisation) => format!("The policy of {}", harmless(organisation)),
        None => "The policy".to_owned(),
    };
    lines.add(&paint.strong(&format!(
        "{whose}, {}",
        week.monday.strftime("week %-V of %G")
    )));
    lines.add(&screen.legend());
    for day in &week.days {
        if day.rows.is_empty() {
            continue;
        }
        lines.add("");
        lines.add(&screen.head(&day.date.strftime("%a %d %b").to_string()));
        for row in &day.rows {
            lines.add(&screen.row(row));
        }
    }
    if !week.steady.is_empty() {
        lines.add("");
        lines.add(&paint.strong("All week"));
        for steady in &week.steady {
            let name = steady.function.name();
            lines.add(&format!(
                "{name:<MARGIN$}{} ({})",
                steady.state.words(),
                harmless(&steady.why)
            ));
        }
    }
    lines.add("");
    lines.add(&format!("Times are those of {}.", week.zone));
    if !week.unknown.is_empty() {
        lines.add(&format!("Not known: {}.", week.unknown.join(", ")));
    }
    lines.into_text()
}

struct Screen {
    paint: Paint,
    is_narrow: bool,
}

/// The character of a state, and its colour of the 256.
const fn look(state: State) -> (char, u8) {
    match state {
        State::On => ('·', 245),
        State::ReadOnly => ('▒', 178),
        State::OffUnknown => ('?', 67),
        State::Off => ('█', 166),
    }
}

impl Screen {
    fn legend(&self) -> String {
        let parts: Vec<String> = State::ALL
            .into_iter()
            .map(|state| format!("{} {}", self.cells((state, state), 1), state.words()))
            .collect();
        parts.join("   ")
    }

    fn head(&self, day: &str) -> String {
        let (step, width) = if self.is_narrow { (6, 6) } else { (3, 6) };
        let hours: Vec<String> = (0..24)
            .step_by(step)
            .map(|hour| format!("{hour:<width$}"))
            .collect();
        let hours = hours.concat();
        self.paint
            .strong(&format!("{day:<MARGIN$}{}", hours.trim_end()))
    }

    fn row(&self, row: &Row) -> String {
        let name = row.function.name();
        let minutes = if self.is_narrow { 60 } else { 30 };
        let half = minutes / 2;
        let cells: Vec<(State, State)> = (0..super::week::DAY)
            .step_by(usize::from(minutes))
            .map(|from| {
                let middle = from.saturating_add(half);
                let end = from.saturating_add(minutes);
                (row.tightest(from, middle), row.tightest(middle, end))
            })
            .collect();
        let runs: Vec<String> = cells
            .chunk_by(|one, other| one == other)
            .filter_map(|run| run.first().map(|cell| self.cells(*cell, run.len())))
            .collect();
        format!("{name:<MARGIN$}{}", runs.concat())
    }

    /// So many times two quarters in one character: the left half and the right half of a block.
    fn cells(&self, (left, right): (State, State), count: usize) -> String {
        let ((mark, colour), (_, other)) = (look(left), look(right));
        let (mark, colour, on) = match (left, right) {
            _ if left == right => (mark, colour, None),
            (State::On, _) => ('▐', other, None),
            (_, State::On) => ('▌', colour, None),
            (_, _) if self.paint == Paint::Colour => ('▌', colour, Some(other)),
            (_, _) => (look(left.max(right)).0, colour, None),
        };
        self.paint.tint(colour, on, &mark.to_string().repeat(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::calendar::week::tests::week;

    #[test]
    fn a_week_is_shown_as_the_reviewed_text_has_it() {
        let week = week("2027-01-11");
        assert_eq!(
            show(&week, Paint::Plain, 80),
            include_str!("../../../tests/expected/week.txt")
        );
        assert_eq!(
            show(&week, Paint::Plain, 50),
            include_str!("../../../tests/expected/week-narrow.txt")
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [50, 80] {
            let text = show(&week("2027-01-11"), Paint::Plain, width);
            let days = text.lines().skip(2);
            let widest = days.map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width, "{text}");
        }
    }
}
