//! Markdown as GitHub reads it (<https://github.github.com/gfm/>).

/// A table. Cells may hold anything: what would end a cell or a row is escaped.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line =
        |cells: &[String; N]| format!("| {} |", cells.each_ref().map(|c| cell(c)).join(" | "));
    let mut lines = vec![line(&header.map(str::to_owned))];
    // The first column names, the others are compared.
    let marks: Vec<&str> = (0..N).map(|column| if column == 0 { "---" } else { "---:" }).collect();
    lines.push(format!("| {} |", marks.join(" | ")));
    lines.extend(rows.into_iter().map(|row| line(&row)));
    lines.join("\n")
}

/// Text that stays inside its cell.
pub fn cell(text: &str) -> String {
    let lines: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    lines.join(" ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_breaks_its_table() {
        let rows = [["a|b".to_owned(), "1\n2".to_owned()], ["<b>".to_owned(), "\\".to_owned()]];
        let expected = "| name | value |\n| --- | ---: |\n| a\\|b | 1 2 |\n| &lt;b> | \\\\ |";
        assert_eq!(table(["name", "value"], rows), expected);
    }
}
