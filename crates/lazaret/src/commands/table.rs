//! Output in columns.

use std::fmt::Write;

use crate::report::visible;

/// Rows, the titles first, with their columns one below the other. Cells may hold what a sandbox or an
/// image says.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(cell)).collect();
    // As runc's tables: each column has at least this width with the space that follows.
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(9);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut table = String::new();
    for row in &rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}   ")).collect();
        // Writing to a String does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// The text in one line.
fn cell(text: &String) -> String {
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
