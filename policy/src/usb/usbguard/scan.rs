//! From text to lines: the grammar of `USBGuard`'s rule language (usbguard-rules.conf(5), and
//! `RuleParser/Grammar.hpp` where the page is silent). It is strict where `USBGuard` is, since it
//! refuses the whole file for one bad line.

use super::rule::{
    Attribute, Key, Line, MAX_BYTES, MAX_LINE, MAX_RULES, MAX_VALUES, Malformed, Operator, Problem,
    Target,
};

/// The rest of a line.
struct Cursor<'a> {
    line: u32,
    whole: &'a str,
    rest: &'a str,
}

/// The rules of a file, in order. Blank lines and comments are left out.
pub(super) fn lines(text: &str) -> Result<Vec<Line<'_>>, Malformed> {
    let mut rules = Vec::new();
    for (number, text) in (1_u32..).zip(text_lines(text)?) {
        let mut cursor = Cursor {
            line: number,
            whole: text,
            rest: text,
        };
        if text.len() > MAX_LINE {
            return Err(cursor.wrong(Problem::LongLine));
        }
        cursor.blanks();
        if cursor.rest.is_empty() || cursor.rest.starts_with('#') {
            continue;
        }
        if rules.len() == MAX_RULES {
            return Err(cursor.wrong(Problem::TooManyRules));
        }
        rules.push(cursor.rule()?);
    }
    Ok(rules)
}

fn text_lines(text: &str) -> Result<std::str::Split<'_, char>, Malformed> {
    if text.len() > MAX_BYTES {
        return Err(Malformed {
            line: 1,
            column: 1,
            problem: Problem::TooBig,
        });
    }
    Ok(text.split('\n'))
}

impl<'a> Cursor<'a> {
    fn wrong(&self, problem: Problem) -> Malformed {
        let all = self.whole.chars().count();
        let left = self.rest.chars().count();
        Malformed {
            line: self.line,
            column: u32::try_from(all.saturating_sub(left).saturating_add(1)).unwrap_or(u32::MAX),
            problem,
        }
    }

