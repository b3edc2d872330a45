//! Output in columns.

use std::fmt::Write;

/// Rows, the titles first, with their columns one below the other.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut table = String::new();
    for row in rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}   ")).collect();
        // Writing to a String does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}
