//! What is said of a few values in a line.

/// The mean. None of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The median; the mean of the middle two of an even number. None of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut ascending = values.to_vec();
    ascending.sort_by(f64::total_cmp);
    let middle = ascending.get(ascending.len() / 2)?;
    let is_odd = ascending.len() % 2 == 1;
    Some(if is_odd { *middle } else { f64::midpoint(ascending[ascending.len() / 2 - 1], *middle) })
}

/// The standard deviation of what the values were drawn from. None of fewer than two.
pub fn sd(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The correlation of each value with the next one, -1 to 1. None of fewer than three, or where all are
/// equal. With `n` independent values it is within `2 / sqrt(n)` of zero in 95 % of series.
pub fn lag_1(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    let products: f64 = values.windows(2).map(|next| (next[0] - centre) * (next[1] - centre)).sum();
    (values.len() > 2 && squares > 0.0).then(|| products / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_say_little() {
        assert_eq!(
            (mean(&[]), median(&[]), sd(&[1.0]), lag_1(&[1.0, 2.0])),
            (None, None, None, None)
        );
        assert_eq!(
            (mean(&[1.0, 2.0]), median(&[4.0, 1.0]), sd(&[1.0, 3.0])),
            (Some(1.5), Some(2.5), Some(2.0_f64.sqrt()))
        );
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(lag_1(&[1.0; 9]), None);
        assert_eq!(lag_1(&[1.0, -1.0, 1.0, -1.0]), Some(-0.75));
    }
}
