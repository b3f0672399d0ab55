/// What one event may cost, so that no event keeps the program busy for long, whatever the rules are.
///
/// A call as Gruveo reports it takes a thousandth of it even with 10,000 rules. Only many values at one path, or very
/// long ones, asked about by many conditions that no table can answer, come to the end of it.
struct Effort {
    /// About ten milliseconds; a unit is a byte that a condition reads, or a look at a value.
    private var left = 3_500_000

    /// Takes some units; false where so many are not left.
    mutating func affords(_ units: Int) -> Bool {
        left -= units
        return left >= 0
    }
}
