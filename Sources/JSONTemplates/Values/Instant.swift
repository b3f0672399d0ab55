/// A point in time as JSON-e writes it: `2017-01-19T16:27:20.974Z`.
package struct Instant: CustomStringConvertible {
    /// What it costs a template to read one and to write one.
    static let steps = 20
    private static let dayMilliseconds: Int64 = 86_400_000
    /// 0001-01-01 and 9999-12-31, between which a year has four digits.
    private static let bounds: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// Since 1970-01-01T00:00:00Z.
    package let milliseconds: Int64

    init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// A number of milliseconds, its fraction dropped; nil where the year would not have four digits.
    init?(_ number: TemplateNumber) {
        let milliseconds = number.double.rounded(.down)
        guard milliseconds.magnitude < 0x1p53, Instant.bounds.contains(Int64(milliseconds)) else { return nil }
        self.init(milliseconds: Int64(milliseconds))
    }

    /// Reads a time in UTC, or nil where it is none; digits behind the milliseconds are dropped.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        let marks: [(place: Int, mark: Unicode.Scalar)] = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ bytes[$0.place] == UInt8(ascii: $0.mark) }) else { return nil }
        guard let year = Instant.number(bytes[0..<4]), let month = Instant.number(bytes[5..<7]),
            let day = Instant.number(bytes[8..<10]), let hour = Instant.number(bytes[11..<13]),
            let minute = Instant.number(bytes[14..<16]), let second = Instant.number(bytes[17..<19]),
            let fraction = Instant.milliseconds(bytes[19..<(bytes.count - 1)])
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= Instant.days(in: month, of: year), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let days = Instant.days(before: year, month) + day - 1
        milliseconds = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + fraction
    }

    /// The time so much later, or nil where its year has not four digits.
    func advanced(byMilliseconds delta: Int64) -> Instant? {
        let (sum, overflow) = milliseconds.addingReportingOverflow(delta)
        return overflow || !Instant.bounds.contains(sum) ? nil : Instant(milliseconds: sum)
    }

    package var description: String {
        let parts = parts
        let date = [Instant.padded(parts.year, 4), Instant.padded(parts.month, 2), Instant.padded(parts.day, 2)]
            .joined(separator: "-")
        let time = [parts.hour, parts.minute, parts.second].map { Instant.padded($0, 2) }.joined(separator: ":")
        return "\(date)T\(time).\(Instant.padded(parts.millisecond, 3))Z"
    }

    /// The calendar's and the clock's view, in UTC.
    struct Parts {
        let year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64, millisecond: Int64
        /// 0 is Monday.
        let weekday: Int
    }

    var parts: Parts {
        var days = (milliseconds.quotientAndRemainder(dividingBy: Instant.dayMilliseconds)).quotient
        var rest = milliseconds - days * Instant.dayMilliseconds
        if rest < 0 { (days, rest) = (days - 1, rest + Instant.dayMilliseconds) }
        let (year, month, day) = Instant.date(days)
        // 1970-01-01 was a Thursday; no day of these bounds is 719,467 days before it.
        return Parts(
            year: year, month: month, day: day, hour: rest / 3_600_000, minute: rest / 60_000 % 60,
            second: rest / 1000 % 60, millisecond: rest % 1000, weekday: Int((days + 3 + 7 * 102_781) % 7))
    }
}

// MARK: - Digits and the calendar

extension Instant {
    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// `.974` and longer or shorter; nothing at all is 0.
    private static func milliseconds(_ fraction: ArraySlice<UInt8>) -> Int64? {
        guard let point = fraction.first else { return 0 }
        let digits = fraction.dropFirst()
        guard point == UInt8(ascii: "."), !digits.isEmpty, digits.count <= 9, number(digits) != nil else { return nil }
        return number((digits + Array("00".utf8)).prefix(3))
    }

    static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return digits.utf8.count < width ? String(repeating: "0", count: width - digits.utf8.count) + digits : digits
    }

    static func days(in month: Int64, of year: Int64) -> Int64 {
        days(before: month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1) - days(before: year, month)
    }

    /// Days from 1970-01-01 to the first of a month (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    static func days(before year: Int64, _ month: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
