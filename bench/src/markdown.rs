//! Markdown as GitHub reads it (<https://github.github.com/gfm/>), and as a terminal shows it.

/// A table whose columns line up. The first column names, the others are compared. Cells may hold anything:
/// what would end a cell or a row is escaped.
pub fn table<const N: usize>(
    header: [&str; N],
    table: impl IntoIterator<Item = [String; N]>,
) -> String {
    let table: Vec<Vec<String>> = table.into_iter().map(|row| row.to_vec()).collect();
    rows(&header.map(str::to_owned), &table)
}

/// [`table`] of so many columns as `header` has.
pub fn rows(header: &[String], rows: &[Vec<String>]) -> String {
    let lines: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|cells| cells.iter().map(|text| cell(text)).collect())
        .collect();
    let width = |column: usize| {
        let widths =
            lines.iter().filter_map(|cells| cells.get(column)).map(|cell| cell.chars().count());
        widths.max().unwrap_or_default().max(4)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text: Vec<String> = lines.iter().map(|cells| line(cells, &widths)).collect();
    let marks: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(column, width)| {
            let dashes = "-".repeat(width - 1);
            if column == 0 { format!("{dashes}-") } else { format!("{dashes}:") }
        })
        .collect();
    text.insert(1, line(&marks, &widths));
    text.join("\n")
}

/// Text that stays inside its cell.
pub fn cell(text: &str) -> String {
    let lines: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    lines.join(" ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

fn line(cells: &[String], widths: &[usize]) -> String {
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
