//! From text to an expression: recursive descent over the characters, as a regular expression may
//! hold any of them.

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::{Expression, Subject, Test};

/// An expression; none where the text is malformed.
pub(super) fn parse(text: &str) -> Option<Expression> {
    let mut parser = Parser { rest: text };
    let expression = parser.alternatives()?;
    parser.skip_space();
    parser.rest.is_empty().then_some(expression)
}

/// The comparison operators. Of two that begin alike the longer one comes first.
const OPERATORS: [(&str, Operator); 22] = [
    ("==", Operator::Equals),
    ("!=", Operator::NotEquals),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=~", Operator::Matches),
    ("!~", Operator::NotMatches),
    ("!in", Operator::NotIn),
    ("!exists", Operator::NotExists),
    ("in", Operator::In),
    ("exists", Operator::Exists),
    ("equals", Operator::Equals),
    ("not_equals", Operator::NotEquals),
    ("greater_than_equal", Operator::GreaterOrEqual),
    ("greater_than", Operator::Greater),
    ("less_than_equal", Operator::LessOrEqual),
    ("less_than", Operator::Less),
    ("matches", Operator::Matches),
    ("not_matches", Operator::NotMatches),
    ("not_in", Operator::NotIn),
    ("not_exists", Operator::NotExists),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    NotEquals,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
}

/// Where a bare literal ends in any case.
const QUOTES: &str = "'\"";

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn alternatives(&mut self) -> Option<Expression> {
        let mut all = vec![self.conjunction()?];
        while self.take_word("or") || self.take("||") {
            all.push(self.conjunction()?);
        }
        Some(if all.len() == 1 { all.remove(0) } else { Expression::Or(all) })
    }

    fn conjunction(&mut self) -> Option<Expression> {
        let mut all = vec![self.negation()?];
        while self.take_word("and") || self.take("&&") {
            all.push(self.negation()?);
        }
        Some(if all.len() == 1 { all.remove(0) } else { Expression::And(all) })
    }

    fn negation(&mut self) -> Option<Expression> {
        if self.take_word("not") || self.take("!") {
            return Some(Expression::Not(Box::new(self.negation()?)));
        }
        if self.take("(") {
            let inner = self.alternatives()?;
            return self.take(")").then_some(inner);
        }
        self.condition()
    }

    fn condition(&mut self) -> Option<Expression> {
        let subject = self.subject()?;
        let operator = self.operator()?;
        let test = match operator {
            Operator::Exists | Operator::NotExists => Test::Exists,
            Operator::In | Operator::NotIn => Test::In(self.list()?),
            Operator::Matches | Operator::NotMatches => {
                let pattern = self.literal(QUOTES)?;
                Test::Matches(Box::new(Regex::new(&format!("^(?:{pattern})$")).ok()?))
            }
            Operator::Equals | Operator::NotEquals => Test::Equals(self.literal(QUOTES)?),
            Operator::Greater | Operator::LessOrEqual => Test::Greater(self.literal(QUOTES)?),
            Operator::Less | Operator::GreaterOrEqual => Test::Less(self.literal(QUOTES)?),
        };
        let condition = Expression::Condition { subject: subject.clone(), test };
        Some(match operator {
            Operator::NotEquals | Operator::NotExists | Operator::NotIn | Operator::NotMatches => {
                Expression::Not(Box::new(condition))
            }
            // Not beyond it, and there: what is absent is neither more nor less than anything.
            Operator::GreaterOrEqual | Operator::LessOrEqual => Expression::And(vec![
                Expression::Not(Box::new(condition)),
                Expression::Condition { subject, test: Test::Exists },
            ]),
            _ => condition,
        })
    }

    fn subject(&mut self) -> Option<Subject> {
        self.skip_space();
        let end = self.rest.find(|c: char| c.is_whitespace() || "=!<>()[],'\"".contains(c));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match name {
            "agentConnected" => Some(Subject::AgentConnected),
            "agentVersion" => Some(Subject::AgentVersion),
            "ec2InstanceId" => Some(Subject::Ec2InstanceId),
            "registeredAt" => Some(Subject::RegisteredAt),
            "runningTasksCount" => Some(Subject::RunningTasksCount),
            "task:group" => Some(Subject::TaskGroup),
            _ => {
                let attribute = name.strip_prefix("attribute:").filter(|name| !name.is_empty())?;
                Some(Subject::Attribute(attribute.to_owned()))
            }
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        self.skip_space();
        let is_word = |sign: &str| sign.ends_with(|c: char| c.is_ascii_alphabetic());
        let found = OPERATORS.into_iter().find_map(|(sign, operator)| {
            let rest = self.rest.strip_prefix(sign)?;
            (!is_word(sign) || ends_word(rest)).then_some((operator, rest))
        });
        let (operator, rest) = found?;
        self.rest = rest;
        Some(operator)
    }

    fn list(&mut self) -> Option<BTreeSet<String>> {
        if !self.take("[") {
            return None;
        }
        let mut all = BTreeSet::new();
        loop {
            all.insert(self.literal("[],()'\"")?);
            if self.take("]") {
                return Some(all);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    /// A literal, bare or quoted: AWS's own examples have both.
    fn literal(&mut self, ends_at: &str) -> Option<String> {
        self.skip_space();
        match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            _ => self.bare(ends_at),
        }
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let inner = self.rest.get(1..)?;
        let (literal, rest) = inner.split_at(inner.find(quote)?);
        self.rest = rest.get(1..)?;
        Some(literal.to_owned())
    }

    /// A bare literal: to the next space, to one of these characters, or to a parenthesis that it
    /// has not opened.
    fn bare(&mut self, ends_at: &str) -> Option<String> {
        let mut open = 0_u32;
        let end = self.rest.find(|c: char| {
            match c {
                '(' => open += 1,
                ')' if open == 0 => return true,
                ')' => open -= 1,
                _ => {}
            }
            c.is_whitespace() || ends_at.contains(c)
        });
        let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!literal.is_empty()).then(|| literal.to_owned())
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest: Option<&'a str> = self.rest.strip_prefix(word).filter(|rest| ends_word(rest));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}
