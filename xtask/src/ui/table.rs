//! Tables for people.

use std::fmt;

use comfy_table::{ContentArrangement, presets};

/// Rows under a header, without lines: it reads well, and `awk` reads it too.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header);
        Self(table)
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.0.add_row(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `trim_fmt` leaves no blanks at the ends of lines; the first column needs no left margin.
        let text = self.0.trim_fmt();
        let mut lines = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
        if let Some(first) = lines.next() {
            f.write_str(first)?;
        }
        lines.try_for_each(|line| write!(f, "\n{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_and_no_line_ends_with_a_blank() {
        let mut table = Table::new(["thing", "state"]);
        table.row(["ffmpeg", "5.1"]);
        table.row(["a longer name", ""]);
        assert_eq!(table.to_string(), "thing          state\nffmpeg         5.1\na longer name");
    }
}
