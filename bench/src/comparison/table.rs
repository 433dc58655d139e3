//! A Markdown table whose columns line up, so that a terminal shows it as well as GitHub does.

use crate::report::cell;

/// The first column names, the others are compared.
pub(super) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let header = header.map(str::to_owned);
    let lines: Vec<[String; N]> = std::iter::once(&header)
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
        assert_eq!(table(["name", "n"], &rows), expected);
        assert_eq!(table(["n"], &[]), "| n    |\n| ---- |");
    }
}
