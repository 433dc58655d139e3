/// The probabilities of several tests, each raised to what it is worth among all of them (Holm,
/// *Scandinavian Journal of Statistics* 6, 1979): with no assumption on how the tests depend on each
/// other, one or more of those at most `level` is wrong in at most that share of all cases.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&one, &other| p[one].total_cmp(&p[other]));
    let mut raised = vec![1.0; p.len()];
    let mut least = 0.0_f64;
    for (n_before, &index) in order.iter().enumerate() {
        least = least.max(p[index] * (p.len() - n_before) as f64).min(1.0);
        raised[index] = least;
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_raised_most_and_order_is_kept() {
        assert_eq!(holm(&[]), [0.0; 0]);
        assert_eq!(holm(&[0.25]), [0.25]);
        assert_eq!(holm(&[0.5, 0.125, 0.25]), [0.5, 0.375, 0.5]);
        assert_eq!(holm(&[0.75, 0.75]), [1.0, 1.0]);
    }
}
