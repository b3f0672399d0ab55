/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds, as Gruveo's own `timestamp`.
package struct Timestamp: Sendable, Hashable, Comparable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// Saturates instead of trapping: a far-off clock or schedule must not end the process.
    package func advanced(byMilliseconds delta: Int64) -> Timestamp {
        let (sum, overflow) = milliseconds.addingReportingOverflow(delta)
        return Timestamp(milliseconds: overflow ? (delta < 0 ? .min : .max) : sum)
    }

    /// Milliseconds from an earlier point to this one; negative if that one is later.
    package func milliseconds(since earlier: Timestamp) -> Int64 {
        let (difference, overflow) = milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return overflow ? (earlier < self ? .max : .min) : difference
    }

    /// Whether `now` has yet to reach this point.
    ///
    /// A point further off than `longest` milliseconds, the longest wait that was ever set, stems from before the clock
    /// was set back: it counts as reached, so that nothing is parked for a year.
    package func isAhead(of now: Timestamp, byAtMost longest: Int64) -> Bool {
        let left = milliseconds(since: now)
        return left > 0 && left <= longest
    }

    package var seconds: Int64 { milliseconds / 1000 }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds: `2026-11-22T08:05:01.042Z`.
    package var description: String {
        let parts = UTCParts(self)
        return "\(pad(parts.year, 4))-\(pad(parts.month, 2))-\(pad(parts.day, 2))T\(pad(parts.hour, 2))"
            + ":\(pad(parts.minute, 2)):\(pad(parts.second, 2)).\(pad(parts.millisecond, 3))Z"
    }

    /// The form that sorts in a file name: `20261122T080501042Z`.
    package var compact: String {
        let parts = UTCParts(self)
        return "\(pad(parts.year, 4))\(pad(parts.month, 2))\(pad(parts.day, 2))T\(pad(parts.hour, 2))"
            + "\(pad(parts.minute, 2))\(pad(parts.second, 2))\(pad(parts.millisecond, 3))Z"
    }

    private func pad(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// A UTC calendar date and time, by the civil-from-days algorithm (H. Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms"): days are counted from 0000-03-01 in eras of 400 years.
private struct UTCParts {
    let year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, millisecond: Int

    init(_ timestamp: Timestamp) {
        let (days, rest) = UTCParts.floorDivide(Int(timestamp.milliseconds), 86_400_000)
        let shifted = days + 719_468
        let (era, dayOfEra) = UTCParts.floorDivide(shifted, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        hour = rest / 3_600_000
        minute = rest / 60_000 % 60
        second = rest / 1000 % 60
        millisecond = rest % 1000
    }

    private static func floorDivide(_ value: Int, _ divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
