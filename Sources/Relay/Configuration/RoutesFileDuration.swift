/// Spans of time as the routes file writes them: a whole number and one unit.
enum DurationText {
    static let units: [(letter: Character, milliseconds: Int64)] = [
        ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    struct Fault: Error {
        let message: String
    }

    /// Milliseconds of "15s", "5m", "2h" or "3d".
    static func parse(_ text: String) throws(Fault) -> Int64 {
        let shown = Words.quoted(text)
        guard !text.hasPrefix("-") else { throw Fault(message: "\(shown) is negative: write it as \"15s\"") }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let rest = text.dropFirst(digits.count)
        guard !digits.isEmpty else {
            throw Fault(message: "\(shown) is not a duration: write it as \"15s\", \"5m\", \"2h\" or \"3d\"")
        }
        guard let letter = rest.first else {
            throw Fault(message: "\(shown) has no unit: write \"\(digits.prefix(20))s\", or with m, h or d")
        }
        guard let unit = units.first(where: { $0.letter == letter }) else {
            throw Fault(message: "\(shown) has an unknown unit: write a whole number and s, m, h or d, such as \"15s\"")
        }
        guard rest.count == 1 else {
            throw Fault(message: "\(shown) has more than one number and one unit: write \"90m\" for an hour and a half")
        }
        let (product, overflow) = (Int64(digits) ?? .max).multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow else { throw Fault(message: "\(shown) is too long") }
        return product
    }

    /// The shortest spelling of a whole number of seconds.
    static func spelling(_ milliseconds: Int64) -> String {
        let unit = units.last { milliseconds >= $0.milliseconds && milliseconds % $0.milliseconds == 0 } ?? units[0]
        return "\"\(milliseconds / unit.milliseconds)\(unit.letter)\""
    }
}

extension ClosedRange<Int64> {
    static func seconds(_ range: ClosedRange<Int64>) -> ClosedRange<Int64> {
        range.lowerBound * 1000...range.upperBound * 1000
    }

    static func days(_ most: Int64) -> ClosedRange<Int64> { 1000...most * 86_400_000 }
}

extension Field {
    /// A duration in milliseconds.
    func duration(_ range: ClosedRange<Int64>) -> Int64? {
        guard let text = text("a duration in quotes such as \"15s\", \"5m\", \"2h\" or \"3d\"") else { return nil }
        let milliseconds: Int64
        do throws(DurationText.Fault) { milliseconds = try DurationText.parse(text) } catch {
            self.error(error.message)
            return nil
        }
        guard range.contains(milliseconds) else {
            let bounds = [range.lowerBound, range.upperBound].map(DurationText.spelling)
            error("\(Words.quoted(text)) is out of range: from \(bounds[0]) to \(bounds[1])")
            return nil
        }
        return milliseconds
    }
}
