/// The rules of a zone that repeat each year, written like `EET-2EEST,M3.5.0/3,M10.5.0/4` (POSIX.1, TZ variable; with
/// the hours from -167 to 167 of RFC 9636 section 3.3.2).
struct YearlyRules: Sendable {
    /// Seconds ahead of UTC.
    private let standard: Int
    private let summer: (offset: Int, from: Day, to: Day)?

    init?(_ text: String) {
        var rest = Substring(text)
        guard Self.skipName(&rest), let west = Self.seconds(&rest) else { return nil }
        standard = -west
        guard !rest.isEmpty else {
            summer = nil
            return
        }
        guard Self.skipName(&rest) else { return nil }
        let offset = rest.first == "," ? standard + 3600 : Self.seconds(&rest).map { -$0 }
        let days = rest.split(separator: ",", omittingEmptySubsequences: false)
        guard let offset, days.count == 3, days[0].isEmpty, let from = Day(days[1]), let to = Day(days[2]) else {
            return nil
        }
        summer = (offset, from, to)
    }

    func offset(at seconds: Int64) -> Int {
        guard let summer else { return standard }
        let year = Instant(milliseconds: (seconds + Int64(standard)) * 1000).parts.year
        let from = summer.from.seconds(in: year) - Int64(standard)
        let to = summer.to.seconds(in: year) - Int64(summer.offset)
        // South of the equator a summer begins in one year and ends in the next.
        let isSummer = from < to ? (from..<to).contains(seconds) : !(to..<from).contains(seconds)
        return isSummer ? summer.offset : standard
    }

    /// Letters, or anything between angle brackets.
    private static func skipName(_ rest: inout Substring) -> Bool {
        if rest.first == "<", let end = rest.firstIndex(of: ">") {
            rest = rest[rest.index(after: end)...]
            return true
        }
        let name = rest.prefix { $0.isLetter }
        rest = rest[name.endIndex...]
        return !name.isEmpty
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    fileprivate static func seconds(_ rest: inout Substring) -> Int? {
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest = rest.dropFirst() }
        let text = rest.prefix { $0.isWholeNumber || $0 == ":" }
        rest = rest[text.endIndex...]
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? 1000 }
        guard (1...3).contains(parts.count), parts.allSatisfy({ $0 < 168 }) else { return nil }
        let seconds = zip(parts, [3600, 60, 1]).reduce(0) { $0 + $1.0 * $1.1 }
        return isNegative ? -seconds : seconds
    }
}

/// The day and time of a change in each year: `Mm.w.d/time`, `Jn/time` or `n/time`.
private struct Day: Sendable {
    private enum Kind {
        /// A day of the week, 0 is Sunday; week 5 is the last one.
        case week(month: Int64, week: Int64, day: Int64)
        /// From 1 to 365; the 29th of February is never counted.
        case julian(Int64)
        /// From 0 to 365.
        case plain(Int64)
    }

    private let kind: Kind
    private let time: Int

    init?(_ text: Substring) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let day = parts.first else { return nil }
        var time = parts.count == 2 ? parts[1] : "2"
        guard let seconds = YearlyRules.seconds(&time), time.isEmpty else { return nil }
        self.time = seconds
        let numbers = day.drop { $0 == "M" || $0 == "J" }.split(separator: ".").compactMap { Int64($0) }
        switch (day.first, numbers.count) {
        case ("M", 3) where 1...12 ~= numbers[0] && 1...5 ~= numbers[1] && 0...6 ~= numbers[2]:
            kind = .week(month: numbers[0], week: numbers[1], day: numbers[2])
        case ("J", 1) where 1...365 ~= numbers[0]: kind = .julian(numbers[0])
        case (_, 1) where 0...365 ~= numbers[0]: kind = .plain(numbers[0])
        default: return nil
        }
    }

    /// The change's local time in seconds since 1970-01-01T00:00:00.
    func seconds(in year: Int64) -> Int64 { days(in: year) * 86_400 + Int64(time) }

    private func days(in year: Int64) -> Int64 {
        let newYear = Instant.days(before: year, 1)
        switch kind {
        case .plain(let day): return newYear + day
        case .julian(let day):
            let isLeap = Instant.days(in: 2, of: year) == 29
            return newYear + day - (isLeap && day >= 60 ? 0 : 1)
        case .week(let month, let week, let day):
            let first = Instant.days(before: year, month)
            // 1970-01-01 was a Thursday, day 4.
            let weekday = (first + 4 + 7 * 200_000) % 7
            let offset = (day - weekday + 7) % 7 + (week - 1) * 7
            return first + (offset < Instant.days(in: month, of: year) ? offset : offset - 7)
        }
    }
}
