//! The best one-to-one assignment of rows to columns.

/// The column of each row, all different, with the least total cost. At most as many rows as
/// columns; of equal totals, always the same one.
///
/// The Hungarian method with potentials and shortest augmenting paths, O(rows² · columns): rows are
/// added one by one, and each addition re-seats earlier rows along the cheapest path. R. Jonker and
/// A. Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment
/// problems", Computing 38 (1987).
pub(super) fn cheapest(
    n_rows: usize,
    n_columns: usize,
    cost: impl Fn(usize, usize) -> f64,
) -> Vec<usize> {
    assert!(n_rows <= n_columns, "{n_rows} rows for {n_columns} columns");
    let mut row_potential = vec![0.0; n_rows];
    let mut column_potential = vec![0.0; n_columns];
    let mut row_of: Vec<Option<usize>> = vec![None; n_columns];
    for new_row in 0..n_rows {
        // Dijkstra over columns, by reduced cost, from the new row to a free column.
        let mut distance = vec![f64::INFINITY; n_columns];
        let mut previous: Vec<Option<usize>> = vec![None; n_columns];
        let mut done = vec![false; n_columns];
        let (mut row, mut last, mut length) = (new_row, None, 0.0);
        let free = loop {
            let mut nearest: Option<usize> = None;
            for column in (0..n_columns).filter(|&column| !done[column]) {
                let reduced = cost(row, column) - row_potential[row] - column_potential[column];
                if length + reduced < distance[column] {
                    distance[column] = length + reduced;
                    previous[column] = last;
                }
                if nearest.is_none_or(|nearest| distance[column] < distance[nearest]) {
                    nearest = Some(column);
                }
            }
            let column = nearest.expect("a free column: there are not more rows than columns");
            done[column] = true;
            length = distance[column];
            match row_of[column] {
                Some(seated) => (row, last) = (seated, Some(column)),
                None => break column,
            }
        };
        row_potential[new_row] += length;
        for column in (0..n_columns).filter(|&column| done[column] && column != free) {
            let slack = length - distance[column];
            column_potential[column] -= slack;
            if let Some(seated) = row_of[column] {
                row_potential[seated] += slack;
            }
        }
        // Everyone on the path moves one column on.
        let mut column = free;
        while let Some(before) = previous[column] {
            row_of[column] = row_of[before];
            column = before;
        }
        row_of[column] = Some(new_row);
    }
    let mut column_of = vec![0; n_rows];
    for (column, row) in row_of.into_iter().enumerate() {
        if let Some(row) = row {
            column_of[row] = column;
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least total over every possible assignment.
    fn least(costs: &[Vec<f64>], row: usize, taken: &mut Vec<usize>) -> f64 {
        let Some(line) = costs.get(row) else { return 0.0 };
        let mut best = f64::INFINITY;
        for (column, cost) in line.iter().enumerate() {
            if !taken.contains(&column) {
                taken.push(column);
                best = best.min(cost + least(costs, row + 1, taken));
                taken.pop();
            }
        }
        best
    }

    #[test]
    fn a_greedy_choice_is_taken_back() {
        let costs = [[1.0, 2.0], [1.0, 9.0]];
        assert_eq!(cheapest(2, 2, |row, column| costs[row][column]), [1, 0]);
        assert_eq!(cheapest(0, 3, |_, _| 0.0), [0; 0]);
        assert_eq!(cheapest(2, 3, |_, _| 0.5), [0, 1]);
    }

    proptest! {
        #[test]
        fn no_other_assignment_is_cheaper(
            costs in (1..=6usize, 0..=2usize).prop_flat_map(|(n_rows, more)| {
                prop::collection::vec(prop::collection::vec(-2.0..2.0f64, n_rows + more), n_rows)
            }),
        ) {
            let n_columns = costs[0].len();
            let columns = cheapest(costs.len(), n_columns, |row, column| costs[row][column]);
            let mut distinct = columns.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), costs.len());
            let total: f64 = columns.iter().enumerate().map(|(row, &column)| costs[row][column]).sum();
            prop_assert!((total - least(&costs, 0, &mut Vec::new())).abs() < 1e-9);
        }
    }
}
