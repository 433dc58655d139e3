//! Markdown as GitHub reads it (<https://github.github.com/gfm/>), and as a terminal shows it.

/// A table whose columns line up. The first column names, the others are compared. Cells may hold anything:
/// what would end a cell or a row is escaped.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let lines: Vec<[String; N]> = std::iter::once(header.map(str::to_owned))
        .chain(rows)
        .map(|cells| cells.each_ref().map(|text| cell(text)))
        .collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|cells| cells[column].chars().count());
        widths.max().unwrap_or_default().max(4)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text: Vec<String> = lines.iter().map(|cells| line(cells, &widths)).collect();
    let marks = std::array::from_fn::<String, N, _>(|column| {
        let dashes = "-".repeat(widths[column] - 1);
        if column == 0 { format!("{dashes}-") } else { format!("{dashes}:") }
    });
    text.insert(1, line(&marks, &widths));
    text.join("\n")
}

/// Text that stays inside its cell.
pub fn cell(text: &str) -> String {
    let lines: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    lines.join(" ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

fn line<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hold_anything() {
        let rows = [["a|b".to_owned(), "1\n2".to_owned()], ["µ".to_owned(), "12345".to_owned()]];
        let expected = "\
            | name |     n |\n\
            | ---- | ----: |\n\
            | a\\|b |   1 2 |\n\
            | µ    | 12345 |";
        assert_eq!(table(["name", "n"], rows), expected);
        assert_eq!(table(["n"], []), "| n    |\n| ---- |");
    }

    #[test]
    fn no_cell_breaks_its_table() {
        let rows = [["a|b".to_owned(), "1\n2".to_owned()], ["<b>".to_owned(), "\\".to_owned()]];
        let expected = "\
            | name   | value |\n\
            | ------ | ----: |\n\
            | a\\|b   |   1 2 |\n\
            | &lt;b> |    \\\\ |";
        assert_eq!(table(["name", "value"], rows), expected);
    }
}
