/// A span like `1y2mo3w4d5h6m7s` or `-2 days 3 hours`: units in this order, each at most once.
enum TimeOffset {
    /// A year is 365 days and a month 30, as JSON-e counts; the value is in milliseconds.
    private static let units: [(names: [String], milliseconds: Int64)] = [
        (["y", "yr", "year", "years"], 365 * 86_400_000),
        (["mo", "month", "months"], 30 * 86_400_000),
        (["w", "wk", "week", "weeks"], 7 * 86_400_000),
        (["d", "day", "days"], 86_400_000),
        (["h", "hour", "hours"], 3_600_000),
        (["m", "min", "minute", "minutes"], 60_000),
        (["s", "sec", "second", "seconds"], 1000),
    ]

    /// The span in milliseconds; nil where the text is none, or where it is longer than all calendars.
    static func milliseconds(_ text: String) -> Int64? {
        var rest = text.unicodeScalars[...]
        skipSpace(&rest)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest = rest.dropFirst() }
        var sum: Int64 = 0
        var nextUnit = 0
        skipSpace(&rest)
        while !rest.isEmpty {
            let digits = take(&rest) { "0"..."9" ~= $0 }
            skipSpace(&rest)
            let name = String(take(&rest) { "a"..."z" ~= $0 })
            skipSpace(&rest)
            guard let count = Int64(String(digits)),
                let unit = units.indices.dropFirst(nextUnit).first(where: { units[$0].names.contains(name) })
            else { return nil }
            let (span, spanOverflow) = count.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (total, sumOverflow) = sum.addingReportingOverflow(span)
            if spanOverflow || sumOverflow { return nil }
            (sum, nextUnit) = (total, unit + 1)
        }
        return isNegative ? -sum : sum
    }

    private static func take(
        _ rest: inout Substring.UnicodeScalarView, while fits: (Unicode.Scalar) -> Bool
    ) -> Substring.UnicodeScalarView {
        let taken = rest.prefix(while: fits)
        rest = rest[taken.endIndex...]
        return taken
    }

    private static func skipSpace(_ rest: inout Substring.UnicodeScalarView) {
        rest = rest.drop { $0.properties.isWhitespace }
    }
}