    /// Passes blanks, and says whether there were any.
    fn blanks(&mut self) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t']);
        let passed = rest.len() < self.rest.len();
        self.rest = rest;
        passed
    }

    fn passes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The characters from here on that are such, without passing them.
    fn word(&self, such: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|one| !such(one)).unwrap_or(self.rest.len());
        self.rest.get(..length).unwrap_or_default()
    }

    fn keyword(&self) -> &'a str {
        self.word(|one| one.is_ascii_alphanumeric() || one == '-')
    }

    fn rule(mut self) -> Result<Line<'a>, Malformed> {
        let target = match self.keyword() {
            "allow" => Target::Allow,
            "block" => Target::Block,
            "reject" => Target::Reject,
            "match" | "device" => Target::Other,
            _ => return Err(self.wrong(Problem::NoTarget)),
        };
        let word = self.keyword();
        self.passes(word);
        let mut attributes: Vec<Attribute> = Vec::new();
        loop {
            let apart = self.blanks();
            if self.rest.is_empty() || self.rest.starts_with('#') {
                break;
            }
            if !apart {
                return Err(self.wrong(Problem::NoAttribute));
            }
            let attribute = self.attribute(attributes.is_empty(), &attributes)?;
            attributes.push(attribute);
        }
        Ok(Line {
            number: self.line,
            text: self.whole,
            target,
            attributes,
        })
    }

    fn attribute(&mut self, first: bool, before: &[Attribute]) -> Result<Attribute, Malformed> {
        // The first attribute may be maker and product without the word for it.
        if first && self.word(is_of_id).contains(':') {
            return Ok(Attribute {
                key: Key::Id,
                operator: Operator::Equals,
                values: vec![self.value(Key::Id)?],
            });
        }
        let word = self.keyword();
        let Some((_, key)) = Key::ALL.into_iter().find(|(name, _)| *name == word) else {
            return Err(self.wrong(Problem::NoAttribute));
        };
        if key != Key::Label && before.iter().any(|one| one.key == key) {
            return Err(self.wrong(Problem::Twice));
        }
        self.passes(word);
        if !self.blanks() {
            return Err(self.wrong(expected(key)));
        }
        let (operator, values) = self.values(key)?;
        Ok(Attribute {
            key,
            operator,
            values,
        })
    }

    fn values(&mut self, key: Key) -> Result<(Operator, Vec<Vec<u8>>), Malformed> {
        let operator = self.operator();
        if operator.is_none() && !self.rest.starts_with('{') {
            return Ok((Operator::Equals, vec![self.value(key)?]));
        }
        if !self.passes("{") {
            return Err(self.wrong(expected(key)));
        }
        self.blanks();
        let mut values = vec![self.value(key)?];
        loop {
            let apart = self.blanks();
            if self.passes("}") {
                return Ok((operator.unwrap_or(Operator::Equals), values));
            }
            if !apart || self.rest.is_empty() {
                return Err(self.wrong(Problem::EndlessSet));
            }
            if values.len() == MAX_VALUES {
                return Err(self.wrong(Problem::TooManyValues));
            }
            values.push(self.value(key)?);
        }
    }

    /// An operator and the blanks behind it; a condition may have the same name and no blanks and
    /// brace behind it, but none has.
    fn operator(&mut self) -> Option<Operator> {
        let word = self.keyword();
        let (_, operator) = Operator::ALL.into_iter().find(|(name, _)| *name == word)?;
        let before = self.rest;
        self.passes(word);
        if self.blanks() {
            return Some(operator);
        }
        self.rest = before;
        None
    }

    fn value(&mut self, key: Key) -> Result<Vec<u8>, Malformed> {
        match key {
            Key::Id => self.plain(is_of_id, is_id, Problem::NoId),
            Key::WithInterface => self.plain(is_of_id, is_interface, Problem::NoInterface),
            Key::If => self.condition(),
            Key::Name
            | Key::Hash
            | Key::ParentHash
            | Key::Serial
            | Key::ViaPort
            | Key::WithConnectType
            | Key::Label => self.string(),
        }
    }

    fn plain(
        &mut self,
        such: impl Fn(char) -> bool,
        sound: impl Fn(&str) -> bool,
        problem: Problem,
    ) -> Result<Vec<u8>, Malformed> {
        let word = self.word(such);
        if !sound(word) {
            return Err(self.wrong(problem));
        }
        self.passes(word);
        Ok(word.as_bytes().to_vec())
    }

    fn string(&mut self) -> Result<Vec<u8>, Malformed> {
        if !self.passes("\"") {
            return Err(self.wrong(Problem::NoText));
        }
        let mut bytes = Vec::new();
        loop {
            if self.passes("\"") {
                return Ok(bytes);
            }
            if self.rest.starts_with('\\') {
                bytes.push(self.escape()?);
                continue;
            }
            let plain = self.word(|one| !matches!(one, '"' | '\\' | '\r'));
            if plain.is_empty() {
                return Err(self.wrong(Problem::EndlessText));
            }
            bytes.extend(plain.as_bytes());
            self.passes(plain);
        }
    }

    fn escape(&mut self) -> Result<u8, Malformed> {
        for (text, byte) in [("\\\"", b'"'), ("\\\\", b'\\')] {
            if self.passes(text) {
                return Ok(byte);
            }
        }
        let digits = self.rest.strip_prefix("\\x").and_then(|rest| rest.get(..2));
        let sound = digits.filter(|two| two.bytes().all(|one| one.is_ascii_hexdigit()));
        let byte = sound.and_then(|two| u8::from_str_radix(two, 16).ok());
        let byte = byte.ok_or_else(|| self.wrong(Problem::NoEscape))?;
        self.rest = self.rest.get(4..).unwrap_or_default();
        Ok(byte)
    }

    fn condition(&mut self) -> Result<Vec<u8>, Malformed> {
        const NAMES: [&str; 7] = [
            "localtime",
            "allowed-matches",
            "rule-applied",
            "rule-evaluated",
            "random",
            "true",
            "false",
        ];
        let start = self.rest;
        self.passes("!");
        let name = self.keyword();
        if !NAMES.contains(&name) {
            return Err(self.wrong(Problem::NoCondition));
        }
        self.passes(name);
        if self.passes("(") {
            while !self.passes(")") {
                self.passes("\\");
                let mut rest = self.rest.chars();
                if rest.next().is_none() {
                    return Err(self.wrong(Problem::EndlessText));
                }
                self.rest = rest.as_str();
            }
        }
        let length = start.len().saturating_sub(self.rest.len());
        Ok(start.get(..length).unwrap_or_default().as_bytes().to_vec())
    }
}

/// What is wrong when the value of such an attribute is missing.
fn expected(key: Key) -> Problem {
    match key {
        Key::Id => Problem::NoId,
        Key::WithInterface => Problem::NoInterface,
        Key::If => Problem::NoCondition,
        Key::Name
        | Key::Hash
        | Key::ParentHash
        | Key::Serial
        | Key::ViaPort
        | Key::WithConnectType
        | Key::Label => Problem::NoText,
    }
}

fn is_of_id(one: char) -> bool {
    one.is_ascii_hexdigit() || matches!(one, ':' | '*')
}

/// Whether it is hexadecimal numbers of so many digits with colons between, of which those after
/// the first few may be `*`, and stay so.
fn are_numbers(text: &str, count: usize, digits: usize, fixed: usize) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let wild = parts
        .iter()
        .position(|part| *part == "*")
        .unwrap_or(parts.len());
    parts.len() == count
        && wild >= fixed
        && parts.iter().skip(wild).all(|part| *part == "*")
        && parts
            .iter()
            .take(wild)
            .all(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_id(text: &str) -> bool {
    are_numbers(text, 2, 4, 0)
}

fn is_interface(text: &str) -> bool {
    are_numbers(text, 3, 2, 1)
}
