//! Output in columns.

use std::fmt::Write;

use crate::report::visible;

/// Rows, the titles first, with their columns one below the other. Cells may hold what a sandbox or an
/// image says.
pub fn table<R: AsRef<[String]>>(rows: &[R]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.as_ref().iter().map(|text| cell(text)).collect()).collect();
    // As runc's tables: each column has at least this width with the space that follows.
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let length = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let width = |column: usize| rows.iter().map(|row| length(row, column)).max().unwrap_or(0).max(9);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut table = String::new();
    for row in &rows {
        let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}   ")).collect();
        // Writing to a String does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// The text in one line.
fn cell(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_stay_in_their_line() {
        let rows = [["A", "B"], ["x\u{1b}[2J\ny", "z"]].map(|row| row.map(String::from));
        assert_eq!(super::table(&rows), "A               B\nx\\u{1b}[2J\\ny   z\n");
    }
}
