//! Tables of a documentation page that the laboratory writes.
//!
//! Above each table stands a comment with the options that it is played with:
//! `<!-- lab --only wave --placement binpack -->`.

/// The options of each table of a page, in order.
#[must_use]
pub fn tables(page: &str) -> Vec<Vec<String>> {
    page.lines().filter_map(options).collect()
}

/// The page with new tables, where there are some for their options.
#[must_use]
pub fn filled(page: &str, mut table: impl FnMut(&[String]) -> Option<String>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut old = page.lines().peekable();
    while let Some(line) = old.next() {
        lines.push(line.to_owned());
        let Some(new) = options(line).and_then(|words| table(&words)) else { continue };
        while old.next_if(|line| line.trim().is_empty() || line.starts_with('|')).is_some() {}
        lines.extend([String::new(), new, String::new()]);
    }
    lines.join("\n") + "\n"
}

fn options(line: &str) -> Option<Vec<String>> {
    let words = line.strip_prefix("<!-- lab ")?.strip_suffix("-->")?;
    Some(words.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n<!-- lab --only wave -->\n\n| a |\n| --- |\n| old |\n\nText.\n\n\
                        <!-- lab --only burst -->\n| b |\n";

    #[test]
    fn only_tables_with_new_figures_are_replaced() {
        assert_eq!(tables(PAGE), [["--only", "wave"], ["--only", "burst"]]);
        let page = filled(PAGE, |words| (words[1] == "wave").then(|| "| new |".to_owned()));
        assert_eq!(page, PAGE.replace("| a |\n| --- |\n| old |", "| new |"));
        assert_eq!(filled(&page, |_| None), page);
    }

    #[test]
    fn a_table_that_is_not_there_yet_is_written() {
        let page = filled("<!-- lab -->\nText.\n", |_| Some("| new |".to_owned()));
        assert_eq!(page, "<!-- lab -->\n\n| new |\n\nText.\n");
    }
}
